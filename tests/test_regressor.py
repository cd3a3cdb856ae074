"""``LossAwareRegressor``: targets, scaling, quantiles, going on, its Keras model."""

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
import saved_models
from catalogue import mostly_slow
from keras import ops
from scipy import sparse
from scipy.stats import norm
from sklearn.base import clone
from sklearn.metrics import mean_absolute_error

from skloss import MLP, LossAwareRegressor, losses
from skloss._engine import Outcome
from skloss.losses import Loss, RegressionLoss, loss_names

ALL = loss_names("regression")
COLUMNS = list("abcdef")

rng = np.random.default_rng(0)
X = rng.normal(size=(150, 6))
y = 50 + 20 * (X[:, 0] - X[:, 1]) + rng.normal(size=150)
Y = np.column_stack([y, 3 * X[:, 2], -1000 * X[:, 3] + 10])
counts = rng.poisson(np.exp(1 + 0.5 * X[:, 0])).astype(float)


def net(**params):
    given = {"network": (8,), "epochs": 3, "random_state": 0, **params}
    return LossAwareRegressor(**given)


def target(name):
    inside = {
        "real": y,
        "positive": counts + 0.5,
        "unit": counts / counts.max(),
        "open_unit": (counts + 0.5) / (counts.max() + 1),
    }
    return inside.get(Loss.registry["regression"][name].domain, counts)


# -- targets and tables --------------------------------------------------------------


@pytest.mark.parametrize("name", mostly_slow(ALL))
def test_shapes_and_one_row(name):
    # the batch size of all tests of every loss: their networks share a program
    fitted = net(loss=name, batch_size=512).fit(X, target(name))
    assert fitted.predict(X).shape == (150,)
    assert fitted.predict(X[:1]).shape == (1,)
    np.testing.assert_allclose(fitted.predict(X[:1]), fitted.predict(X)[:1], rtol=1e-5)
    several = np.column_stack([target(name), target(name)[::-1]])
    fitted = net(loss=name, batch_size=512).fit(X, several)
    assert fitted.predict(X).shape == (150, 2)
    assert fitted.predict(X[:1]).shape == (1, 2)
    assert np.isfinite(fitted.predict(X)).all()


def test_every_target_is_learnt_in_its_own_units():
    fitted = net(epochs=150, learning_rate=0.02).fit(X, Y)
    residual = ((fitted.predict(X) - Y) ** 2).mean(axis=0)
    assert (residual < 0.2 * Y.var(axis=0)).all()


@pytest.mark.parametrize(
    "make",
    [list, pd.Series, pl.Series, lambda y: y.astype("float32").astype(float)],
)
def test_containers_of_targets(make):
    rounded = np.round(y)
    plain, other = net().fit(X, rounded), net().fit(X, make(rounded))
    assert np.array_equal(plain.predict(X), other.predict(X))
    as_int = net().fit(X, rounded.astype(int))
    assert np.array_equal(plain.predict(X), as_int.predict(X))


def test_a_frame_of_targets():
    plain, frame = net().fit(X, Y), net().fit(X, pd.DataFrame(Y))
    assert np.array_equal(plain.predict(X), frame.predict(X))


def test_a_column_of_targets_is_taken_with_a_warning():
    with pytest.warns(UserWarning, match="column-vector"):
        column = net().fit(X, y[:, None])
    assert np.array_equal(column.predict(X), net().fit(X, y).predict(X))


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_tables_with_names(make):
    table = make(dict(zip(COLUMNS, X.T, strict=True)))
    plain, named = net().fit(X, y), net().fit(table, y)
    assert named.feature_names_in_.tolist() == COLUMNS
    assert np.array_equal(plain.predict(X), named.predict(table))


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csr_array])
def test_sparse_tables(make):
    X_ = np.where(abs(X) > 0.5, X, 0.0)
    plain, thin = net().fit(X_, y), net().fit(make(X_), y)
    np.testing.assert_allclose(thin.predict(make(X_)), plain.predict(X_), rtol=1e-4)
    np.testing.assert_allclose(thin.predict(X_), plain.predict(X_), rtol=1e-4)


def test_a_constant_target():
    fitted = net().fit(X, np.full(150, 7.0))
    assert np.isfinite(fitted.predict(X)).all()


# -- scaling -------------------------------------------------------------------------


UNITLESS = [x for x in ALL if Loss.registry["regression"][x].target_scaling != "none"]


@pytest.mark.parametrize("name", mostly_slow(UNITLESS))
def test_units_do_not_matter(name):
    kind = Loss.registry["regression"][name].target_scaling
    factor, shift = (7, 0) if kind == "scale" else (1000, -5)
    a = net(loss=name, batch_size=512).fit(X, target(name))
    b = net(loss=name, batch_size=512).fit(X, factor * target(name) + shift)
    np.testing.assert_allclose(b.predict(X), factor * a.predict(X) + shift, rtol=1e-6)


@pytest.mark.parametrize("name", ["poisson", "gamma", "tweedie"])
def test_predictions_of_amounts_are_positive(name):
    fitted = net(loss=name, batch_size=512).fit(X, target(name))
    assert (fitted.predict(X) > 0).all()


