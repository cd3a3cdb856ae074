"""An estimator of ours made of a scikeras one."""

import functools
import inspect

import numpy as np
from sklearn.base import clone

from skloss import _model_fit, losses, networks
from skloss._engine._optimizers import OURS, Optimizer
from skloss._keras import (
    get_compile_arguments,
    get_model_function,
    get_rate_or_schedule,
    get_wrapper_callbacks,
)
from skloss._params import split_names
from skloss.estimators._to_scikeras import SAME, build_with_head, refuse
from skloss.networks._body import Body, split_last_layer

NO_NUMBERS = ("batch_size", "verbose")  # of predicting
# A model function is called once before the data are known: as for a binary target,
# and so many columns that it can make a square image of them.
N_COLUMNS = 64


def convert_from_scikeras(cls, estimator):
    """Return an estimator of class ``cls`` made of a scikeras one."""
    kind = "KerasClassifier" if cls._family == "classification" else "KerasRegressor"
    if not isinstance(estimator, getattr(_model_fit.import_wrappers(), kind)):
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
    return set(
        inspect.signature(_model_fit.import_wrappers().KerasClassifier).parameters
    )


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
