"""scikit-learn's callbacks (from 1.9) on the estimators: a task for each epoch."""

from collections import Counter
from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import BaggingClassifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss._engine import Outcome
from skloss.estimators._finish import finish
from skloss.estimators._fit_network import prepare_fit
from skloss.exceptions import NotFusibleError
from skloss.model_selection import FusedGridSearchCV

callback = pytest.importorskip(
    "sklearn.callback", reason="callbacks came with scikit-learn 1.9"
)
X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
X_num, y_num = load_diabetes(return_X_y=True)
WEIGHT = np.random.default_rng(0).uniform(0.2, 2, len(y))


def net(**params):
    given = {"network": (4,), "epochs": 3, "random_state": 0, **params}
    return LossAwareClassifier(**given)


class Recorder:
    """A callback that notes what it is told of."""

    def __init__(self, stop_after=None):
        self.told, self.stop_after = [], stop_after

    def setup(self, estimator, context):
        self.told.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.told.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.told.append(("end", context.task_name, context.task_id))
        self.fitted = fitted_estimator
        return context.task_name == "epoch" and context.task_id == self.stop_after

    def teardown(self, estimator, context):
        self.told.append("teardown")


class Propagated(Recorder):
    """One that meta-estimators hand down."""

    max_propagation_depth = None


def epochs_told(n):
    """Return what is told of so many epochs."""
    each = [(when, "epoch", i) for i in range(n) for when in ("begin", "end")]
    fit = [("begin", "fit", 0), *each, ("end", "fit", 0)]
    return ["setup", *fit, "teardown"]


def test_a_task_for_each_epoch():
    recorder = Recorder()
    own = net().set_callbacks(recorder).fit(X, y, sample_weight=WEIGHT)
    assert recorder.told == epochs_told(3)
    assert not {"_callback_fit_ctx", "_skl_callbacks_to_teardown"} & set(vars(own))
    plain = net().fit(X, y, sample_weight=WEIGHT)
    np.testing.assert_allclose(
        own._fitted.outputs.weights, plain._fitted.outputs.weights, rtol=1e-5
    )


class Steps(keras.callbacks.Callback):
    """Acts inside an epoch, so that keras.Model.fit trains the network."""

    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.mark.slow
def test_tasks_where_keras_trains():
    recorder, last = Recorder(), Recorder(stop_after=1)
    own = net(callbacks=[Steps]).set_callbacks(recorder).fit(X, y)
    assert own.trained_by_.startswith("keras.Model.fit")
    assert recorder.told == epochs_told(3)
    assert own.set_callbacks(last).fit(X, y).n_epochs_ == 2
    np.testing.assert_array_equal(last.fitted.predict_proba(X), own.predict_proba(X))


def test_no_task_is_left_open_by_early_stopping():
    recorder = Recorder()
    own = net(epochs=50, learning_rate=0.3, early_stopping=True, patience=2)
    own.set_callbacks(recorder).fit(X, y)
    assert own.n_epochs_ < 50
    assert recorder.told == epochs_told(own.n_epochs_)


def test_a_callback_may_stop_the_training():
    recorder = Recorder(stop_after=1)
    own = net(epochs=9).set_callbacks(recorder).fit(X, y)
    assert own.n_epochs_ == 2
    assert own.outcome_ is Outcome.STOPPED_EARLY
    assert recorder.told == epochs_told(2)


def test_teardown_follows_a_failure():
    recorder = Recorder()
    own = net(validation_scoring="accuracy", early_stopping=True)
    own.set_callbacks(recorder)
    with pytest.raises(ValueError, match="The number of classes"):
        own.fit(X[:1], y[:1])
    assert recorder.told == []  # nothing had begun

    def broken(estimator, context):
        raise RuntimeError("broken")

    recorder.on_fit_task_begin = broken
    with pytest.raises(RuntimeError, match="broken"):
        own.fit(X, y)
    assert recorder.told == ["setup", "teardown"]


CASES = [
    (net(calibration="temperature"), "neg_log_loss", (X, y)),
    (net(early_stopping=True, loss="hinge"), "accuracy", (X, y)),
    (LossAwareRegressor(network=(4,), epochs=3), "r2", (X_num, y_num)),
]