def test_without_a_transform_the_network_sees_y_itself():
    scaled = (y - y.mean()) / y.std()
    a = net(batch_size=256).fit(X, scaled)
    b = net(batch_size=256, target_transform=None).fit(X, scaled)
    np.testing.assert_allclose(a.predict(X), b.predict(X), rtol=1e-6)
    raw = net(target_transform=None).fit(X, y)
    units = raw._fitted.target.units
    assert (units.loc, units.scale) == (0, 1)
    assert raw.history_["loss"][0] > 100  # in y's own units
    assert net().fit(X, y).history_["loss"][0] < 3


def test_a_function_sees_the_users_units():
    seen = []

    def loss(y_true, y_pred):
        seen.append(y_true)
        return ops.mean(ops.square(y_true - y_pred), axis=-1)

    fitted = net(loss=loss, epochs=40, learning_rate=0.02).fit(X, y)
    assert seen
    assert fitted.history_["loss"][0] > 100
    assert fitted.score(X, y) > 0.8


# -- sample weights ------------------------------------------------------------------


@pytest.mark.parametrize("name", mostly_slow(ALL))
def test_weights_are_repetitions(name):
    w = np.resize([1, 2, 0, 1, 3], len(y))
    rows = np.repeat(np.arange(len(y)), w)
    make = {"loss": name, "batch_size": 512, "epochs": 10}
    weighted = net(**make).fit(X, target(name), sample_weight=w)
    repeated = net(**make).fit(X[rows], target(name)[rows])
    assert weighted._fitted.outputs.weights.dtype == np.float64
    np.testing.assert_allclose(
        weighted.predict(X), repeated.predict(X), rtol=1e-6, atol=1e-6
    )


# -- going on ------------------------------------------------------------------------


def test_epochs_of_partial_fit_are_the_epochs_of_fit():
    whole, pieces = net(epochs=4).fit(X, y), net(epochs=4)
    for done in range(1, 5):
        pieces.partial_fit(X, y)
        assert pieces.n_epochs_ == len(pieces.history_["loss"]) == done
    assert np.array_equal(pieces._fitted.outputs.weights, whole._fitted.outputs.weights)
    assert pieces.history_ == whole.history_


def test_partial_fit_keeps_the_scaling_of_the_first_call():
    fitted = net().partial_fit(X, y)
    first = fitted._fitted.target.units
    location, scale = first.loc.copy(), first.scale.copy()
    units = fitted.partial_fit(X, 1e3 * y)._fitted.target.units
    assert (units.loc, units.scale) == (location, scale)


def test_warm_start_starts_from_the_previous_weights():
    warm = net(warm_start=True, learning_rate=0.01).fit(X, y)
    first = warm.history_["loss"]
    assert warm.fit(X, y).history_["loss"][0] < first[-1]
    assert warm.n_epochs_ == 3


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("squared_error", "mean_absolute_error"),
        pytest.param("quantile:quantile=0.9", "pinball_loss", marks=pytest.mark.slow),
        pytest.param("expectile", "expectile_loss", marks=pytest.mark.slow),
        ("poisson", "poisson_deviance"),
        pytest.param("gaussian_nll", None, marks=pytest.mark.slow),
    ],
)
def test_early_stopping_restores_the_best_weights(name, score):
    aim = counts if name == "poisson" else y
    stopped = net(
        loss=name, early_stopping=True, patience=2, learning_rate=0.1, epochs=80
    ).fit(X[:100], aim[:100], X_val=X[100:], y_val=aim[100:])
    key = f"val_{score or stopped.loss_.monitor_name()}"
    scores = stopped.history_[key]
    best = int(np.argmin(scores))
    assert stopped.outcome_ is Outcome.STOPPED_EARLY
    assert stopped.n_epochs_ == len(scores) == best + 3
    assert stopped._fitted.best_epoch == best + 1
    if score == "mean_absolute_error":
        error = mean_absolute_error(aim[100:], stopped.predict(X[100:]))
        assert error / stopped._fitted.target.units.scale[0] == pytest.approx(
            min(scores), rel=1e-5
        )


def test_validation_data_alone_is_only_recorded():
    plain = net().fit(X[:100], y[:100])
    watched = net().fit(X[:100], y[:100], X_val=X[100:], y_val=y[100:])
    assert np.array_equal(
        plain._fitted.outputs.weights, watched._fitted.outputs.weights
    )
    assert len(watched.history_["val_mean_absolute_error"]) == 3


# -- parameters and losses -----------------------------------------------------------


def test_nested_names_and_clone():
    own = net().set_params(loss="huber", loss__delta=0.5, network__activation="tanh")
    assert own.loss == losses.Huber(delta=0.5)
    assert own.network == MLP((8,), activation="tanh")
    copied = clone(own)
    assert copied.get_params() == own.get_params()
    a, b = own.fit(X, y), copied.fit(X, y)
    assert np.array_equal(a.predict(X), b.predict(X))


