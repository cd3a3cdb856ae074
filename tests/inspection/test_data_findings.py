"""Findings about the table, and about what predicts otherwise than it trains."""

from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from canonical import NET, X, y_binary, y_number
from scipy import sparse
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import MLP, LossAwareClassifier, LossAwareRegressor
from skloss._diagnosis._features import compute_explained_share, measure_feature_scale
from skloss._model_fit._keras_fit import adapt_batch_size
from skloss.inspection import diagnose

NAMES = ["height", "weight", "age", "income"]
TIME = 1.7e9  # where neighbours in single precision are 128 apart


def found(net):
    """Return the names of the findings."""
    return [one.name for one in diagnose(net).findings]


def regressor(**params):
    return LossAwareRegressor(**NET | params)


# -- the scale of the features -------------------------------------------------------


@pytest.mark.parametrize("factors", [1e-4, 1e4, (1, 1, 1, 1e9), (1, 1, 1e3, 1)])
def test_unscaled_features_stand_first_and_scaling_cures_them(factors):
    table = pd.DataFrame(X * factors, columns=NAMES)
    raw = regressor(epochs=40).fit(table, y_number)
    diagnosis = diagnose(raw)
    first = diagnosis.findings[0]
    assert first.name == "unscaled_features"
    assert first.remedy == diagnosis.remedy == {}
    assert "make_pipeline(StandardScaler(), LossAwareRegressor(...))" in first.advice
    assert "set_params" not in repr(diagnosis)
    worst = NAMES[int(np.argmax(np.broadcast_to(factors, 4)))]
    assert f"'{worst}'" in first.evidence
    scaled = make_pipeline(StandardScaler(), regressor(epochs=40)).fit(table, y_number)
    assert "unscaled_features" not in found(scaled)
    assert scaled.score(table, y_number) > 0.9 > raw.score(table, y_number)


def test_training_that_diverged_is_explained_by_the_features():
    net = regressor(optimizer="sgd").fit(1e4 * X, y_number)
    assert found(net) == ["unscaled_features", "diverged"]


def test_features_are_left_in_peace_where_training_went_well():
    """A linear model of the scaled features is no better than the network."""
    rows = X * (1, 12, 1, 1)
    net = regressor(epochs=60).fit(rows, y_number)
    assert net.training_record_.features.extremes()[1].tolist() == [1]
    assert net.score(rows, y_number) > 0.9
    assert found(net) == []


def test_columns_that_need_no_scaling_are_never_named():
    """Though training failed: 0/1, one-hot, constants, pixels, rare words."""
    rng = np.random.default_rng(0)
    rare = np.where(rng.random(93) < 0.05, 0.02 * rng.random(93), 0.0)
    table = np.c_[
        X[:, 0] > 2,
        np.eye(5)[rng.integers(5, size=93)],
        np.full(93, 1e6),
        rng.integers(256, size=(93, 2)),
        rng.random(93),
        rare,
    ]
    for learning_rate in (1e-7, 10.0):
        net = LossAwareClassifier(**NET | {"learning_rate": learning_rate})
        names = found(net.fit(table, y_binary))
        assert names
        assert "unscaled_features" not in names


@pytest.mark.parametrize("as_table", [np.asarray, sparse.csr_array])
def test_the_scale_is_that_of_scikit_learn(as_table):
    rng = np.random.default_rng(0)
    table = sparse.random(80, 5, density=0.4, random_state=rng).toarray()
    table *= (1, 1e-6, 1e6, 1, 0)
    table[:, 3] = TIME + rng.normal(size=80)
    scaler = StandardScaler().fit(table)
    scale = measure_feature_scale(as_table(table), "float32")
    np.testing.assert_allclose(scale.mean, scaler.mean_)
    np.testing.assert_allclose(scale.spread[:4], scaler.scale_[:4], rtol=1e-6)
    np.testing.assert_allclose(scale.filled, (table != 0).mean(axis=0))
    furthest = np.abs(scaler.transform(table)).max(axis=0)
    np.testing.assert_allclose(scale.furthest[:4], furthest[:4], rtol=1e-6)
    assert scale.exempt.tolist() == [False] * 4 + [True]
    rounded = 128 * np.round(table[:, 3] / 128)
    error = np.sqrt(np.square(rounded - table[:, 3]).mean()) / table[:, 3].std()
    assert scale.lost[3] == pytest.approx(error)
    assert (scale.lost[[0, 1, 2, 4]] < 1e-6).all()
    assert (measure_feature_scale(as_table(table), "float64").lost < 0.01).all()


def test_what_is_explained_is_the_r2_of_linear_regression():
    expected = LinearRegression().fit(X, y_number).score(X, y_number)
    assert compute_explained_share(1e9 + X, y_number[:, None]) == pytest.approx(
        expected
    )
    assert np.isnan(
        compute_explained_share(X[:10], y_number[:10, None])
    )  # a memory of the rows
    assert np.isnan(compute_explained_share(X, np.ones((93, 1))))


