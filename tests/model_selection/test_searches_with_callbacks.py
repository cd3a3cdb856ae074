"""Keras' callbacks in searches: every network has its own."""

import csv
from functools import partial
from uuid import uuid4

import joblib
import keras
import numpy as np
import optuna
import pytest
from keras import callbacks as kc
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold

from skloss import LossAwareClassifier
from skloss.model_selection import FusedGridSearchCV

X, y = make_classification(150, 6, n_informative=4, random_state=0)
X, y, X_val, y_val = X[:90], y[:90], X[90:], y[90:]
RATES, FOLDS = [0.02, 0.1], KFold(2)

both_searches = pytest.mark.parametrize(
    "search",
    [
        pytest.param(
            partial(GridSearchCV, n_jobs=2), id="grid", marks=pytest.mark.slow
        ),
        pytest.param(partial(FusedGridSearchCV, n_jobs=2), id="fused"),
    ],
)


class Own:
    """Makes a callback that writes to a path of its own."""

    def __init__(self, cls, folder, suffix="", **params):
        self.cls, self.folder, self.suffix, self.params = cls, folder, suffix, params

    def __call__(self):
        path = self.folder / f"{uuid4().hex}{self.suffix}"
        return self.cls(path, **self.params)


class Prune(kc.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise optuna.TrialPruned(f"pruned at epoch {epoch}")


class Fail(kc.Callback):
    """Raises where the rate is high, in the third epoch."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 2 and self.model.optimizer.learning_rate > 0.05:
            raise OSError("no space left")


class Reports(kc.Callback):
    """Writes what an objective would report, one line an epoch."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(f"{epoch}\n")


class Copies(kc.Callback):
    """Refuses to serve two trainings."""

    model_seen = None

    def on_train_begin(self, logs=None):
        assert self.model_seen is None
        self.model_seen = True


def net(callbacks):
    return LossAwareClassifier(
        network=(8,), epochs=10, random_state=0, callbacks=[*callbacks, Copies()]
    )


def searched(search, callbacks, rates=RATES):
    grid = search(net(callbacks), {"learning_rate": rates}, cv=FOLDS, refit=False)
    return grid.fit(X, y, X_val=X_val, y_val=y_val)


def alone(callbacks):
    """Return networks trained one by one, candidate by candidate."""
    return [
        clone(net(callbacks))
        .set_params(learning_rate=rate)
        .fit(X[train], y[train], X_val=X_val, y_val=y_val)
        for rate in RATES
        for train, _ in FOLDS.split(X)
    ]


def assert_scores(grid, nets):
    tests = [test for _, test in FOLDS.split(X)] * len(RATES)
    scores = [own.score(X[t], y[t]) for own, t in zip(nets, tests, strict=True)]
    found = [grid.cv_results_[f"split{k}_test_score"] for k in range(2)]
    np.testing.assert_allclose(np.transpose(found).ravel(), scores)


@both_searches
@pytest.mark.parametrize(
    "callback",
    [
        kc.EarlyStopping(patience=2, restore_best_weights=True),
        kc.ReduceLROnPlateau(factor=0.2, patience=1, min_delta=0.02),
        kc.LearningRateScheduler(lambda epoch, rate: 0.05 / (1 + epoch)),
        kc.TerminateOnNaN(),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_scores_are_those_of_single_fits(search, callback):
    nets = alone([callback])
    assert_scores(searched(search, [callback]), nets)
    if isinstance(callback, kc.EarlyStopping):
        assert len({own.n_epochs_ for own in nets}) > 1  # each stops by itself


@pytest.mark.slow
@both_searches
def test_every_network_writes_what_it_alone_would(search, tmp_path):
    folders = {name: tmp_path / name for name in ("csv", "keras", "board", "backup")}
    for folder in folders.values():
        folder.mkdir()
    callbacks = [
        kc.EarlyStopping(patience=2),
        Own(kc.CSVLogger, folders["csv"], ".csv"),
        Own(kc.ModelCheckpoint, folders["keras"], ".keras", save_best_only=True),
        Own(kc.TensorBoard, folders["board"]),
        Own(kc.BackupAndRestore, folders["backup"]),
    ]
    grid = searched(search, callbacks)
    written = {name: list(folder.iterdir()) for name, folder in folders.items()}
    assert {name: len(files) for name, files in written.items()} == {
        **{"csv": 4, "keras": 4, "board": 4, "backup": 0}
    }
    nets = alone(callbacks[:1])
    assert_scores(grid, nets)
    curves = []
    for path in written["csv"]:
        with open(path, encoding="utf-8") as file:
            curves.append([float(row["val_loss"]) for row in csv.DictReader(file)])
    expected = sorted(own.history_["val_loss"] for own in nets)
    for curve, values in zip(sorted(curves), expected, strict=True):
        np.testing.assert_allclose(curve, values, rtol=1e-4)
    best = sorted(
        -np.log(
            keras.models.load_model(path).predict(X_val, verbose=0)[
                np.arange(len(y_val)), y_val
            ]
        ).mean()
        for path in written["keras"]
    )
    np.testing.assert_allclose(best, sorted(map(min, expected)), rtol=1e-4)


@both_searches
def test_a_pruned_trial_passes_through(search):
    with pytest.raises(optuna.TrialPruned, match="pruned at epoch 0"):
        searched(partial(search, error_score="raise"), [Prune()])


def test_pruning_is_no_failure():
    with pytest.raises(optuna.TrialPruned, match="pruned at epoch 0"):
        searched(FusedGridSearchCV, [Prune()])


@both_searches
def test_a_callback_that_raises_fails_its_network_only(search):
    well = searched(FusedGridSearchCV, [], [0.02])
    failed, missing = pytest.warns(FitFailedWarning), pytest.warns(match="non-finite")
    with failed as said, missing:
        grid = searched(search, [Fail()], [0.02, 0.1])
    assert "OSError: no space left" in str(said[0].message)
    for fold in range(2):
        column = grid.cv_results_[f"split{fold}_test_score"]
        assert column[0] == well.cv_results_[f"split{fold}_test_score"][0]
        assert np.isnan(column[1])
    if search.func is FusedGridSearchCV:
        assert grid.cv_results_["outcome"].tolist() == [
            "finished",
            "failed: OSError('no space left')",
        ]
    with pytest.raises(OSError, match="no space left"):
        searched(partial(search, error_score="raise"), [Fail()], [0.1])


@both_searches
def test_reports_of_a_callback(search, tmp_path):
    searched(search, [Own(Reports, tmp_path)])
    steps = [path.read_text("utf-8").split() for path in tmp_path.iterdir()]
    assert steps == [[str(epoch) for epoch in range(10)]] * 4


def test_a_network_that_diverges_leaves_the_others_alone(capsys):
    callback = kc.TerminateOnNaN()
    failed, missing = pytest.warns(FitFailedWarning), pytest.warns(match="non-finite")
    with failed, missing:
        grid = searched(FusedGridSearchCV, [callback], [0.02, 1e300])
    assert "Invalid loss, terminating training" in capsys.readouterr().out
    assert np.isnan(grid.cv_results_["split0_test_score"]).tolist() == [False, True]


@pytest.mark.slow
def test_processes():
    callback = kc.EarlyStopping(patience=2, restore_best_weights=True)
    with joblib.parallel_config(backend="loky"):
        grid = searched(partial(FusedGridSearchCV, n_jobs=2), [callback])
    assert_scores(grid, alone([callback]))


def test_numbers_of_callbacks_are_searched():
    grid = FusedGridSearchCV(
        net([kc.EarlyStopping(patience=5)]).set_params(epochs=60, learning_rate=0.1),
        {"callbacks__earlystopping__patience": [1, 5]},
        cv=FOLDS,
        refit=False,
    ).fit(X, y, X_val=X_val, y_val=y_val)
    for k, patience in enumerate([1, 5]):
        for fold, (train, test) in enumerate(FOLDS.split(X)):
            own = net([kc.EarlyStopping(patience=patience)])
            own.set_params(epochs=60, learning_rate=0.1)
            own.fit(X[train], y[train], X_val=X_val, y_val=y_val)
            found = grid.cv_results_[f"split{fold}_test_score"][k]
            assert found == pytest.approx(own.score(X[test], y[test]))
