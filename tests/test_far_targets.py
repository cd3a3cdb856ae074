"""Targets far from zero, of any unit, and constant ones.

What is right is known without the package: a shift and a factor of y are a shift and a
factor of its predictions, and a constant has itself for every mean and quantile.
Numbers are multiples of a power of two, so that NumPy's sums are exact.
"""

import numpy as np
import pytest
from canonical import NET, X, y_binary, y_number
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import RobustScaler, StandardScaler

from skloss import (
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
)
from skloss.estimators._units import measure_target, varies
from skloss.exceptions import LossTargetError
from skloss.inspection import diagnose
from skloss.losses import Huber, SquaredError
from skloss.model_selection import FusedGridSearchCV

y = np.round(y_number * 1024) / 1024
FAR = 2.0**33  # beside it single precision has steps of 1024


def net(loss="squared_error", **params):
    return LossAwareRegressor(loss, **NET | params)


def same(found, expected):
    """Compare predictions to a hundred-thousandth of the deviation of y."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * y.std())


# -- far from zero -------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["squared_error", "huber", "quantile", "gaussian_nll"])
def test_a_shift_of_the_target_is_a_shift_of_its_predictions(loss):
    near, far = net(loss).fit(X, y), net(loss).fit(X, FAR + y)
    assert near._fitted.outputs.weights.dtype == np.float32
    same(far.predict(X) - FAR, near.predict(X))
    np.testing.assert_allclose(far.history_["loss"], near.history_["loss"], rtol=1e-5)
    if loss == "gaussian_nll":
        low, high = (fitted.predict_interval(X) for fitted in (near, far))
        same(high - FAR, low)
        same(far.predict_dist(X).std(), near.predict_dist(X).std())


def test_the_keras_model_gives_what_predict_gives():
    near, far = net().fit(X, y), net().fit(X, FAR + y)
    assert near.model_.predict(X, verbose=0).dtype == np.float32
    same(far.model_.predict(X, verbose=0)[:, 0], far.predict(X))


def test_validation_and_stopping_see_a_far_target():
    def fitted(shift):
        own = net(early_stopping=True, validation_scoring="r2", patience=2)
        held = {"X_val": X[60:], "y_val": shift + y[60:]}
        return own.fit(X[:60], shift + y[:60], **held)

    near, far = fitted(0), fitted(FAR)
    same(far.predict(X) - FAR, near.predict(X))
    scores = near.history_["val_r2"], far.history_["val_r2"]
    np.testing.assert_allclose(*scores, rtol=0, atol=1e-6)


def test_several_targets_and_tasks():
    both = np.column_stack([y, FAR - 3 * y])
    a, b = net().fit(X, np.column_stack([y, -3 * y])), net().fit(X, both)
    same(b.predict(X) - [0, FAR], a.predict(X))
    heads = [("class", ClassificationHead()), ("number", RegressionHead())]
    near, far = (
        LossAwareMultiTask(heads, **NET)
        .fit(X, np.column_stack([y_binary, shift + y]))
        .predict(X)
        for shift in (0, FAR)
    )
    same(far - [0, FAR], near)


def test_parts_of_a_far_target():
    near, far = net(), net()
    for rows in (slice(50), slice(50, None)):
        near.partial_fit(X[rows], y[rows])
        far.partial_fit(X[rows], FAR + y[rows])
    same(far.predict(X) - FAR, near.predict(X))


@pytest.mark.slow
def test_fused_searches_score_a_far_target_as_scikit_learn_does():
    grid, make = {"loss": ["squared_error", "huber"]}, {"cv": 3, "scoring": "r2"}
    fused = FusedGridSearchCV(net(), grid, **make).fit(X, FAR + y)
    alone = GridSearchCV(net(), grid, **make).fit(X, FAR + y)
    for k in range(3):
        name = f"split{k}_test_score"
        found, expected = fused.cv_results_[name], alone.cv_results_[name]
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        assert (found > 0).all()


# -- units ---------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [-990, -140, 140, 990])
def test_a_factor_of_the_target_is_a_factor_of_its_predictions(exponent):
    factor = 2.0**exponent
    plain, scaled = net().fit(X, y), net().fit(X, factor * y)
    assert np.array_equal(scaled.predict(X), factor * plain.predict(X))


def test_location_and_scale_are_those_of_scikit_learn():
    Y, weight = np.column_stack([y, 1e8 + y, 1e-9 * y]), np.ones(93)
    own, standard = measure_target(Y, SquaredError(), weight), StandardScaler().fit(Y)
    np.testing.assert_allclose(own[0], standard.mean_, rtol=1e-12)
    np.testing.assert_allclose(own[1], standard.scale_, rtol=1e-7)
    robust = RobustScaler(unit_variance=True).fit(Y)  # the quartiles are rows
    own = measure_target(Y, Huber(), weight)
    np.testing.assert_allclose(own[0], robust.center_, rtol=1e-12)
    np.testing.assert_allclose(own[1], robust.scale_, rtol=1e-7)
    shares = np.where(np.arange(93) < 90, 0.1, y)[:, None]  # an IQR of rounding
    shares[::2] += 2.0**-56
    loc, scale = measure_target(shares, Huber(), weight)
    np.testing.assert_allclose([loc[0], scale[0]], [0.1, shares.std()], rtol=1e-9)


@pytest.mark.parametrize(
    ("target", "params", "match"),
    [
        (1e305 * y, {}, r"y reaches .*e\+305; beyond 1e\+300"),
        (1e-305 * y, {}, r"y spreads by .*e-305 only"),
        (1e25 * y, {"target_transform": None}, "Set target_transform='auto'"),
        (np.where(y == y[0], 1e30, y), {"loss": "huber"}, "Look for outliers, or set"),
        (np.where(y == y[0], 1e-60, 1), {"loss": "log_normal"}, "is 0 in float32"),
    ],
)
def test_what_cannot_be_scaled_is_refused_in_words_that_say_so(target, params, match):
    with pytest.raises(LossTargetError, match=match):
        net(**params).fit(X, target)


def test_weights_of_any_size():
    plain = net().fit(X, y).predict(X)
    for weight in (1e307, 1e-310):
        heavy = net().fit(X, y, sample_weight=np.full(93, weight))
        np.testing.assert_allclose(heavy.predict(X), plain, rtol=1e-6)


# -- constants -----------------------------------------------------------------------


def test_rounding_is_no_spread():
    tenths = np.full((93, 1), 0.1)
    tenths[::2] = 0.3 - 0.2  # a neighbour of 0.1
    assert tenths.std() > 0
    columns = np.column_stack([tenths, 1e9 + y, np.zeros(93)])
    assert varies(columns).tolist() == [False, True, False]


@pytest.mark.parametrize(
    "loss", ["squared_error", "quantile", "poisson", "msle", "gaussian_nll", "hl_gauss"]
)
def test_a_constant_is_predicted_as_itself(loss):
    for value in (1e-9, 0.1, 1e9):
        own = net(loss).fit(X, np.full(93, value))
        np.testing.assert_allclose(own.predict(X), value, rtol=1e-6)


def test_a_constant_beside_a_target_that_varies():
    both = net().fit(X, np.column_stack([np.full(93, 1e6), y]))
    np.testing.assert_allclose(both.predict(X)[:, 0], 1e6, rtol=1e-6)
    assert both.predict(X)[:, 1].std() > 0.3 * y.std()


@pytest.mark.parametrize(
    ("loss", "unit"), [("squared_error", 1e-6), ("hl_gauss", 1e6), ("poisson", 1e3)]
)
def test_after_a_constant_chunk_later_ones_are_learnt(loss, unit):
    aim = unit * (np.exp(y / 2) if loss == "poisson" else y)
    first = 0.0 if loss == "poisson" else 0.1
    own = net(loss).partial_fit(X, np.full(93, first))
    np.testing.assert_allclose(own.predict(X), first, atol=2e-6)
    for _ in range(40):
        own.partial_fit(X, aim)
    assert own.score(X, aim) > 0.8


# -- words ---------------------------------------------------------------------------


def test_columns_that_a_classifier_does_not_know():
    own = LossAwareClassifier(**NET).partial_fit(X, y_binary)
    with pytest.raises(ValueError, match=r"y has 2 columns, but .* classes \[0, 1\]"):
        own.partial_fit(X, np.column_stack([y_binary, y_binary]))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_finding_on_units_says_where_predictions_start():
    """They start at the mean of y: a mean far from zero alone is no illness."""
    own = {"target_transform": None, "epochs": 1, "learning_rate": 1e-9}
    far = net(**own).fit(X, 152 + 50 * y)
    assert np.abs(far.predict(X).mean() - (152 + 50 * y).mean()) < 2
    finding = diagnose(far).findings[0]
    assert finding.name == "target_scale"
    assert f"mean {(152 + 50 * y).mean():.3g}" in finding.evidence
    assert "start at the best constant" in finding.evidence
    mild = diagnose(net(**own).fit(X, 152 + y / y.std()))
    assert "target_scale" not in [found.name for found in mild.findings]
    tiny = diagnose(net("msle", **own).fit(X, 1e-12 * np.exp(y))).findings[0]
    assert (tiny.name, tiny.remedy) == ("target_scale", {})
