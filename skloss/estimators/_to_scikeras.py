"""A scikeras estimator made of one of ours."""

import functools
import inspect

from skloss import _model_fit, losses, networks, schedules
from skloss._callbacks._callback_copies import make_callbacks
from skloss._engine._optimizers import Optimizer
from skloss._params import Varying, same
from skloss.estimators._varying import find_schedules
from skloss.schedules import Constant

SAME = ("epochs", "verbose", "random_state", "warm_start")
TRANSLATED = (
    *("loss", "network", "optimizer", "learning_rate", "lr_schedule", "l1", "l2"),
    *("dropout", "clip_norm", "batch_size", "class_weight", "callbacks", "dtype"),
)
# Of effect with ``early_stopping`` alone, which is refused, or on no prediction of a
# loss that has a counterpart.
WITHOUT_EFFECT = ("validation_fraction", "patience", "record", "output_margin")
AS_THEY_ARE = ("MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh")


def refuse(name, value, remedy):
    """Raise the error for a parameter without a counterpart."""
    raise ValueError(f"{name}={value!r} has no counterpart; {remedy}.")


def refuse_ours_alone(estimator, params):
    """Raise ValueError for a parameter that acts, and that scikeras does not have.

    What is off by default stays off; so a new parameter is refused until it is
    translated.
    """
    for name, parameter in inspect.signature(type(estimator)).parameters.items():
        if name in (*SAME, *TRANSLATED, *WITHOUT_EFFECT):
            continue
        off = None if name == "target_transform" else parameter.default
        if not same(params[name], off):
            refuse(name, params[name], f"set {name}={off!r}")


def convert_to_scikeras(estimator):
    """Return the scikeras estimator for one of ours."""
    params, named = estimator.get_params(deep=False), _model_fit.import_wrappers()
    refuse_ours_alone(estimator, params)
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

    n_outputs, dropping = meta.get("n_classes_") or meta["n_outputs_"], []

    def make_layer():
        dropping.append(keras.layers.Dropout(dropout))
        return dropping[-1]

    network = networks.get(network)
    sizes = meta["n_features_in_"], n_outputs
    model = networks.build(network, *sizes, "float32", make_layer)
    if dropout and not dropping and isinstance(network, networks.Body):
        networks.refuse_ignored_dropout(dropout, network)
    _model_fit.penalise_kernels(model, l1, l2)
    if "n_classes_" not in meta:
        return model
    return keras.Model(model.input, keras.layers.Softmax()(model.output))
