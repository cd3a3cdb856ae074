"""Planted illnesses are named and cured; healthy fits are left in peace."""

import importlib.util
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.exceptions import IneffectiveParameterWarning
from skloss.inspection import diagnose

PATH = Path(__file__).parents[2] / "examples" / "troubleshooting.py"
spec = importlib.util.spec_from_file_location("troubleshooting", PATH)
clinic = importlib.util.module_from_spec(spec)
sys.modules["troubleshooting"] = clinic  # its dataclasses look themselves up
spec.loader.exec_module(clinic)

CASES = [
    (name, table) for name, one in clinic.ILLNESSES.items() for table in one.tables
]
X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)


@pytest.mark.slow
@pytest.mark.claim
@pytest.mark.parametrize(("name", "table"), CASES)
def test_an_illness_is_named_and_cured(name, table):
    """Named in at least nine of ten runs, and as healthy afterwards on average."""
    found, cured, healthy, error = [], [], [], []
    for seed in range(5):
        diagnosis, scores = clinic.treat(table, clinic.ILLNESSES[name], seed)
        found.append(diagnosis.findings[0].name if diagnosis else None)
        cured.append(scores["cured"])
        healthy.append(scores["healthy"])
        error.append(scores["error"])
    assert found.count(name) >= 0.9 * len(found)
    assert np.mean(cured) >= np.mean(healthy) - np.mean(error)


@pytest.mark.slow
@pytest.mark.claim
def test_healthy_fits_are_left_in_peace():
    """At most one finding in 20 fits with default parameters, here 15."""
    found = []
    for table, (_, estimator) in clinic.TABLES.items():
        for seed in range(5):
            data = clinic.rows(table, clinic.Illness(), seed)
            net = estimator(random_state=seed).fit(data[0], data[2])
            found += diagnose(net).findings
    assert found == []


def fitted(**params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LossAwareClassifier(random_state=0, **params).fit(X, y)


def test_fit_warns_of_the_first_finding():
    net = LossAwareClassifier(learning_rate=1e-6, epochs=20, random_state=0)
    with pytest.warns(ConvergenceWarning, match="too low. Raise.*diagnose.*numbers"):
        net.fit(X, y)
    assert "learning_rate=1e-06 to, say, 0.001" in str(diagnose(net).findings[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = LossAwareClassifier(random_state=0).fit(X, y)
        net.set_params(learning_rate=1e-6, epochs=20, record=False).fit(X, y)
        net.partial_fit(X, y)


def test_text_and_table_say_the_same():
    ill = diagnose(fitted(learning_rate=1e-6, epochs=20))
    assert ill
    assert ill.findings[0].name == "learning_rate_too_low"
    text, table = repr(ill), ill._repr_html_()
    for one in ill.findings:
        assert one.evidence in text
        assert one.name in table
    assert "set_params(learning_rate=0.001)" in text
    well = diagnose(fitted())
    assert not well
    assert well.remedy == {}
    assert "Nothing found" in repr(well)
    assert "Nothing found" in well._repr_html_()


def test_a_pipeline_and_a_search_are_looked_into():
    net = LossAwareClassifier(learning_rate=1e-6, epochs=20, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = make_pipeline(StandardScaler(), net).fit(X, y)
        grid = {"lossawareclassifier__l2": [0.0]}
        search = GridSearchCV(model, grid, cv=2).fit(X, y)
    remedy = {"lossawareclassifier__learning_rate": 0.001}
    assert diagnose(model).remedy == diagnose(search).remedy == remedy
    model.set_params(**remedy)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # in Keras
def test_the_example_of_keras_documentation_is_warned_about():
    example = keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss", factor=0.2, patience=5, min_lr=0.001
    )
    own = LossAwareClassifier(callbacks=[example], random_state=0)
    text = "ReduceLROnPlateau can never act: min_lr=0.001 is not below learning_rate=0"
    with pytest.warns(IneffectiveParameterWarning, match=text):
        own.fit(X, y, X_val=X, y_val=y)
    (found,) = diagnose(own).findings
    assert found.evidence.startswith(text)
    assert found.remedy == {"callbacks__reducelronplateau__min_lr": 1e-5}
    own.set_params(**found.remedy).fit(X, y, X_val=X, y_val=1 - y)
    assert min(own.history_["learning_rate"]) < 0.001


def test_what_cannot_be_diagnosed_is_refused():
    with pytest.raises(NotFittedError):
        diagnose(LossAwareRegressor())
    with pytest.raises(ValueError, match="record=True"):
        diagnose(fitted(epochs=2, record=False))
    with pytest.raises(TypeError, match="LogisticRegression"):
        diagnose(LogisticRegression())


def test_a_training_that_goes_on_is_compared_with_a_constant():
    """A warm start with that of its own rows, partial_fit with that of the first."""
    net, rare = fitted(epochs=5, warm_start=True), y & (X[:, 0] > X[:, 0].mean())
    p = rare.mean()
    for go_on in (net.fit, net.partial_fit):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            go_on(X, rare)
        entropy = -p * np.log(p) - (1 - p) * np.log(1 - p)
        found = net.training_record_.constant_loss
        np.testing.assert_allclose(found, entropy, rtol=1e-6)
        assert "nan" not in str(diagnose(net))


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_the_constant_is_the_loss_of_a_network_without_inputs(kind):
    """Log-loss of the class frequency; variance of a standardised target."""
    if kind == "binary":
        p = y.mean()
        net, expected = LossAwareClassifier(), -p * np.log(p) - (1 - p) * np.log(1 - p)
    else:
        net, expected = LossAwareRegressor(), 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.set_params(epochs=1, random_state=0).fit(X, y, X_val=X, y_val=y)
    record = net.training_record_
    np.testing.assert_allclose(record.constant_loss, expected, rtol=1e-6)
    deviation = np.abs(y - y.mean()).mean() / y.std()
    scores = {"binary": expected, "regression": deviation}
    np.testing.assert_allclose(record.constant_score, scores[kind], rtol=1e-6)