@pytest.mark.parametrize(("own", "scoring", "data"), CASES)
def test_scores_are_those_of_the_network_of_that_epoch(own, scoring, data):
    """Against networks that were trained for so many epochs only."""
    monitor = callback.ScoringMonitor(scoring=scoring)
    own = clone(own).set_params(random_state=0).set_callbacks(monitor)
    own.fit(*data)
    logged = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert [row["task_id"] for row in logged] == [0, 1, 2]
    found = [row[scoring] for row in logged]
    for epochs, score in enumerate(found, 1):
        shorter = clone(own).set_callbacks().set_params(epochs=epochs, patience=99)
        if "calibration" in shorter.get_params():
            shorter.set_params(calibration=None)
        if shorter.early_stopping:  # the latest weights, not the best
            job = prepare_fit(shorter, *data)
            members = [replace(job.plan.members[0], patience=np.inf)]
            job = replace(job, plan=replace(job.plan, members=members))
            shorter._fitted = finish(job, job.train())
        else:
            shorter.fit(*data)
        expected = check_scoring(own, scoring)(shorter, *data)
        assert score == pytest.approx(expected, rel=1e-5)
    assert len(set(found)) == 3 or scoring == "accuracy"


def test_scores_use_the_weights():
    monitor = callback.ScoringMonitor(scoring="neg_log_loss")
    net(epochs=1).set_callbacks(monitor).fit(X, y, sample_weight=WEIGHT)
    own = net(epochs=1).fit(X, y, sample_weight=WEIGHT)
    scorer = check_scoring(own, "neg_log_loss")
    expected = scorer(own, X, y, sample_weight=WEIGHT)
    score = monitor.get_logs().data[-1]["neg_log_loss"]
    assert score == pytest.approx(expected, rel=1e-6)


def test_the_estimator_of_an_epoch_is_whole():
    recorder = Recorder(stop_after=0)
    own = net().set_callbacks(recorder)
    seen = []

    def keep(estimator, context, *, fitted_estimator=None):
        seen.append(fitted_estimator)

    recorder.on_fit_task_end = keep
    own.fit(X, y, X_val=X, y_val=y)
    *epochs, last = seen
    assert [one.n_epochs_ for one in epochs] == [1, 2, 3]
    for n, one in enumerate(epochs, 1):
        assert len(one.history_["loss"]) == len(one.history_["val_log_loss"]) == n
        p = one.model_.predict(X, verbose=0)
        np.testing.assert_allclose(p, one.predict_proba(X), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(last.predict_proba(X), own.predict_proba(X))
    assert epochs[-1].history_ == own.history_


def test_in_a_pipeline():
    recorder = Propagated()
    make_pipeline(StandardScaler(), net()).set_callbacks(recorder).fit(X, y)
    assert Counter(one[1] for one in recorder.told if "begin" in one)["epoch"] == 3
    assert recorder.told.count("setup") == recorder.told.count("teardown") == 1


def test_in_a_grid_search():
    recorder, monitor = Propagated(), callback.ScoringMonitor(scoring="accuracy")
    own = net().set_callbacks(monitor)
    search = GridSearchCV(own, {"l2": [0.0, 0.1]}, cv=2).set_callbacks(recorder)
    search.fit(X, y)
    # two candidates on two folds, and the refit, of three epochs each
    begun = Counter(one[1] for one in recorder.told if "begin" in one)
    assert begun["epoch"] == 5 * 3
    assert begun == Counter(one[1] for one in recorder.told if "end" in one)
    logged = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(logged) == 15
    assert np.isfinite([row["accuracy"] for row in logged]).all()


@pytest.mark.parametrize("meta", [BaggingClassifier, OneVsRestClassifier])
def test_in_other_meta_estimators(meta):
    recorder = Recorder()
    own = net(epochs=2).set_callbacks(recorder)
    meta(own, **({"n_estimators": 3} if meta is BaggingClassifier else {})).fit(X, y)
    assert recorder.told == epochs_told(2) * 3


def test_a_fused_search_refuses_callbacks_of_the_net():
    own = make_pipeline(net().set_callbacks(Recorder()))
    search = FusedGridSearchCV(own, {"lossawareclassifier__l2": [0.0]}, cv=2)
    with pytest.raises(NotFusibleError, match="Set them on the search"):
        search.fit(X, y)


def test_progress_bar(capfd):
    pytest.importorskip("rich")
    net().set_callbacks(callback.ProgressBar()).fit(X, y)
    assert "LossAwareClassifier - fit" in capfd.readouterr().out
