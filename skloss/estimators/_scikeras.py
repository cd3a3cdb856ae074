"""From scikeras' estimators, and to them."""

import functools
import inspect

import numpy as np
from sklearn.base import clone

from skloss import losses, networks, schedules
from skloss._callbacks._callback_copies import make_callbacks
from skloss._engine._optimizers import OURS, Optimizer
from skloss._keras import (
    get_compile_arguments,
    get_model_function,
    get_rate_or_schedule,
    get_wrapper_callbacks,
)
from skloss._model_fit._keras_fit import import_wrappers, penalise_kernels
from skloss._params import Varying, split_names
from skloss.estimators._varying import find_schedules
from skloss.networks._body import Body, split_last_layer
from skloss.schedules import Constant

SAME = ("epochs", "verbose", "random_state", "warm_start")
NO_NUMBERS = ("batch_size", "verbose")  # of predicting
# A model function is called once before the data are known: as for a binary target,
# and so many columns that it can make a square image of them.
N_COLUMNS = 64
OURS_ALONE = {
    "weight_decay": 0.0,
    "calibration": None,
    "target_transform": None,
    "early_stopping": False,
    "validation_scoring": None,
}
AS_THEY_ARE = ("MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh")


class Conversions:
    """To and from scikeras: what users of scikeras have written, and may need."""

    @classmethod
    def from_scikeras(cls, estimator):
        """Return an estimator with the parameters of a scikeras one, not fitted.

        Parameters
        ----------
        estimator : scikeras.wrappers.KerasClassifier or KerasRegressor
            Its ``model``, a function or a model, ends in a ``Dense`` layer, which is
            left out: the loss brings its own. A function is called once, and once for
            every fit, as for a binary target. Its arguments are parameters,
            ``network__units``. What it compiles with counts, as in scikeras.
            ``validation_split`` becomes ``early_stopping`` with a ``patience`` of all
            epochs: rows are set aside, drawn and not the last ones, and the weights of
            the epoch that is best on them are kept. ``metrics`` are left out; see
            ``validation_scoring``. ``run_eagerly`` and ``validation_batch_size``, which
            change no number, are left out too.

        Returns
        -------
        LossAwareClassifier or LossAwareRegressor

        Raises
        ------
        TypeError, ValueError
            For what has no counterpart, by name.
        """
        return convert_from_scikeras(cls, estimator)

    def to_scikeras(self):
        """Return a scikeras estimator with these parameters, not fitted.

        Returns
        -------
        scikeras.wrappers.KerasClassifier or KerasRegressor
            ``from_scikeras`` makes an equal estimator of it.

        Raises
        ------
        ValueError
            For what has no counterpart, by name. Keras has few of the losses: see
            ``model_`` for the fitted network as a plain ``keras.Model``.
        """
        return convert_to_scikeras(self)


def refuse(name, value, remedy):
    """Raise the error for a parameter without a counterpart."""
    raise ValueError(f"{name}={value!r} has no counterpart; {remedy}.")


# -- from scikeras -------------------------------------------------------------------


def convert_from_scikeras(cls, estimator):
    """Return an estimator of class ``cls`` made of a scikeras one."""
    kind = "KerasClassifier" if cls._family == "classification" else "KerasRegressor"
    if not isinstance(estimator, getattr(import_wrappers(), kind)):
        raise TypeError(
            f"{cls.__name__}.from_scikeras takes a {kind}, got "
            f"{type(estimator).__name__}."
        )
    own, nested = split_parameters(estimator)
    params = {name: own[name] for name in SAME}
    params |= make_validation_params(own)
    params["batch_size"] = 32 if own["batch_size"] is None else own["batch_size"]
    if "class_weight" in own:
        params["class_weight"] = own["class_weight"]
    if cls._family == "regression":
        params["target_transform"] = None
    routed = clone(estimator)
    callbacks = get_wrapper_callbacks(routed)
    made = get_compile_arguments(routed)
    if not isinstance(own["loss"], str | type):
        made["loss"] = own["loss"]  # copies of Keras' losses lack some numbers
    build = find_model_function(estimator, routed)
    if isinstance(build, functools.partial) and build.func is build_with_head:
        params |= build.keywords  # made by ``to_scikeras``
    else:
        user = {k: v for k, v in own.items() if k not in get_scikeras_names()}
        network = WithoutHead(build, **user, **nested.get("model", {}))
        params["network"] = network
        made = find_compiled_arguments(network, estimator, made, cls._family)
    if made["loss"] is None:
        refuse("loss", None, "give the wrapper its loss, or compile the model")
    return cls(
        loss=losses.get(made["loss"], cls._family),
        callbacks=callbacks or None,
        dtype="float32",
        **params,
        **make_optimizer_params(made["optimizer"]),
    )


