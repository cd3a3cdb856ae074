"""Functions that see the user's units: no unit, and no factor, changes the fit."""

import numpy as np
import pytest
from canonical import NET, X, y_binary, y_number
from keras import ops

from skloss import (
    ClassificationHead,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
    losses,
    schedules,
)
from skloss.exceptions import LossTargetError
from skloss.inspection import diagnose

y = np.round(y_number * 1024) / 1024


def squares(y_true, y_pred):
    return ops.square(y_true - y_pred)


def absolute(y_true, y_pred):
    return ops.abs(y_true - y_pred)


def many_squares(y_true, y_pred):
    return 1024 * ops.square(y_true - y_pred)


def net(loss=squares, **params):
    return LossAwareRegressor(loss, **NET | params)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_factor_on_a_function_changes_its_values_only(optimizer):
    plain, many = (
        net(f, optimizer=optimizer, l2=1e-3).fit(X, y) for f in (squares, many_squares)
    )
    assert np.array_equal(plain._fitted.outputs.weights, many._fitted.outputs.weights)
    values = 1024 * np.array(plain.history_["loss"])
    np.testing.assert_allclose(many.history_["loss"], values, rtol=1e-6)


@pytest.mark.parametrize("exponent", [-40, 40])
def test_a_unit_changes_nothing_but_the_unit(exponent):
    unit = 2.0**exponent
    plain = net(dtype="float64").fit(X, y)
    other = net(dtype="float64").fit(X, unit * y)
    np.testing.assert_allclose(other.predict(X), unit * plain.predict(X), rtol=1e-9)
    values = unit**2 * np.array(plain.history_["loss"])
    np.testing.assert_allclose(other.history_["loss"], values, rtol=1e-9)
    found = [[f.name for f in diagnose(fit).findings] for fit in (plain, other)]
    assert found[0] == found[1]


def test_values_are_those_of_the_function():
    held = {"X_val": X[60:], "y_val": 1e-3 * y[60:]}
    own = net(absolute).fit(X[:60], 1e-3 * y[:60], **held)
    errors = np.abs(1e-3 * y[60:] - own.predict(X[60:]))
    np.testing.assert_allclose(own.history_["val_loss"][-1], errors.mean(), rtol=1e-5)
    deviation = (1e-3 * y[:60]).std()
    score = own.history_["val_mean_absolute_error"][-1]
    np.testing.assert_allclose(score, errors.mean() / deviation, rtol=1e-5)
    assert own.loss_ == losses.get(absolute, "regression")
    assert repr(own.loss_) == repr(losses.get(absolute, "regression"))


def test_far_from_zero_a_function_is_computed_in_double_precision():
    near, far = net(dtype="float64").fit(X, y), net().fit(X, 2.0**33 + y)
    assert net().fit(X, y)._fitted.outputs.weights.dtype == np.float32
    found = far.predict(X) - 2.0**33
    np.testing.assert_allclose(found, near.predict(X), atol=1e-5)
    with pytest.raises(LossTargetError, match="Set dtype='float64'"):
        net(dtype="float32").fit(X, 2.0**33 + y)
    with pytest.raises(LossTargetError, match="float64 cannot square such numbers"):
        net().fit(X, 1e-200 * y)
    constant = net(dtype="float32").fit(X, np.full(93, 2.0**33))
    np.testing.assert_allclose(constant.predict(X), 2.0**33, rtol=1e-6)


def several(loss):
    heads = [("class", ClassificationHead()), ("number", RegressionHead(loss))]
    return LossAwareMultiTask(heads, **NET)


def test_functions_see_y_itself_in_a_head_of_several():
    """What is scaled and scaled back is not what it was."""

    def of_whole_numbers(y_true, y_pred):
        whole = ops.floor(y_true) == y_true
        return ops.where(whole, ops.square(y_true - y_pred), np.nan)

    own = several(of_whole_numbers)
    own.fit(X, np.column_stack([y_binary, np.round(100 * y)]))
    assert np.isfinite(own.history_["loss"]).all()


def test_a_schedule_inside_a_sum_of_functions_in_a_head():
    """A weight that stays 1 is the weight 1."""
    f, g = (losses.get(f, "regression") for f in (squares, absolute))
    both = np.column_stack([y_binary, y])
    plain = several(f + g).fit(X, both)
    changing = several(f + schedules.Constant() * g).fit(X, both)
    np.testing.assert_allclose(
        changing.predict(X).astype(float), plain.predict(X).astype(float), rtol=1e-4
    )
