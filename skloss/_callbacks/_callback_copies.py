"""Each training's own callbacks: made before it, let go of after it, written to files.

A callback that is given is a template. What a training was told stays in its own.
"""

import copy
import os
import pickle

from sklearn.base import BaseEstimator

from skloss._keras import forget_model, get_model
from skloss._tensorflow import keras

# Which attribute says where a callback of Keras, or one derived from it, writes.
PATHS = {
    "ModelCheckpoint": "filepath",
    "BackupAndRestore": "backup_dir",
    "CSVLogger": "filename",
    "TensorBoard": "log_dir",
}


def make_callbacks(callbacks):
    """Return this training's own callbacks: copies of objects, else newly made.

    Raises
    ------
    TypeError
        If an object cannot be copied, or a class or function makes something else.
    """
    made = []
    for given in callbacks or ():
        if isinstance(given, keras.callbacks.Callback):
            callback = copy_callback(given)
        else:
            callback = given()
            if not isinstance(callback, keras.callbacks.Callback):
                raise TypeError(
                    f"callbacks: {given!r} made {callback!r}; it must make a "
                    f"keras.callbacks.Callback."
                )
        made.append(callback)
    return made


def copy_callback(callback):
    """Return a deep copy without a model; an Optuna trial is the same one.

    A copy of a trial would report to a copy of the study, which nobody reads.
    """
    memo = {id(get_model(callback)): None}
    for value in vars(callback).values():
        if type(value).__module__.startswith("optuna."):
            memo[id(value)] = value
    try:
        return copy.deepcopy(callback, memo)
    except Exception as error:  # whatever its parts raise
        name = type(callback).__name__
        raise TypeError(
            f"callbacks: {name} cannot be copied ({error}), and every fit has its own. "
            f"Give a function that makes it, callbacks=[lambda: {name}(...)], or let "
            f"it open files and the like in on_train_begin."
        ) from error


def release_models(callbacks):
    """Take the model from callbacks that are kept: the estimator has the weights."""
    for callback in callbacks:
        forget_model(callback)
        if isinstance(callback, keras.callbacks.EarlyStopping):
            callback.best_weights = None


def find_path(callback):
    """Return where a callback writes, and the attribute that says it, or None."""
    for name, attribute in PATHS.items():
        if isinstance(callback, getattr(keras.callbacks, name)):
            return os.fspath(getattr(callback, attribute)), attribute
    return None


def select_picklable(callbacks):
    """Return those of the callbacks that can be pickled; None where there are none."""
    if callbacks is None:
        return None
    return type(callbacks)(one for one in callbacks if can_be_pickled(one))


def can_be_pickled(value):
    """Tell whether a value can be pickled, apart from networks that it holds."""
    try:
        Trial(Nowhere()).dump(value)
    except Exception:  # which is the answer, whatever its parts raise
        return False
    return True


class Trial(pickle.Pickler):
    """A pickler that does not follow fitted networks: they see to their callbacks."""

    def persistent_id(self, obj):
        """Return a stand-in for a fitted network, else None."""
        fitted = isinstance(obj, BaseEstimator) and "_fitted" in vars(obj)
        return "fitted" if fitted else None


class Nowhere:
    """A file that forgets what is written to it."""

    def write(self, data):
        """Take the bytes."""
        return len(data)
