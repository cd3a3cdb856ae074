"""Temperature scaling inside the classifier."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from skloss import LossAwareClassifier
from skloss.estimators._calibration import divide_by_temperature, fit_temperature
from skloss.losses import Task

cancer_X, cancer_y = load_breast_cancer(return_X_y=True)
cancer_X = scale(cancer_X)
digits_X, digits_y = load_digits(return_X_y=True)
digits_X = digits_X / 16


def net(**params):
    return LossAwareClassifier(**{"epochs": 30, "random_state": 0, **params})


def sigmoid(f):
    return 1 / (1 + np.exp(-f))


def test_temperature_is_the_reciprocal_of_a_logistic_slope():
    # p = sigmoid(f / T) without intercept is a logistic regression on f
    rng = np.random.default_rng(0)
    f = 6 * rng.normal(size=400)
    y = (rng.random(400) < sigmoid(f / 2.5)).astype(int)
    weight = rng.uniform(0.5, 2, 400)
    p = np.stack([sigmoid(-f), sigmoid(f)], axis=1)
    found = fit_temperature(p, y[:, None], weight, Task("binary", 1))
    slope = LogisticRegression(fit_intercept=False, C=np.inf, tol=1e-10)
    slope.fit(f[:, None], y, weight)
    assert found == pytest.approx(1 / slope.coef_[0, 0], rel=1e-4)


@pytest.mark.parametrize("task", [Task("multiclass", 3), Task("multilabel", 3)])
def test_temperature_undoes_a_factor(task):
    rng = np.random.default_rng(1)
    raw = rng.normal(size=(20_000, 3))
    if task.kind == "multiclass":
        Y = np.eye(3)[(raw + rng.gumbel(size=raw.shape)).argmax(axis=1)]
        p, true = softmax(3 * raw, axis=1), softmax(raw, axis=1)
    else:
        Y = (rng.random(raw.shape) < sigmoid(raw)).astype(float)
        p, true = sigmoid(3 * raw), sigmoid(raw)
    found = fit_temperature(p, Y, np.ones(len(raw)), task)
    assert found == pytest.approx(3, rel=0.05)
    np.testing.assert_allclose(divide_by_temperature(p, 3.0, task), true, rtol=1e-9)
    assert divide_by_temperature(p, 1, task) is p


@pytest.mark.slow
@pytest.mark.parametrize("held_out", [False, True])
def test_calibration_lowers_the_log_loss_and_keeps_the_class(held_out):
    X, X_test, y, y_test = train_test_split(
        digits_X, digits_y, test_size=0.5, random_state=0, stratify=digits_y
    )
    val = {}
    if held_out:
        X, X_val, y, y_val = train_test_split(X, y, test_size=0.3, random_state=0)
        val = {"X_val": X_val, "y_val": y_val}
    plain = net(loss="square").fit(X, y, **val)
    scaled = net(loss="square", calibration="temperature").fit(X, y, **val)
    assert plain.temperature_ == 1
    assert np.array_equal(plain._fitted.outputs.weights, scaled._fitted.outputs.weights)
    p, q = plain.predict_proba(X_test), scaled.predict_proba(X_test)
    assert log_loss(y_test, q) < log_loss(y_test, p) - 0.02
    assert np.array_equal(plain.predict(X_test), scaled.predict(X_test))
    assert np.array_equal(scaled.classes_[q.argmax(axis=1)], scaled.predict(X_test))
    np.testing.assert_allclose(scaled.model_.predict(X_test, verbose=0), q, atol=1e-4)


@pytest.mark.slow
def test_out_of_fold_temperature_is_as_good_as_a_held_out_one():
    X, X_test, y, y_test = train_test_split(
        cancer_X, cancer_y, test_size=0.5, random_state=0, stratify=cancer_y
    )
    scaled = net(epochs=200, calibration="temperature").fit(X, y)
    assert scaled.temperature_ > 1.5  # 200 epochs on 284 rows are overconfident
    plain = net(epochs=200).fit(X, y)
    p, q = plain.predict_proba(X_test), scaled.predict_proba(X_test)
    assert log_loss(y_test, q) < log_loss(y_test, p)
    again = net(epochs=200, calibration="temperature").fit(X, y)
    assert again.temperature_ == scaled.temperature_


@pytest.mark.slow
def test_rare_classes_and_class_weight_calibrate():
    y = np.where(digits_y == 0, 1, 0)
    y[:3] = 2  # a class of three rows cannot be in each of five folds
    found = net(calibration="temperature", class_weight="balanced").fit(digits_X, y)
    assert np.isfinite(found.predict_proba(digits_X)).all()


def test_calibration_is_refused_where_it_cannot_work():
    with pytest.raises(ValueError, match=r"'hinge' does not give.*CalibratedClass"):
        net(loss="hinge", calibration="temperature").fit(cancer_X, cancer_y)
    with pytest.raises(ValueError, match=r"partial_fit.*calibration=None"):
        net(calibration="temperature").partial_fit(cancer_X, cancer_y)
    with pytest.raises(ValueError, match="calibration='platt' must be one of"):
        net(calibration="platt").fit(cancer_X, cancer_y)
