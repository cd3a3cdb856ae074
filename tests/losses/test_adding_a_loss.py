"""Adding a loss is writing one class: everything else finds it."""

import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest
from catalogue import instances, own_classes, settings_of
from scipy.special import expit
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale

from skloss import LossAwareClassifier
from skloss.losses import ClassificationLoss, Loss, get

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fresh():
    class Fresh(ClassificationLoss):
        """Cross-entropy of scores that count ``pace``-fold."""

        __module__ = "skloss.losses._fresh"
        name = "fresh"
        formula = "-log softmax(pace z)_y"
        source = "this test"
        proper = "link"
        search_space = {"pace": (0.5, 3.0, "log")}  # noqa: RUF012

        def __init__(self, pace=2.0):
            self.pace = pace

        def pointwise(self, y_true, raw):
            log_p = keras.ops.log_softmax(self.pace * raw)
            return -keras.ops.sum(y_true * log_p, axis=-1)

    yield Fresh
    del Loss.registry["classification"]["fresh"]


def documentation():
    spec = importlib.util.spec_from_file_location("t", ROOT / "docs/losses_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_class_is_found_everywhere(fresh):
    assert get("fresh:pace=3", "classification") == fresh(pace=3)
    assert fresh in own_classes()
    assert settings_of(fresh) == [{"pace": 0.5}, {"pace": 3.0}]
    assert [x for x in instances() if isinstance(x, fresh)] == [
        fresh(),
        fresh(0.5),
        fresh(3.0),
    ]
    pages = documentation()
    assert "| `fresh` | classification |" in pages.front_page()
    assert "`fresh`" in pages.choosing_page()


@pytest.mark.slow
def test_one_class_trains_and_has_its_exact_probabilities(fresh):
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    net = LossAwareClassifier("fresh", epochs=20, random_state=0).fit(X, y)
    assert net.score(X, y) > 0.97
    p = net.predict_proba(X)[:, 1]
    f = net.decision_function(X)
    np.testing.assert_allclose(p, np.clip(expit(2 * f), 1e-6, 1 - 1e-6), atol=1e-6)
    settings = {"epochs": 20, "random_state": 0, "dtype": "float64"}
    tuned = LossAwareClassifier("fresh", **settings)
    tuned.set_params(loss__pace=1.0).fit(X, y)
    plain = LossAwareClassifier(**settings).fit(X, y)
    np.testing.assert_allclose(
        tuned._fitted.outputs.weights, plain._fitted.outputs.weights, atol=1e-7
    )
