"""Good fits, and second ones that fail, each at another point.

Some are refused before training for weights that are all zero, which comes late: by
then X, y and the loss have been read. Others are interrupted in epoch 3.
"""

import keras
import numpy as np
import pandas as pd
from canonical import NET, X, y_binary, y_number, y_three

from skloss import (
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
    losses,
)

ROWS = len(X)
FAR = 1e6 * y_number
frame = pd.DataFrame(X, columns=list("abcd"))
other_names = frame.rename(columns={"a": "z"})
HEADS = [("c", ClassificationHead()), ("n", RegressionHead())]
Y = np.column_stack([y_three, y_number])
words = np.array(["low", "high", "mid"])[y_three]


def ordered(y):
    """Return classes in an order of their own."""
    return pd.Series(pd.Categorical(y, categories=["low", "mid", "high"], ordered=True))


def put(array, value):
    array = array.astype(type(value) if isinstance(value, str) else float)
    array.flat[5] = value
    return array


# -- the user's parts that fail ------------------------------------------------------
class Raises(keras.callbacks.Callback):
    """Raises in epoch 3, or at another moment."""

    def __init__(self, error, hook="on_epoch_end", at=2):
        super().__init__()
        self.error, self.at = error, at
        setattr(self, hook, self.stop)

    def stop(self, at, logs=None):
        """Raise at the moment for which it was made."""
        if at == self.at or isinstance(at, dict):
            raise self.error


class RaisesInBatches(Raises):
    """Acts inside an epoch, so that ``Model.fit`` trains."""

    def on_train_batch_end(self, batch, logs=None):
        """Do nothing."""


def raising(*args, **kwargs):
    raise RuntimeError("a user's function fails")


def of_shape(y_true, y_pred):
    return keras.ops.mean(y_true - y_pred)


def dropping(units=4):
    return keras.Sequential([keras.layers.Dense(units)])


def with_nothing():
    return "no model"


class FailsAt:
    """A scorer that fails at one of its calls."""

    def __init__(self, error, call):
        self.error, self.call, self.calls = error, call, 0

    def __call__(self, estimator, X, y):
        """Return a score, or raise."""
        self.calls += 1
        if self.calls >= self.call:
            raise self.error
        return float(np.mean(estimator.predict(X) == y))


# -- what was fitted before ----------------------------------------------------------
def classifier(**params):
    return LossAwareClassifier(**NET | params)


VAL = {"X_val": X[60:], "y_val": y_three[60:]}
GOOD = {
    "classes": (classifier(), X, y_three, {}),
    "binary": (classifier(), X, y_binary, {}),
    "focal": (classifier(loss=losses.Focal(gamma=1.0)), X, y_three, {}),
    "coral": (classifier(loss="coral"), X, words, {}),
    "tempered": (classifier(calibration="temperature"), X, y_three, VAL),
    "frame": (classifier(), frame, y_three, {}),
    "warm": (classifier(warm_start=True), X, y_three, {}),
    "watched": (classifier(callbacks=[keras.callbacks.History()]), X, y_three, {}),
    "numbers": (LossAwareRegressor(**NET), X, FAR, {}),
    "heads": (LossAwareMultiTask(HEADS, **NET), X, Y, {}),
}
PARTIAL = {
    "classes in parts": (classifier(), X, y_three),
    "numbers in parts": (LossAwareRegressor(**NET), X, FAR),
}


def table_of(base):
    """Return the table and the target of a good fit."""
    return ({**GOOD, **PARTIAL})[base][1:3]


