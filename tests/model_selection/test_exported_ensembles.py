"""Ensembles as one Keras model, and through a pickle into another process."""

import pickle

import keras
import numpy as np
import pytest
import saved_models
from canonical import NET, X, y_binary, y_number, y_three
from fresh_process import run_python
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import QuantileTransformer, RobustScaler, StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor, to_keras
from skloss.losses import Quantile
from skloss.model_selection import (
    FoldEnsembleClassifier,
    FoldEnsembleRegressor,
    FusedGridSearchCV,
    _search_ensemble,
)
from skloss.preprocessing import PiecewiseLinearEncoder

CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)


def classifier(loss="cross_entropy", **params):
    return LossAwareClassifier(loss, **NET | params)


def regressor(loss="squared_error", **params):
    return LossAwareRegressor(loss, **NET | params)


def halves(make, y, table=X):
    """Return two members, each with steps fitted on its own half of the rows."""
    return [make().fit(table[i::2], y[i::2]) for i in range(2)]


def scaled(net):
    return lambda: make_pipeline(RobustScaler(), net())


@pytest.fixture(scope="module")
def greedy():
    """Return the weighted ensemble of a search over steps, of classes."""
    pipe = Pipeline([("step", StandardScaler()), ("net", classifier())])
    grid = [
        {"step": [StandardScaler()], "net__learning_rate": [0.01, 0.03]},
        {"step": [PiecewiseLinearEncoder(4)]},
    ]
    options = {"cv": 2, "scoring": "neg_log_loss", "ensemble": "greedy"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_search_ensemble, "FEW_ROWS", 0)
        search = FusedGridSearchCV(pipe, grid, **options).fit(*CANCER)
    assert sum(search.ensemble_weights_ > 0) >= 2
    return search.ensemble_


@pytest.fixture(scope="module")
def seeds():
    """Return the ensemble of eight seeds, of distributions."""
    pipe = make_pipeline(PiecewiseLinearEncoder(4), regressor("gaussian_nll"))
    search = FusedGridSearchCV(pipe, {}, cv=2, ensemble="seeds").fit(*DIABETES)
    return search.ensemble_


def loaded(model, folder):
    """Return a model as plain Keras reads it, nothing trusted."""
    model.save(folder / "model.keras")
    return keras.models.load_model(folder / "model.keras")


def test_weighted_probabilities(greedy, tmp_path):
    table, _ = CANCER
    found = loaded(to_keras(greedy), tmp_path)(table)
    np.testing.assert_allclose(found, greedy.predict_proba(table), atol=1e-6)


@pytest.mark.slow
def test_numbers_of_several_seeds(seeds, tmp_path):
    table, _ = DIABETES
    found = loaded(seeds.to_keras(), tmp_path)(table).numpy()
    np.testing.assert_allclose(found[:, 0], seeds.predict(table), rtol=1e-5)
    assert [row["members"] for row in seeds.describe()] == [8]


@pytest.mark.slow
def test_members_of_different_kinds_are_added():
    """One of float64, one of steps, one alone; targets that need double precision."""
    y = np.column_stack([y_number, 1e8 + y_number])
    members = [
        regressor("huber", dtype="float64").fit(X, y),
        scaled(regressor)().fit(X, y),
        regressor().fit(X, y),
    ]
    ensemble = FoldEnsembleRegressor(members, [3.0, 1.0, 0.0])
    model = ensemble.to_keras()
    assert model.output.dtype == "float64"
    expected = ensemble.predict(X)
    np.testing.assert_allclose(model(X) - expected, 0, atol=1e-6)
    assert np.abs(expected - members[0].predict(X)).max() > 1e-3


def test_a_class_that_a_member_has_not_seen(tmp_path):
    some = y_three != 1
    members = [
        classifier().fit(X, y_three),
        classifier(class_weight={2: 5.0}).fit(X[some], y_three[some]),
    ]
    ensemble = FoldEnsembleClassifier(members, [1, 3])
    found = loaded(ensemble.to_keras(), tmp_path)(X)
    np.testing.assert_allclose(found, ensemble.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("y", [y_binary, y_three], ids=["binary", "multiclass"])
def test_scores_where_there_are_no_probabilities(y):
    ensemble = FoldEnsembleClassifier(halves(scaled(lambda: classifier("hinge")), y))
    expected = ensemble.decision_function(X).reshape(len(X), -1)
    np.testing.assert_allclose(ensemble.to_keras()(X), expected, rtol=1e-4, atol=1e-6)


def test_several_labels():
    labels = (X[:, :3] > 0).astype(int)
    ensemble = FoldEnsembleClassifier(halves(classifier, labels))
    np.testing.assert_allclose(ensemble.to_keras()(X), ensemble.predict_proba(X), 1e-5)


def test_what_cannot_be_one_model_is_refused():
    full, probable = classifier("hinge").fit(X, y_three), classifier().fit(X, y_three)
    some = y_three != 1
    lacking = classifier("hinge").fit(X[some], y_three[some])
    for members in ([full, probable], [full, lacking]):
        with pytest.raises(ValueError, match="give probabilities, or lack a class"):
            to_keras(FoldEnsembleClassifier(members))
    step = QuantileTransformer(n_quantiles=9)
    pipe = make_pipeline(step, classifier()).fit(X, y_three)
    with pytest.raises(TypeError, match=r"'quantiletransformer'.*each of its estim"):
        FoldEnsembleClassifier([pipe]).to_keras()


@pytest.mark.slow
def test_saved_ensembles_need_no_skloss(greedy, seeds, tmp_path):
    table, _ = CANCER
    saved_models.save(tmp_path, "greedy", greedy, table, greedy.predict_proba(table))
    table, _ = DIABETES
    saved_models.save(tmp_path, "seeds", seeds, table, seeds.predict(table))
    saved_models.check(tmp_path, atol=1e-4)


# -- pickles -------------------------------------------------------------------------

READ = """
import pickle, sys
import numpy as np
with open("asked.pkl", "rb") as file:
    asked = pickle.load(file)
for ensemble, table, method, expected in asked:
    found = getattr(ensemble, method)(table)
    assert found.tobytes() == expected.tobytes(), method
    assert repr(ensemble).startswith(type(ensemble).__name__ + " of ")
assert "tensorflow" not in sys.modules
"""


@pytest.mark.slow
def test_another_process_predicts_the_same_bits(greedy, seeds, tmp_path):
    quantiles = FoldEnsembleRegressor(
        halves(scaled(lambda: regressor(Quantile((0.05, 0.5, 0.95)))), y_number),
        weights=[2.0, 1.0],
    )
    asked = [
        *[(greedy, CANCER[0], m) for m in ("predict", "predict_proba")],
        *[(greedy, CANCER[0][:1], m) for m in ("decision_function",)],
        *[(seeds, DIABETES[0], m) for m in ("predict", "predict_interval")],
        *[(quantiles, X, m) for m in ("predict_quantiles", "predict_interval")],
    ]
    asked = [(own, X, name, getattr(own, name)(X)) for own, X, name in asked]
    (tmp_path / "asked.pkl").write_bytes(pickle.dumps(asked))
    run_python(READ, tmp_path)