def get_scikeras_names():
    """Return the names of scikeras' own parameters."""
    return set(inspect.signature(import_wrappers().KerasClassifier).parameters)


def split_parameters(estimator):
    """Return an estimator's own parameters, and those of its parts, by their names."""
    own, nested = split_names(estimator.get_params(deep=False))
    for prefix in ("fit", "compile"):
        for name, value in nested.pop(prefix, {}).items():
            if name.partition("__")[0] not in own:
                refuse(f"{prefix}__{name}", value, "leave it out")
            if "__" not in name:  # scikeras itself sees to what is nested deeper
                own[name] = value
    for name, value in nested.pop("predict", {}).items():
        if name not in NO_NUMBERS:
            refuse(f"predict__{name}", value, "leave it out")
    if not own["shuffle"]:
        refuse("shuffle", own["shuffle"], "rows are shuffled before every epoch")
    if own["batch_size"] is not None and own["batch_size"] < 1:
        refuse("batch_size", own["batch_size"], "give the number of rows")
    for name in nested:
        if name not in ("model", "optimizer", "loss", "metrics", "callbacks"):
            refuse(f"{name}__...", nested[name], "set the estimator's own parameter")
    return own, nested


def make_validation_params(own):
    """Return our parameters for rows that are set aside, and never end a training."""
    if not own["validation_split"]:
        return {}
    return {
        "early_stopping": True,
        "validation_fraction": own["validation_split"],
        "patience": own["epochs"],
    }


def find_model_function(estimator, routed):
    """Return what makes the wrapper's model."""
    given = estimator.build_fn if estimator.model is None else estimator.model
    if inspect.isfunction(given) or isinstance(given, functools.partial):
        build = given
    else:
        build = Shared(routed)
    if "params" in inspect.signature(build).parameters:
        refuse("model", given, "take meta and arguments of its own in place of params")
    return build


def find_compiled_arguments(network, estimator, made, family):
    """Return loss and optimiser that the wrapper's model has in the end.

    Raises
    ------
    ValueError
        If the function cannot be called before there are data, or compiles with
        another loss than the wrapper has, which scikeras would refuse too.
    """
    n_features = getattr(estimator, "n_features_in_", N_COLUMNS)
    given = made["loss"]  # which the function may set
    try:
        with networks.python_random_untouched():
            model = network.model(n_features, made)
    except Exception as error:  # of the user's function
        raise ValueError(
            f"{network!r} fails for a table of {n_features} columns, where "
            f"from_scikeras looks what it compiles with: {error}. If it needs the real "
            f"number, call initialize(X, y) of the scikeras estimator before."
        ) from error
    if not model.compiled:
        return made
    if given is not None:
        wanted, found = (losses.get(loss, family) for loss in (given, model.loss))
        if wanted != found:
            refuse("loss", wanted, f"the model function compiles with {found!r}")
    return {"loss": model.loss, "optimizer": model.optimizer}


def make_optimizer_params(made):
    """Return our parameters for a Keras optimiser."""
    config, defaults = made.get_config(), type(made)().get_config()
    if isinstance(config["learning_rate"], dict):
        params = {"lr_schedule": get_rate_or_schedule(made)}
    else:  # Keras keeps it as float32: 0.05 is meant, not 0.05000000074505806
        params = {"learning_rate": float(str(np.float32(config["learning_rate"])))}
    if config["global_clipnorm"] is not None:
        params["clip_norm"] = float(config["global_clipnorm"])
    for name in ("weight_decay", "clipnorm", "clipvalue"):
        # Keras decays biases too, and clips each tensor by itself
        if config[name]:
            refuse(f"optimizer's {name}", config[name], f"set {OURS[name]} afterwards")
    changed = {
        name: value
        for name, value in config.items()
        if value != defaults[name] and name not in (*OURS, "name")
    }
    template = Optimizer(type(made))
    template.change(changed)
    return {**params, "optimizer": template.spec()}


