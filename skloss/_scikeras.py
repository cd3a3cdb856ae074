"""From scikeras' estimators, and to them."""

import functools
import inspect

import numpy as np
from sklearn.base import clone

from skloss import losses, networks, schedules
from skloss._annealing import schedules_in
from skloss._callbacks import fresh
from skloss._engine._optimizers import OURS, Optimizer
from skloss._keras_fit import penalise, wrappers
from skloss._params import Params, Varying, split_names
from skloss.schedules import Constant

SAME = ("epochs", "verbose", "random_state", "warm_start")
# Without a counterpart here, unless they are as they are by default.
THEIRS = {
    "metrics": None,
    "validation_split": 0.0,
    "shuffle": True,
    "run_eagerly": False,
    "validation_batch_size": None,
}
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
            Its ``model`` is a function that returns a model which is not compiled and
            ends in a ``Dense`` layer. That layer is left out: the loss brings its own.

        Returns
        -------
        LossAwareClassifier or LossAwareRegressor

        Raises
        ------
        TypeError, ValueError
            For what has no counterpart, by name.
        """
        return taken_over(cls, estimator)

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
        return handed_over(self)


def refuse(name, value, remedy):
    """Raise the error for a parameter without a counterpart."""
    raise ValueError(f"{name}={value!r} has no counterpart; {remedy}.")


# -- from scikeras -------------------------------------------------------------------


def taken_over(cls, estimator):
    """Return an estimator of class ``cls`` made of a scikeras one."""
    kind = "KerasClassifier" if cls._family == "classification" else "KerasRegressor"
    if not isinstance(estimator, getattr(wrappers(), kind)):
        raise TypeError(
            f"{cls.__name__}.from_scikeras takes a {kind}, got "
            f"{type(estimator).__name__}."
        )
    own, nested = split_names(estimator.get_params(deep=False))
    for name, default in THEIRS.items():
        if own[name] != default:
            refuse(name, own[name], "leave it at its default")
    for name in nested:
        if name not in ("model", "optimizer", "loss", "callbacks"):
            refuse(f"{name}__...", nested[name], "set the estimator's own parameter")
    if own["loss"] is None:
        refuse("loss", None, "give the wrapper its loss, and leave compile out")
    routed = clone(estimator)
    made = routed._get_compile_kwargs()
    if not isinstance(own["loss"], str | type):
        made["loss"] = own["loss"]  # copies of Keras' losses lack some numbers
    routed._initialize_callbacks()
    params = {name: own[name] for name in SAME}
    params |= body_params(own, nested.get("model", {}))
    params |= optimizer_params(made["optimizer"])
    if "class_weight" in own:
        params["class_weight"] = own["class_weight"]
    if cls._family == "regression":
        params["target_transform"] = None
    return cls(
        loss=losses.get(made["loss"], cls._family),
        batch_size=batch_size(own["batch_size"]),
        callbacks=routed._fit_callbacks or None,
        dtype="float32",
        **params,
    )


def batch_size(given):
    """Return the number of rows of a batch; Keras' default is 32."""
    if given == -1:
        refuse("batch_size", given, "give the number of rows")
    return 32 if given is None else given


def body_params(own, arguments):
    """Return the parameters that make the body of the wrapper's model."""
    build = own["build_fn"] if own["model"] is None else own["model"]
    if isinstance(build, functools.partial) and build.func is headed:
        return build.keywords  # made by ``to_scikeras``
    if not inspect.isfunction(build) and not isinstance(build, functools.partial):
        refuse("model", build, "give a function that returns the model")
    taken = inspect.signature(build).parameters
    for name in ("compile_kwargs", "params"):
        if name in taken:
            refuse(f"{name} of the model function", name, "take meta and model__...")
    known = set(inspect.signature(wrappers().KerasClassifier).parameters)
    arguments = {**{k: v for k, v in own.items() if k not in known}, **arguments}
    return {"network": WithoutHead(build, tuple(sorted(arguments.items())))}


def optimizer_params(made):
    """Return our parameters for a Keras optimiser."""
    config, defaults = made.get_config(), type(made)().get_config()
    # Keras keeps the rate as float32: 0.05 is meant, not 0.05000000074505806
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


class WithoutHead(Params):
    """The body of the model that a scikeras model function returns.

    Parameters
    ----------
    build : callable
    arguments : tuple of (str, object)
    """

    def __init__(self, build, arguments=()):
        self.build = build
        self.arguments = arguments

    def __call__(self, n_features):
        """Return the model without its last layer."""
        import keras

        meta = {
            "n_features_in_": n_features,
            "X_shape_": (1, n_features),
            "n_classes_": 2,
            "n_outputs_": 1,
            "n_outputs_expected_": 1,
            "target_type_": "binary",
        }
        arguments = dict(self.arguments)
        if "meta" in inspect.signature(self.build).parameters:
            arguments["meta"] = meta
        model = self.build(**arguments)
        if model.compiled:
            refuse("a compiled model", self.build, "leave compile out")
        if not isinstance(model.layers[-1], keras.layers.Dense):
            refuse("the last layer", model.layers[-1].name, "end in a Dense layer")
        if isinstance(model, keras.Sequential):
            return keras.Sequential(model.layers[:-1])
        return keras.Model(model.input, model.layers[-1].input)


# -- to scikeras ---------------------------------------------------------------------


def handed_over(estimator):
    """Return the scikeras estimator for one of ours."""
    params, named = estimator.get_params(deep=False), wrappers()
    for name, default in OURS_ALONE.items():
        if params.get(name, default) != default:
            refuse(name, params[name], f"set {name}={default!r}")
    changing = {name: v for name, v in params.items() if isinstance(v, Varying)}
    changing.pop("lr_schedule", None)
    changing |= {f"loss__{n}": v for n, v in schedules_in(params["loss"]).items()}
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
        model=functools.partial(headed, **body),
        loss=keras_loss(losses.get(params["loss"], estimator._family)),
        optimizer=optimizer.cls,
        batch_size=params["batch_size"],
        callbacks=fresh(params["callbacks"]) or None,
        **{name: params[name] for name in SAME},
        **{f"optimizer__{name}": value for name, value in routed.items()},
    )


def keras_loss(loss):
    """Return Keras' own for a loss, where a plain output layer belongs to it."""
    import keras

    if loss == losses.get("cross_entropy", "classification"):
        return "sparse_categorical_crossentropy"
    for theirs, names in type(loss).from_keras.items():
        if theirs in AS_THEY_ARE and loss.family == "regression":
            knobs = {name: getattr(loss, ours) for name, ours in names.items()}
            return getattr(keras.losses, theirs)(**knobs)
    return refuse("loss", loss, f"use 'cross_entropy' or one of {AS_THEY_ARE}")


def headed(meta, network, dropout, l1, l2):
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
    penalise(model, l1, l2)
    if "n_classes_" not in meta:
        return model
    return keras.Model(model.input, keras.layers.Softmax()(model.output))
