"""What callbacks collected is kept as ``callbacks_``; what travels can be pickled."""

import copy
import pickle
import threading
from functools import partial

import numpy as np
import pandas as pd
import pytest
from canonical import NET, X, y_binary, y_number
from keras import callbacks as kc
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import (
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
)
from skloss.inspection import diagnose
from skloss.model_selection import FusedGridSearchCV

MODELS = {
    "classifier": (LossAwareClassifier(**NET), y_binary),
    "regressor": (LossAwareRegressor(**NET), y_number),
    "multi-task": (
        LossAwareMultiTask([("a", ClassificationHead()), ("b", RegressionHead())]),
        pd.DataFrame({"a": y_binary, "b": y_number}),
    ),
}
MODELS["multi-task"][0].set_params(**NET)


class Collects(kc.Callback):
    """Keeps the losses, in a list of its own."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(logs["loss"])


class Locked(kc.Callback):
    """Holds a lock while it trains, and afterwards."""

    def on_train_begin(self, logs=None):
        self.lock = threading.Lock()


class Logs(kc.Callback):
    """Opens its file too early to be copied."""

    def __init__(self, path):
        super().__init__()
        self.file = open(path, "w", encoding="utf-8")


class Notes:
    """Something of the user's, whose method is called."""

    def __init__(self):
        self.epochs = []

    def take(self, epoch, logs):
        """Note an epoch."""
        self.epochs.append(epoch)


def regressor(callbacks, **params):
    return LossAwareRegressor(callbacks=callbacks, **NET | params)


@pytest.mark.parametrize("kind", MODELS)
def test_what_was_collected_is_kept(kind, tmp_path):
    own, y = MODELS[kind]
    given, notes = Collects(), Notes()
    others = [
        kc.LambdaCallback(on_epoch_end=notes.take),
        kc.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
        Locked(),
        kc.CSVLogger(tmp_path / "log.csv"),
    ]
    own = clone(own).set_params(callbacks=[given, *others]).fit(X, y)
    first, second, *_ = own.callbacks_
    assert first.seen == own.history_["loss"]
    assert second.on_epoch_end.__self__.epochs == [0, 1, 2, 3, 4]
    assert (given.seen, notes.epochs) == ([], [])  # every fit has its own
    copies = pickle.loads(pickle.dumps(own)), copy.deepcopy(own)
    for other in copies:
        kept = [type(callback) for callback in other.callbacks_]
        assert kept == [Collects, kc.LambdaCallback]
        assert len(other.callbacks) == 4  # a lambda is among those that were given
        assert other.callbacks_[0].seen == own.history_["loss"]
        pd.testing.assert_frame_equal(*map(frame, (other.predict(X), own.predict(X))))
    assert len(own.callbacks_) == len(copy.copy(own).callbacks_) == 5
    again = clone(own)
    assert again.callbacks == own.callbacks
    assert not hasattr(again, "callbacks_")
    assert own.set_params(callbacks=None).fit(X, y).callbacks_ == []


def frame(predictions):
    return pd.DataFrame(predictions)


def test_before_a_fit_nothing_gets_lost():
    own = regressor([kc.LambdaCallback(on_epoch_end=lambda epoch, logs: None)])
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(own)


def test_each_call_has_its_own():
    own = regressor([Collects])
    losses = [own.partial_fit(X, y_number).callbacks_[0].seen for _ in range(2)]
    assert [losses[0][0], losses[1][0]] == own.history_["loss"]
    kept = own.callbacks_

    def fail():
        raise RuntimeError("no callback")

    with pytest.raises(RuntimeError, match="no callback"):
        own.set_params(callbacks=[fail]).fit(X, y_number)
    assert own.callbacks_ is kept


def test_the_weights_are_kept_once():
    stopping = kc.EarlyStopping("loss", restore_best_weights=True)
    own = regressor([Collects(), stopping]).fit(X, y_number)
    assert [callback.model for callback in own.callbacks_] == [None, None]
    assert own.callbacks_[1].best < np.inf
    assert own.callbacks_[1].best_weights is None


def test_a_callback_that_knows_its_estimator():
    """Its pickle would otherwise ask the estimator, and that the callback again."""
    given = Collects()
    own = regressor([given])
    given.net = own
    for _ in range(2):  # the second copies a fitted one
        own.fit(X, y_number)
    other = pickle.loads(pickle.dumps(own))
    assert np.array_equal(other.predict(X), own.predict(X))


def test_one_that_cannot_be_copied(tmp_path):
    given = Logs(tmp_path / "log.txt")
    text = r"Logs cannot be copied.*TextIOWrapper.*callbacks=\[lambda: Logs\(\.\.\.\)\]"
    with pytest.raises(TypeError, match=text):
        regressor([given]).fit(X, y_number)
    given.file.close()
    made = regressor([lambda: Logs(tmp_path / "log.txt")]).fit(X, y_number)
    made.callbacks_[0].file.close()
    other = pickle.loads(pickle.dumps(made))
    assert (other.callbacks, other.callbacks_) == ([], [])


@pytest.mark.parametrize(
    "wrong",
    [["x"], [kc.History(), 3], "x", 5, {"a": 1}],
    ids=["word in a list", "number in a list", "word", "number", "dict"],
)
def test_what_is_none(wrong):
    """Reading parameters asks for names only; who uses the value says what is wrong."""
    net = LossAwareClassifier(**NET, callbacks=wrong)
    params = net.get_params()
    assert params["callbacks"] is wrong
    assert not [name for name in params if name.startswith("callbacks__")]
    message = "callbacks.* must be a (list of )?keras.callbacks.Callback"
    with pytest.raises(TypeError, match=message):
        net.set_params(callbacks__x__patience=3)
    with pytest.raises(TypeError, match=message):
        net.fit(X, y_binary)
    assert vars(net)["callbacks"] is wrong


def test_what_a_fit_had_is_diagnosed_whatever_is_set_since():
    net = LossAwareClassifier(**NET).fit(X, y_binary)
    expected = repr(diagnose(net))
    net.set_params(callbacks=["x"], loss="nonesuch", network=3, optimizer="x")
    assert repr(diagnose(net)) == expected


@pytest.mark.parametrize(
    "make",
    [partial(kc.EarlyStopping, patience=3), print, dict],
    ids=["partial", "builtin", "class"],
)
def test_what_makes_one_has_no_parameters(make):
    params = LossAwareClassifier(**NET, callbacks=[make]).get_params()
    assert not [name for name in params if name.startswith("callbacks__")]


def test_of_a_fused_search_they_are_those_of_the_refit():
    pipe = make_pipeline(StandardScaler(), regressor([Collects()]))
    grid = {"lossawareregressor__l2": [0.0, 0.1]}
    search = FusedGridSearchCV(pipe, grid, cv=2).fit(X, y_number)
    members = [member[-1] for member in search.fold_ensemble_.estimators]
    nets = [search.best_estimator_[-1], *members]
    assert len({tuple(net.history_["loss"]) for net in nets}) == 3
    for net in nets:
        (callback,) = net.callbacks_
        assert callback.seen == net.history_["loss"]
        assert callback.model is None
    pickle.dumps(search)