class WithoutHead(Body):
    """The body of the model that a scikeras model function returns.

    Parameters
    ----------
    build_fn : callable
    **arguments
        Of the function.
    """

    GIVEN = ("meta", "compile_kwargs")

    def model(self, n_features, compile_kwargs):
        """Call the function, which must return a model."""
        import keras

        meta = {
            "n_features_in_": n_features,
            "X_shape_": (1, n_features),
            "n_classes_": 2,
            "n_outputs_": 1,
            "n_outputs_expected_": 1,
            "target_type_": "binary",
        }
        model = self.call_function(meta=meta, compile_kwargs=compile_kwargs)
        if not isinstance(model, keras.Model):
            raise TypeError(
                f"network={self!r} returned {type(model).__name__}; it must return a "
                f"Keras model."
            )
        return model

    def make_body(self, n_features):
        """Return the model without its last Dense layer, and what comes after it."""
        import keras

        # whatever it is compiled with: loss and optimiser are the estimator's
        body = self.model(n_features, {"optimizer": "sgd", "loss": None})
        last, inner = split_last_layer(body)
        while isinstance(last, keras.layers.Activation | keras.layers.Softmax):
            last, inner = split_last_layer(inner)
        if not isinstance(last, keras.layers.Dense):
            name = None if last is None else last.name
            refuse("the last layer", name, "end in one Dense layer")
        return inner


class Shared:
    """What makes the model of a wrapper that has none or a method; clones share it.

    Parameters
    ----------
    wrapper : scikeras.wrappers.BaseWrapper
    """

    def __init__(self, wrapper):
        self.wrapper = wrapper

    @property
    def __signature__(self):
        """The signature of what the wrapper calls."""
        return inspect.signature(get_model_function(self.wrapper))

    def __call__(self, **arguments):
        """Return the model."""
        return get_model_function(self.wrapper)(**arguments)

    def __deepcopy__(self, memo):
        return self


# -- to scikeras ---------------------------------------------------------------------


def convert_to_scikeras(estimator):
    """Return the scikeras estimator for one of ours."""
    params, named = estimator.get_params(deep=False), import_wrappers()
    for name, default in OURS_ALONE.items():
        if params.get(name, default) != default:
            refuse(name, params[name], f"set {name}={default!r}")
    changing = {name: v for name, v in params.items() if isinstance(v, Varying)}
    changing.pop("lr_schedule", None)
    changing |= {f"loss__{n}": v for n, v in find_schedules(params["loss"]).items()}
    for name, value in changing.items():
        refuse(name, value, "give a number")
    if not isinstance(schedules.get(params["lr_schedule"]), Constant):
        refuse("lr_schedule", params["lr_schedule"], "use a callback of Keras")
    if params["batch_size"] == "auto":
        refuse("batch_size", "auto", "give a number")
    if params["dtype"] == "float64":
        refuse("dtype", "float64", "use 'auto' or 'float32'")
    optimizer = Optimizer(params["optimizer"])
    routed = {**optimizer.own_params(), "learning_rate": params["learning_rate"]}
    if params["clip_norm"] is not None:
        routed["global_clipnorm"] = params["clip_norm"]
    wrapper = named.KerasRegressor
    if estimator._family == "classification":
        wrapper = functools.partial(
            named.KerasClassifier, class_weight=params["class_weight"]
        )
    body = {name: params[name] for name in ("network", "dropout", "l1", "l2")}
    return wrapper(
        model=functools.partial(build_with_head, **body),
        loss=get_keras_loss(losses.get(params["loss"], estimator._family)),
        optimizer=optimizer.cls,
        batch_size=params["batch_size"],
        callbacks=make_callbacks(params["callbacks"]) or None,
        **{name: params[name] for name in SAME},
        **{f"optimizer__{name}": value for name, value in routed.items()},
    )


def get_keras_loss(loss):
    """Return Keras' own for a loss, where a plain output layer belongs to it."""
    import keras

    if loss == losses.get("cross_entropy", "classification"):
        return "sparse_categorical_crossentropy"
    for theirs, names in type(loss).from_keras.items():
        if theirs in AS_THEY_ARE and loss.family == "regression":
            knobs = {name: getattr(loss, ours) for name, ours in names.items()}
            return getattr(keras.losses, theirs)(**knobs)
    return refuse("loss", loss, f"use 'cross_entropy' or one of {AS_THEY_ARE}")


def build_with_head(meta, network, dropout, l1, l2):
    """Return a network with the output layer that scikeras expects."""
    import keras

    n_outputs = meta.get("n_classes_") or meta["n_outputs_"]
    model = networks.build(
        networks.get(network),
        meta["n_features_in_"],
        n_outputs,
        "float32",
        lambda: keras.layers.Dropout(dropout),
    )
    penalise_kernels(model, l1, l2)
    if "n_classes_" not in meta:
        return model
    return keras.Model(model.input, keras.layers.Softmax()(model.output))