# -- what fails ----------------------------------------------------------------------
NONE = {"sample_weight": np.zeros(ROWS)}  # refused late: after X, y and the loss
OWN_RATE = keras.optimizers.Adam(learning_rate=0.5)
LABELS = np.column_stack([y_binary, y_binary])
TWO = np.column_stack([y_number, y_number])
STOP = {"early_stopping": True}
THIRD = {"callbacks": [Raises(RuntimeError("epoch 3"))]}
INTERRUPT = {"callbacks": [Raises(KeyboardInterrupt())]}
IN_MODEL_FIT = {"callbacks": [RaisesInBatches(KeyboardInterrupt())]}
FAILS = {  # name: what was fitted, parameters set since, arguments of fit, error
    "nine labels": (
        "classes",
        {"loss": "focal", "loss__gamma": 5},
        {"X": X[:10], "y": y_three[:9]},
        ValueError,
    ),
    "nan label": ("classes", {}, {"y": put(y_three, np.nan)}, ValueError),
    "no y": ("classes", {}, {"y": None}, ValueError),
    "y of numbers": ("classes", {"loss": "brier"}, {"y": y_number}, ValueError),
    "one class": ("classes", {}, {"y": np.zeros(ROWS)}, ValueError),
    "too few labels": ("classes", {}, {"y": y_three[:50]}, ValueError),
    "other labels": ("classes", {}, {"y": words, **NONE}, ValueError),
    "fewer labels": ("classes", {}, {"y": y_binary, **NONE}, ValueError),
    "negative weights": (
        "classes",
        {"loss": "brier"},
        {"sample_weight": -np.ones(ROWS)},
        ValueError,
    ),
    "no weights": ("focal", {"loss__gamma": 5.0}, NONE, ValueError),
    "too few weights": ("classes", {}, {"sample_weight": np.ones(7)}, ValueError),
    "X of nan": ("classes", {"loss": "brier"}, {"X": put(X, np.nan)}, ValueError),
    "X of text": ("frame", {}, {"X": frame.assign(a=words)}, ValueError),
    "one row's features": ("classes", {}, {"X": X[:, 0]}, ValueError),
    "other columns": ("classes", {}, {"X": X[:, :3], **NONE}, ValueError),
    "other names": ("frame", {}, {"X": other_names, **NONE}, ValueError),
    "array after frame": ("frame", {}, {"X": X, **NONE}, ValueError),
    "frame after array": ("classes", {}, {"X": frame, **NONE}, ValueError),
    "class order": ("coral", {}, {"y": ordered(words), **NONE}, ValueError),
    "temperature": ("tempered", {"loss": "brier"}, NONE, ValueError),
    "calibration": ("tempered", {"loss": "hinge"}, {}, ValueError),
    "class_weight": ("classes", {"class_weight": {7: 1.0}}, {}, ValueError),
    "loss's name": ("classes", {"loss": "crossentropi"}, {}, ValueError),
    "loss's kind": ("classes", {"loss": "coral"}, {"y": LABELS}, ValueError),
    "loss of numbers": ("classes", {"loss": "huber"}, {}, ValueError),
    "function's shape": ("classes", {"loss": of_shape}, {}, ValueError),
    "function raises": ("classes", {"loss": raising}, {}, ValueError),
    "network raises": ("classes", {"network": raising}, {}, RuntimeError),
    "network is none": ("classes", {"network": with_nothing}, {}, TypeError),
    "network's size": ("classes", {"network": (0,)}, {}, ValueError),
    "dropout of a body": (
        "classes",
        {"network": dropping, "dropout": 0.5},
        {},
        ValueError,
    ),
    "optimizer": ("classes", {"optimizer": "adamm"}, {}, ValueError),
    "own rate": ("classes", {"optimizer": OWN_RATE}, {}, ValueError),
    "plateau": ("classes", {"lr_schedule": "reduce_on_plateau"}, {}, ValueError),
    "horizon": ("classes", {"epochs": 0}, {}, ValueError),
    "no seed": ("classes", {"random_state": "x"}, {}, ValueError),
    "callback": ("watched", THIRD, {}, RuntimeError),
    "callback begins": (
        "classes",
        {"callbacks": [Raises(RuntimeError(), "on_train_begin")]},
        {},
        RuntimeError,
    ),
    "callback ends": (
        "classes",
        {"callbacks": [Raises(RuntimeError(), "on_train_end")]},
        {},
        RuntimeError,
    ),
    "callback's class": ("watched", {"callbacks": [Raises]}, {}, TypeError),
    "interrupt": ("watched", INTERRUPT, {}, KeyboardInterrupt),
    "interrupt, other y": ("coral", INTERRUPT, {"y": y_binary}, KeyboardInterrupt),
    "interrupt in Model.fit": ("classes", IN_MODEL_FIT, {}, KeyboardInterrupt),
    "interrupted scorer": (
        "classes",
        STOP | {"validation_scoring": FailsAt(KeyboardInterrupt(), 3)},
        {},
        KeyboardInterrupt,
    ),
    "scorer fails": (
        "classes",
        STOP | {"validation_scoring": FailsAt(RuntimeError(), 1)},
        {},
        ValueError,
    ),
    "scorer's name": ("classes", {"validation_scoring": "acuracy"}, VAL, ValueError),
    "no split": ("binary", STOP, {"X": X[:2], "y": [0, 1]}, ValueError),
    "X_val's columns": (
        "classes",
        {"loss": "brier"},
        {"X_val": X[:, :2], "y_val": y_three},
        ValueError,
    ),
    "y_val's classes": ("classes", {}, {"X_val": X, "y_val": words}, ValueError),
    "X_val alone": ("classes", {}, {"X_val": X}, ValueError),
    "groups": ("classes", STOP, {"groups": [1, 2]}, ValueError),
    "one group": ("classes", STOP, {"groups": np.ones(ROWS)}, ValueError),
    "warm, other classes": ("warm", {}, {"y": words}, ValueError),
    "warm, other columns": ("warm", {}, {"X": X[:, :2]}, ValueError),
    "warm, other network": ("warm", {"network": (4,)}, {}, ValueError),
    "negative counts": ("numbers", {"loss": "poisson"}, {"y": -(FAR**2)}, ValueError),
    "infinite y": ("numbers", {"loss": "huber"}, {"y": put(FAR, np.inf)}, ValueError),
    "huge y": ("numbers", {}, {"y": 1e301 * y_number}, ValueError),
    "y of text": ("numbers", {}, {"y": words}, ValueError),
    "scale": ("numbers", {"loss": "huber"}, {"y": y_number, **NONE}, ValueError),
    "scale, trained": ("numbers", INTERRUPT, {"y": y_number}, KeyboardInterrupt),
    "two targets": ("numbers", {}, {"y": TWO, **NONE}, ValueError),
    "two targets, trained": ("numbers", INTERRUPT, {"y": TWO}, KeyboardInterrupt),
    "transform": ("numbers", {"target_transform": "log"}, {}, ValueError),
    "head's loss": ("heads", {"c__loss": "huber"}, {}, ValueError),
    "head's weight": ("heads", {"n__weight": -1.0}, {}, ValueError),
    "head's name": ("heads", {"heads": [("a__b", HEADS[0][1])]}, {}, ValueError),
    "head's target": ("heads", {}, {"y": put(Y, np.nan)}, ValueError),
    "heads' columns": ("heads", {"n__loss": "huber"}, {"y": TWO[:, :1]}, ValueError),
    "heads' weights": ("heads", {"n__loss": "huber"}, NONE, ValueError),
    "heads' scale": ("heads", INTERRUPT, {"y": Y * [1, 9]}, KeyboardInterrupt),
    "one head less": ("heads", {"heads": HEADS[1:]}, {"y": Y}, ValueError),
}
IN_PARTS = {  # the same, of partial_fit
    "unseen class": ("classes in parts", {}, {"y": y_three + 1}, ValueError),
    "other classes": ("classes in parts", {}, {"classes": [0, 1]}, ValueError),
    "columns": ("classes in parts", {"loss": "brier"}, {"X": X[:, :2]}, ValueError),
    "names": ("frame", {"loss": "brier"}, {"X": other_names}, ValueError),
    "array": ("frame", {"loss": "brier"}, {"X": X}, UserWarning),  # made an error
    "weights": ("classes in parts", {"loss": "brier"}, NONE, ValueError),
    "calibration": (
        "classes in parts",
        {"calibration": "temperature"},
        {},
        ValueError,
    ),
    "network": ("classes in parts", {"network": (4,)}, {}, ValueError),
    "loss": ("classes in parts", {"loss": "coral"}, {}, ValueError),
    "optimizer": (
        "classes in parts",
        {"optimizer": "sgd:momentum=0.9"},
        {},
        ValueError,
    ),
    "callback": (
        "classes in parts",
        {"callbacks": [Raises(RuntimeError(), at=1)]},
        {},
        RuntimeError,
    ),
    "targets": ("numbers in parts", {}, {"y": TWO}, ValueError),
    "domain": ("numbers in parts", {"loss": "poisson"}, {"y": -FAR}, ValueError),
    "nan": ("numbers in parts", {"loss": "huber"}, {"y": put(FAR, np.nan)}, ValueError),
}


def arguments(base, given):
    """Return the table of a good fit with what is given in place."""
    X, y = table_of(base)
    return {"X": X, "y": y, **given}