def test_a_column_that_single_precision_cannot_hold_is_named():
    table = pd.DataFrame(X, columns=NAMES)
    table["age"] = TIME + X[:, 0]
    table["height"] = X[:, 3]
    net = regressor().fit(table, y_number)
    diagnosis = {one.name: one for one in diagnose(net).findings}
    own = diagnosis["feature_precision"]
    assert own.evidence.startswith("In float32, in which the network computes, column ")
    assert "'age'" in own.evidence
    assert not any(f"'{name}'" in own.evidence for name in NAMES if name != "age")
    assert own.remedy == {}
    scaled = make_pipeline(StandardScaler(), regressor(epochs=40)).fit(table, y_number)
    assert "feature_precision" not in found(scaled)
    assert scaled.score(table, y_number) > 0.9
    wide = regressor(dtype="float64").fit(table, y_number)
    assert "feature_precision" not in found(wide)
    assert "unscaled_features" in found(wide)


# -- what trains, and what predicts --------------------------------------------------


def slow_statistics():
    """Return a body whose moving statistics hardly move."""
    return keras.Sequential([keras.layers.BatchNormalization(momentum=0.9999)])


@pytest.mark.slow
def test_a_network_that_predicts_otherwise_than_it_trains_is_found():
    rows = 5 + 3 * X
    net = regressor(network=slow_statistics, epochs=60).fit(rows, y_number)
    record = net.training_record_
    error = mean_squared_error(y_number, net.predict(rows)) / y_number.var()
    assert record.predicted_loss == pytest.approx(error, rel=1e-4)
    assert record.fitted_loss == pytest.approx(max(net.history_["loss"][30:]))
    assert error > 1.5 > 5 * record.fitted_loss
    assert "predicts_otherwise" in found(net)
    going_on = regressor(network=slow_statistics, warm_start=True).fit(rows, y_number)
    assert "predicts_otherwise" in found(
        going_on.set_params(epochs=60).fit(rows, y_number)
    )


@pytest.mark.slow
def test_what_makes_training_harder_is_no_finding():
    hard = {"dropout": 0.5, "input_noise": 0.5, "mixup": 0.5, "weight_averaging": 0.9}
    for own in (hard, {"network": MLP((8,), normalization="batch")}):
        net = regressor(epochs=60, **own).fit(X, y_number)
        assert "predicts_otherwise" not in found(net)
        assert net.score(X, y_number) > 0.6


def test_batches_are_normalised_without_a_bias_that_drifts():
    """Its moving mean would lag behind by more than features of spread 1e-3."""
    small = 1e-3 * X
    network = MLP((8,), normalization="batch")
    net = regressor(network=network, epochs=300, learning_rate=0.03)
    net.fit(small, y_number)
    assert net.score(small, y_number) > 0.9


@pytest.mark.slow
def test_moving_statistics_that_have_not_arrived_are_found_and_left_out():
    """After 450 steps a hundredth of the first variance, 1, is a thousand of theirs."""
    small = 1e-3 * X
    network = MLP((8,), normalization="batch")
    net = regressor(network=network, epochs=150, learning_rate=0.03)
    own = {one.name: one for one in diagnose(net.fit(small, y_number)).findings}
    remedy = own["predicts_otherwise"].remedy
    assert remedy == {"network__normalization": "layer"}
    before = net.score(small, y_number)
    cured = net.set_params(**remedy).fit(small, y_number)
    assert "predicts_otherwise" not in found(cured)
    assert cured.score(small, y_number) > 0.9 > 0.6 > before


@pytest.mark.parametrize(("n_rows", "batch_size"), [(93, 1), (1, 32)])
def test_batches_of_one_row_cannot_be_normalised(n_rows, batch_size):
    network = MLP((8,), normalization="batch")
    net = regressor(network=network, batch_size=batch_size)
    with pytest.raises(ValueError, match=r"one row.*normalization='layer'"):
        net.fit(X[:n_rows], y_number[:n_rows])


@pytest.mark.parametrize(
    ("n_rows", "given", "expected"),
    [(65, 32, 33), (7, 2, 4), (64, 32, 32), (1, 32, 32)],
)
def test_keras_normalises_no_batch_of_one_row(n_rows, given, expected):
    """It does not fill the last batch; the compiled loop does, with other rows."""
    plan = SimpleNamespace(batch_size=given)
    stream = SimpleNamespace(rows=np.arange(n_rows))
    norm = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization()])
    assert adapt_batch_size(plan, stream, norm) == expected
    plain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    assert adapt_batch_size(plan, stream, plain) == given
