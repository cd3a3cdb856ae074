"""Keras' callbacks, unchanged, on the compiled loop."""

import csv

import keras
import numpy as np
import optuna
import pytest
from keras import callbacks as kc
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.metrics import log_loss
from tensorflow import make_ndarray

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss._callbacks._epoch_callbacks import acts_in_epochs
from skloss._engine import Outcome
from skloss.exceptions import DivergenceWarning

X, y = make_classification(160, 6, n_informative=4, random_state=0)
X_val, y_val = X[100:], y[100:]
X, y = X[:100], y[:100]


def net(callbacks=None, **params):
    given = {"network": (8,), "epochs": 8, "random_state": 0, "learning_rate": 0.05}
    return LossAwareClassifier(callbacks=callbacks, **{**given, **params})


def fitted(callbacks=None, **params):
    return net(callbacks, **params).fit(X, y, X_val=X_val, y_val=y_val)


def waited(curve, patience):
    """Return the number of epochs until the curve has not fallen for ``patience``."""
    best, wait = np.inf, 0
    for epoch, value in enumerate(curve, 1):
        wait = 0 if value < best else wait + 1
        best = min(best, value)
        if wait == patience:
            return epoch
    return len(curve)


class Noted(kc.Callback):
    """Notes what it is told, in a list that copies share."""

    def __init__(self, notes):
        super().__init__()
        self.notes = notes

    def __deepcopy__(self, memo):
        return type(self)(self.notes)

    def note(self, *what):
        self.notes.append((*what, self))

    def on_train_begin(self, logs=None):
        self.note("train_begin")

    def on_epoch_begin(self, epoch, logs=None):
        self.note("begin", epoch)

    def on_epoch_end(self, epoch, logs=None):
        self.note("end", epoch, dict(logs))

    def on_train_end(self, logs=None):
        self.note("train_end")


# -- the nine ------------------------------------------------------------------------


@pytest.mark.parametrize("restore", [False, True])
@pytest.mark.parametrize("monitor", ["val_loss", "val_log_loss"])
def test_early_stopping(monitor, restore):
    free = fitted(epochs=25)
    stopping = kc.EarlyStopping(monitor, patience=3, restore_best_weights=restore)
    own = fitted([stopping], epochs=25)
    curve = free.history_[monitor]
    assert own.n_epochs_ == waited(curve, 3) < 25
    assert own.history_[monitor] == curve[: own.n_epochs_]
    assert own.outcome_ is Outcome.STOPPED_EARLY
    scores = own.history_["val_log_loss"]
    expected = scores[np.argmin(own.history_[monitor])] if restore else scores[-1]
    score = log_loss(y_val, own.predict_proba(X_val))
    assert score == pytest.approx(expected, rel=1e-5)


def test_reduce_on_plateau():
    own = fitted([kc.ReduceLROnPlateau(factor=0.5, patience=1, min_delta=0)], epochs=20)
    rate, best, expected = 0.05, np.inf, []
    for value in own.history_["val_loss"]:
        expected.append(rate)
        rate = rate if value < best else rate * 0.5
        best = min(best, value)
    np.testing.assert_allclose(own.history_["learning_rate"], expected, rtol=1e-6)
    assert len(set(expected)) > 2