class LogisticError(RegressionLoss):
    """A user's loss with a knob."""

    def __init__(self, width=1.0):
        self.width = width

    def pointwise(self, y_true, raw):
        r = (y_true - raw) / self.width
        return ops.softplus(r) + ops.softplus(-r)


def build(n_features):
    return keras.Sequential(
        [
            keras.Input((n_features,)),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.1),
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss",
    [
        "MeanSquaredError",
        "mae",
        keras.losses.Huber(delta=0.7),
        keras.losses.LogCosh,
        keras.losses.MeanAbsolutePercentageError(),
        lambda t, p: ops.abs(t - p),
        LogisticError(0.5),
    ],
)
def test_losses_from_elsewhere(loss):
    own = net(loss=loss, epochs=100, learning_rate=0.03).fit(X, abs(y))
    assert own.score(X, abs(y)) > 0.7


def test_keras_numbers_are_kept():
    own = net(loss=keras.losses.Huber(delta=0.7)).fit(X, y)
    assert own.loss_ == losses.Huber(delta=0.7)


@pytest.mark.slow
def test_networks_built_by_a_function():
    own = net(network=build, epochs=60, learning_rate=0.03).fit(X, Y)
    assert own.score(X, Y) > 0.5
    np.testing.assert_allclose(
        own.model_.predict(X, verbose=0), own.predict(X), rtol=1e-4, atol=1e-3
    )


# -- quantiles -----------------------------------------------------------------------


CONVERGED = {"epochs": 60, "learning_rate": 0.01, "lr_schedule": "cosine"}


def noisy():
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, size=(1500, 2))
    return X, 10 + 5 * X[:, 0] + (1 + 0.8 * X[:, 1]) * rng.normal(size=1500)


def test_quantiles_cover_and_never_cross():
    X, y = noisy()
    levels = (0.1, 0.3, 0.5, 0.9)
    own = net(loss=losses.Quantile(levels), **CONVERGED).fit(X, y)
    q = own.predict_quantiles(X)
    assert q.shape == (1500, 4)
    assert (np.diff(q, axis=1) > 0).all()
    far = 10 * np.random.default_rng(2).normal(size=(500, 2))
    assert (np.diff(own.predict_quantiles(far), axis=1) >= 0).all()
    np.testing.assert_allclose((y[:, None] <= q).mean(axis=0), levels, atol=0.04)
    np.testing.assert_array_equal(q, own.predict_quantiles(X, levels))
    np.testing.assert_array_equal(own.predict(X), q[:, 2])  # the middle level
    assert own.predict_quantiles(X[:1]).shape == (1, 4)
    wide = X[:, 1] > 0.5
    spread = q[:, 3] - q[:, 0]
    assert spread[wide].mean() > 2 * spread[X[:, 1] < -0.5].mean()


def test_one_quantile():
    own = net(loss="quantile:quantile=0.9").fit(X, y)
    np.testing.assert_allclose(own.predict_quantiles(X)[:, 0], own.predict(X))


def test_gaussian_quantiles():
    X, y = noisy()
    own = net(loss="gaussian_nll", **CONVERGED).fit(X, y)
    levels = (0.05, 0.5, 0.95)
    q = own.predict_quantiles(X, levels)
    assert q.shape == (1500, 3)
    np.testing.assert_allclose(q[:, 1], own.predict(X), rtol=1e-6)
    np.testing.assert_allclose((y[:, None] <= q).mean(axis=0), levels, atol=0.04)
    z = norm.ppf(levels)
    np.testing.assert_allclose(  # straight on normal paper
        (q[:, 2] - q[:, 1]) / z[2], (q[:, 1] - q[:, 0]) / -z[0], rtol=1e-5
    )


@pytest.mark.parametrize("loss", [losses.Quantile((0.1, 0.5, 0.9)), "gaussian_nll"])
def test_quantiles_of_several_targets(loss):
    own = net(loss=loss).fit(X, Y)
    q = own.predict_quantiles(X, (0.1, 0.5, 0.9))
    assert q.shape == (150, 3, 3)
    assert (np.diff(q, axis=-1) > 0).all()
    np.testing.assert_allclose(q[..., 1], own.predict(X), rtol=1e-6)
    assert own.predict_quantiles(X[:1], (0.1, 0.5, 0.9)).shape == (1, 3, 3)


# -- the Keras model -----------------------------------------------------------------


@pytest.mark.slow
def test_saved_models_need_no_skloss(tmp_path):
    rows = np.vstack([X, 20 * X[:3]])  # the last are beyond the bounds of raw outputs
    for name in ALL:
        own = net(loss=name).fit(X, target(name))
        saved_models.save(tmp_path, name, own, rows, own.predict(rows))
    saved_models.check(tmp_path)


def test_model_of_several_targets():
    own = net(loss=losses.Quantile((0.1, 0.5, 0.9))).fit(X, Y)
    np.testing.assert_allclose(
        own.model_.predict(X, verbose=0), own.predict(X), rtol=1e-4, atol=1e-3
    )