def test_learning_rate_scheduler_is_a_schedule_by_hand():
    scheduler = kc.LearningRateScheduler(lambda epoch, rate: 0.05 * 0.5 ** (epoch // 3))
    own, ours = fitted([scheduler]), fitted(lr_schedule="step:factor=0.5,every=3")
    rates = [0.05] * 3 + [0.025] * 3 + [0.0125] * 2
    np.testing.assert_allclose(own.history_["learning_rate"], rates, rtol=1e-6)
    np.testing.assert_allclose(
        own.predict_proba(X_val), ours.predict_proba(X_val), rtol=1e-4
    )


@pytest.mark.parametrize("best", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_model_checkpoint(tmp_path, best):
    path = tmp_path / "{epoch:02d}.keras"
    saving = kc.ModelCheckpoint(path, monitor="val_log_loss", save_best_only=best)
    own = fitted([saving], epochs=12)
    curve = own.history_["val_log_loss"]
    new = [
        n for n in range(1, 13) if not best or curve[n - 1] < min([9, *curve[: n - 1]])
    ]
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{n:02d}.keras" for n in new]
    for epoch in (new[0], new[-1]):
        loaded = keras.models.load_model(tmp_path / f"{epoch:02d}.keras")
        expected = fitted(epochs=epoch).predict_proba(X_val)
        np.testing.assert_allclose(
            loaded.predict(X_val, verbose=0), expected, rtol=1e-5
        )


@pytest.mark.slow
def test_model_checkpoint_of_weights_of_a_regressor(tmp_path):
    A, b = make_regression(80, 4, noise=5.0, random_state=0)
    path = tmp_path / "best.weights.h5"
    saving = kc.ModelCheckpoint(path, monitor="loss", save_weights_only=True)
    own = LossAwareRegressor(
        loss="huber", network=(8,), epochs=4, random_state=0, callbacks=[saving]
    ).fit(A, b)
    other = clone(own).set_params(callbacks=None, random_state=1).fit(A, b)
    model = other.model_
    assert abs(model.predict(A, verbose=0)[:, 0] - own.predict(A)).max() > 1e-3
    model.load_weights(path)
    np.testing.assert_allclose(
        model.predict(A, verbose=0)[:, 0], own.predict(A), rtol=1e-5
    )


def test_csv_logger(tmp_path):
    own = fitted([kc.CSVLogger(tmp_path / "log.csv"), kc.EarlyStopping(patience=2)])
    with open(tmp_path / "log.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(own.n_epochs_))
    for name, values in own.history_.items():
        np.testing.assert_allclose([float(row[name]) for row in rows], values)


def test_tensorboard(tmp_path):
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    own = fitted([kc.TensorBoard(tmp_path)], epochs=4)
    for part, names in {
        "train": {"loss": "loss", "learning_rate": "learning_rate"},
        "validation": {"val_loss": "loss", "val_log_loss": "log_loss"},
    }.items():
        events = reader.EventAccumulator(str(tmp_path / part)).Reload()
        for ours, theirs in names.items():
            tensors = events.Tensors(f"epoch_{theirs}")
            assert [event.step for event in tensors] == [0, 1, 2, 3]
            values = [float(make_ndarray(event.tensor_proto)) for event in tensors]
            np.testing.assert_allclose(values, own.history_[ours], rtol=1e-6)


def test_terminate_on_nan(capsys):
    notes = []
    with pytest.warns(DivergenceWarning):
        own = fitted([kc.TerminateOnNaN(), Noted(notes)], learning_rate=1e30)
    assert "Invalid loss, terminating training" in capsys.readouterr().out
    assert own.outcome_ is Outcome.DIVERGED
    assert notes[-1][0] == "train_end"
    assert not np.isfinite(notes[-2][2]["loss"])
    assert np.isfinite(own.predict_proba(X_val)).all()


class Interrupt(kc.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            raise RuntimeError("interrupted")


@pytest.mark.parametrize(
    "optimizer",
    [
        "adam",
        pytest.param("sgd:momentum=0.9", marks=pytest.mark.slow),
        pytest.param("rmsprop:centered=True", marks=pytest.mark.slow),
    ],
)
def test_backup_and_restore(tmp_path, optimizer):
    """Weights, moments, epoch and batches go on where they were."""
    backup = kc.BackupAndRestore(tmp_path / "backup")
    make = {"optimizer": optimizer, "learning_rate": 0.01, "batch_size": 16}
    whole = fitted(**make)
    with pytest.raises(RuntimeError, match="interrupted"):
        fitted([backup, Interrupt()], **make)
    assert (tmp_path / "backup").exists()
    resumed = fitted([backup], **make)
    assert not (tmp_path / "backup").exists()
    assert resumed.n_epochs_ == 8
    for name, values in whole.history_.items():
        np.testing.assert_allclose(resumed.history_[name], values[3:], rtol=1e-5)
    np.testing.assert_allclose(
        resumed.predict_proba(X_val), whole.predict_proba(X_val), rtol=1e-5
    )
    short = clone(whole).set_params(epochs=3, callbacks=[backup])
    with pytest.raises(RuntimeError, match="interrupted"):
        fitted([backup, Interrupt()], **make)
    with pytest.raises(ValueError, match="nothing is left to train"):
        short.fit(X, y)


class Pruning(kc.Callback):
    """What optuna-integration's KerasPruningCallback does."""

    def __init__(self, trial, monitor):
        super().__init__()
        self._trial, self._monitor = trial, monitor

    def on_epoch_end(self, epoch, logs=None):
        self._trial.report(float(logs[self._monitor]), step=epoch)
        if self._trial.should_prune():
            raise optuna.TrialPruned(f"Trial was pruned at epoch {epoch}.")


def test_pruning_callback_of_optuna():
    curves = []

    def objective(trial):
        pruning = Pruning(trial, "val_log_loss")
        own = clone(net([pruning], epochs=6, learning_rate=0.1 / 10**trial.number))
        own.fit(X, y, X_val=X_val, y_val=y_val)
        curves.append(own.history_["val_log_loss"])
        return curves[-1][-1]

    pruner = optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=2)
    study = optuna.create_study(pruner=pruner)
    study.optimize(objective, n_trials=2)
    first, second = study.trials
    assert first.intermediate_values == dict(enumerate(curves[0]))
    assert second.state is optuna.trial.TrialState.PRUNED
    assert list(second.intermediate_values) == [0, 1, 2]
    with pytest.raises(ValueError, match=r"watches 'val_auc'.*'val_log_loss'"):
        fitted([Pruning(first, "val_auc")])


# -- rules ---------------------------------------------------------------------------


def test_what_callbacks_are_told():
    notes = []
    own = fitted([Noted(notes), Noted(notes)], epochs=2)
    order = ["train_begin", "begin", "end", "begin", "end", "train_end"]
    first = notes[0][-1]
    mine = [note[:-1] for note in notes if note[-1] is first]
    assert mine == [note[:-1] for note in notes if note[-1] is not first]
    assert [note[0] for note in mine] == order
    assert [note[1] for note in mine if len(note) > 1] == [0, 0, 1, 1]
    logs = [note[2] for note in mine if note[0] == "end"]
    assert {k: [log[k] for log in logs] for k in logs[0]} == own.history_


def test_every_fit_has_its_own_and_the_given_ones_stay_as_they_are():
    notes, stopping = [], kc.EarlyStopping(patience=1)
    before = dict(vars(stopping))
    own = net([Noted(notes), stopping])
    for _ in range(2):
        own.fit(X, y, X_val=X_val, y_val=y_val)
    assert vars(stopping) == before
    begun = [note[-1] for note in notes if note[0] == "train_begin"]
    assert len(begun) == len(set(begun)) == 2
    for given in (Interrupt, lambda: Interrupt()):
        with pytest.raises(RuntimeError, match="interrupted"):
            fitted([given])


def test_callbacks_do_not_change_what_they_do_not_touch():
    plain, watched = fitted(), fitted([Noted([])])
    assert plain.history_ == watched.history_
    assert np.array_equal(plain.predict_proba(X_val), watched.predict_proba(X_val))


def test_a_callback_may_set_weights_at_the_end():
    class Zero(kc.Callback):
        def on_train_end(self, logs=None):
            self.model.set_weights([0 * w for w in self.model.get_weights()])

    for early_stopping in (False, True):
        own = fitted([Zero], early_stopping=early_stopping)
        assert np.all(own.predict_proba(X_val) == 0.5)


@pytest.mark.slow
def test_batch_normalisation_is_seen_and_restored():
    from skloss import MLP

    network = MLP((8,), normalization="batch")
    stopping = kc.EarlyStopping(patience=2, restore_best_weights=True)
    own = fitted([stopping], network=network, epochs=25)
    best = int(np.argmin(own.history_["val_loss"])) + 1
    alone = fitted(network=network, epochs=best)
    assert best < own.n_epochs_
    np.testing.assert_allclose(
        own.predict_proba(X_val), alone.predict_proba(X_val), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("callbacks", "error", "text"),
    [
        (kc.EarlyStopping(), TypeError, "must be a list"),
        (["early"], TypeError, "'early' must be"),
        ([dict], TypeError, "it must make"),
        ([kc.EarlyStopping("val_accuracy")], ValueError, "Recorded are 'loss'"),
        ([kc.EarlyStopping("val_loss")], ValueError, "need X_val and y_val"),
        ([kc.ModelCheckpoint("{val_auc}.keras", "loss")], ValueError, "val_auc.*name"),
    ],
)
def test_refused_before_training(callbacks, error, text):
    with pytest.raises(error, match=text):
        net(callbacks).fit(X, y)


def test_partial_fit_tells_the_epoch():
    notes = []
    own = net([Noted(notes)])
    for _ in range(3):
        own.partial_fit(X, y)
    assert [note[1] for note in notes if note[0] == "begin"] == [0, 1, 2]


# -- names ---------------------------------------------------------------------------


def test_nested_names():
    stopping = kc.EarlyStopping(patience=5)
    own = net([stopping, kc.ReduceLROnPlateau, kc.CSVLogger("log.csv"), Interrupt])
    params = own.get_params()
    assert params["callbacks__earlystopping__patience"] == 5
    assert params["callbacks__reducelronplateau__factor"] == 0.1
    assert not [name for name in params if "csvlogger" in name]  # it keeps too little
    other = clone(own).set_params(
        callbacks__earlystopping__patience=2,
        callbacks__earlystopping__monitor="loss",
        callbacks__reducelronplateau__factor=0.5,
    )
    assert (stopping.patience, stopping.monitor) == (5, "val_loss")
    assert own.callbacks[0] is stopping
    assert (other.callbacks[0].patience, other.callbacks[0].monitor) == (2, "loss")
    assert other.callbacks[1].factor == 0.5
    assert other.callbacks[2:] == own.callbacks[2:]
    two = net([kc.EarlyStopping("loss"), kc.EarlyStopping()])
    assert two.get_params()["callbacks__earlystopping-1__monitor"] == "loss"
    for name in ("earlystopping__patients", "csvlogger__filename", "early__patience"):
        with pytest.raises(ValueError, match="Invalid parameter"):
            own.set_params(**{f"callbacks__{name}": 1})


@pytest.mark.parametrize(
    ("callback", "expected"),
    [
        (kc.EarlyStopping(), False),
        (kc.TerminateOnNaN(), False),
        (kc.ModelCheckpoint("a.keras"), False),
        (kc.ModelCheckpoint("a.keras", save_freq=3), True),
        (kc.BackupAndRestore("a", save_freq=3), True),
        (kc.TensorBoard("a"), False),
        (kc.TensorBoard("a", update_freq="batch"), True),
        (kc.LambdaCallback(on_epoch_end=print), False),
        (kc.LambdaCallback(on_train_batch_end=print), True),
    ],
)
def test_which_act_inside_an_epoch(callback, expected):
    assert acts_in_epochs(callback) is expected
