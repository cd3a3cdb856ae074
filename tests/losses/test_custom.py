"""Functions given as losses are tried at ``fit``: what is wrong is explained."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from sklearn.metrics import mean_squared_error

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss._engine import trace_count
from skloss.exceptions import LossTargetError
from skloss.losses import (
    CustomRegressionLoss,
    CVaR,
    Huber,
    PerTarget,
    RegressionLoss,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 3))
TARGETS = {
    "number": X[:, 0],
    "numbers": X[:, :2],
    "constant": np.zeros(50),
    "binary": (X[:, 0] > 0).astype(int),
    "classes": np.digitize(X[:, 0], [-0.5, 0.5]),
    "labels": (X[:, :2] > 0).astype(int),
}
every_target = pytest.mark.parametrize("kind", TARGETS)


def net(loss, kind, **params):
    number = kind in ("number", "numbers", "constant")
    make = LossAwareRegressor if number else LossAwareClassifier
    return make(loss, network=(4,), epochs=2, random_state=0, **params)


def to_a_number(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred))


def over_rows(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=0)


def row_against_row(y_true, y_pred):
    return ops.square(y_true[:, 0] - y_pred)


def not_a_number(y_true, y_pred):
    return ops.log(y_true - y_pred)[:, 0]


def divided_by_zero(y_true, y_pred):
    return ops.abs(y_true - y_pred) / (y_true - y_true)


def whole_numbers(y_true, y_pred):
    return ops.cast(y_true > y_pred, "int32")


def truths(y_true, y_pred):
    return y_true > y_pred


def without_slope(y_true, y_pred):
    return ops.square(ops.round(y_pred) - y_true)


def forgets_predictions(y_true, y_pred):
    return ops.square(y_true)


def in_numpy(y_true, y_pred):
    return np.mean((y_true.numpy() - y_pred.numpy()) ** 2, axis=-1)


def of_sklearn(y_true, y_pred):
    return mean_squared_error(y_true, y_pred)


def nothing(y_true, y_pred):
    ops.square(y_true - y_pred)


def other_dtype(y_true, y_pred):
    return tf.square(tf.cast(y_true, tf.float32) - y_pred)


def one_argument(y_true):
    return y_true


def with_weight(y_true, y_pred, weight, other=0.0):
    return weight * ops.square(y_true - y_pred) + other


def python_if(y_true, y_pred):
    return 9 * (y_true - y_pred) if (y_true > y_pred) else y_pred - y_true


def python_if_of_a_mean(y_true, y_pred):
    r = ops.abs(y_true - y_pred)
    return r if ops.mean(y_true - y_pred) > 0 else 9 * r


def python_max(y_true, y_pred):
    return max(9 * (y_true - y_pred), y_pred - y_true)


def python_float(y_true, y_pred):
    return ops.abs(y_true - y_pred) * float(ops.max(y_pred))


def misspelt(y_true, y_pred):
    return ops.sqare(y_true - y_pred)


WRONG = [
    (to_a_number, "returned a single number for y_pred of shape (50,"),
    (to_a_number, "Reduce the last axis only, as in ops.mean(..., axis=-1)"),
    (over_rows, "for y_pred of shape (50,"),
    (over_rows, "Reduce the last axis (axis=-1), not the rows"),
    (not_a_number, "returned nan for y_true=["),
    (not_a_number, "for example ops.log(ops.maximum(x, 1e-7))"),
    (divided_by_zero, "roots and divisions away from zero"),
    (whole_numbers, "returned values of dtype int32, which have no gradient"),
    (truths, "returned values of dtype bool, which have no gradient"),
    (without_slope, "its gradient is zero, so that nothing can be trained"),
    (forgets_predictions, "does not change with y_pred"),
    (in_numpy, "returned ndarray, which TensorFlow cannot differentiate"),
    (of_sklearn, "use keras.ops in place of NumPy and Python numbers"),
    (nothing, "returned NoneType, which TensorFlow cannot differentiate"),
    (other_dtype, "of dtype float64, but not float32: InvalidArgumentError"),
    (other_dtype, "ops.cast(x, y_pred.dtype), or set dtype='float32'"),
    (one_argument, "but its arguments are ['y_true']: too many positional arguments"),
    (misspelt, "AttributeError"),
    (with_weight, "but its arguments are ['y_true', 'y_pred', 'weight', 'other']"),
    (with_weight, "functools.partial(f, weight=...)"),
    (with_weight, "weights of rows go to fit(..., sample_weight=...)"),
    (partial(with_weight, other=1.0), "functools.partial(f, weight=...)"),
    (python_if, "takes Python decisions on the values of tensors"),
    (python_if, "ops.where(y_true > y_pred, a, b) in place of if"),
    (python_if_of_a_mean, "ops.where(y_true > y_pred, a, b) in place of if"),
    (python_max, "ops.maximum(a, b) of max()"),
    (python_float, "the tensor itself of float() and NumPy"),
]
DTYPE_NAMED = {other_dtype, misspelt}  # where it is the cause, or nothing is known


@pytest.mark.parametrize(("function", "text"), WRONG)
@every_target
def test_wrong_functions_are_explained_before_training(function, text, kind):
    before = trace_count()
    with pytest.raises(LossTargetError) as caught:
        net(function, kind).fit(X, TARGETS[kind])
    message = str(caught.value)
    name = getattr(function, "func", function).__name__
    assert message.startswith(f"The loss function {name!r} ")
    assert text in message
    assert ("dtype" in message) <= ("dtype" in text or function in DTYPE_NAMED)
    assert trace_count() == before


def likelihood_of_a_column(y_true, y_pred):
    m, s = y_pred[:, 0], y_pred[:, 1]
    return 0.5 * (ops.square(y_true[:, 0] - m) * ops.exp(-s) + s)


def log_of_second_column(y_true, y_pred):
    return -y_true[:, 0] * ops.log(y_pred[:, 1])


def test_more_outputs_than_targets():
    with pytest.raises(LossTargetError) as caught:
        net(likelihood_of_a_column, "number").fit(X, TARGETS["number"])
    message = str(caught.value)
    assert "asks for 2 columns of y_pred, which has 1" in message
    assert "subclass of RegressionLoss with n_outputs = 2" in message
    with pytest.raises(LossTargetError, match=r"asks for 2 .*is 1 - y_pred"):
        net(log_of_second_column, "binary").fit(X, TARGETS["binary"])


class TwoOutputs(RegressionLoss):
    """What the message says to write: a mean and a log-variance."""

    n_outputs = 2

    def pointwise(self, y_true, raw):
        m, s = raw[..., 0], raw[..., 1]
        return 0.5 * (ops.square(y_true - m) * ops.exp(-s) + s)

    def point(self, raw):
        return raw[..., 0]


def test_what_is_said_of_more_outputs_works():
    fitted = net(TwoOutputs(), "number").fit(X, TARGETS["number"])
    named = net("gaussian_nll", "number").fit(X, TARGETS["number"])
    np.testing.assert_allclose(fitted.predict(X), named.predict(X), rtol=1e-5)


def test_what_is_said_of_more_arguments_works():
    fitted = net(partial(with_weight, weight=2.0), "number").fit(X, TARGETS["number"])
    assert np.isfinite(fitted.predict(X)).all()


@pytest.mark.parametrize("kind", ["number", "numbers", "classes", "labels"])
def test_a_broadcast_is_not_taken_for_a_value(kind):
    # y_true[:, 0] - y_pred is a table of rows by rows, or an error of shapes
    with pytest.raises(LossTargetError, match=r"of shape \(50, |and y_pred of shape"):
        net(row_against_row, kind).fit(X, TARGETS[kind])


def test_rows_are_told_from_columns_in_a_square_target():
    with pytest.raises(LossTargetError, match="not the rows"):
        net(over_rows, "numbers").fit(X[:2], X[:2, :2])


@pytest.mark.slow
def test_functions_inside_other_losses_are_tried():
    wrong = CustomRegressionLoss(to_a_number)
    for loss in (
        CVaR(wrong),
        wrong + CustomRegressionLoss(keras.losses.MeanAbsoluteError()),
        PerTarget([wrong, wrong]),
    ):
        with pytest.raises(LossTargetError, match="'to_a_number' returned a single"):
            net(loss, "numbers").fit(X, TARGETS["numbers"])
    fine = CustomRegressionLoss(keras.losses.MeanAbsoluteError())
    for loss in (CVaR(fine), fine + fine, PerTarget([fine, fine])):
        fitted = net(loss, "numbers").fit(X, TARGETS["numbers"])
        assert fitted.predict(X).shape == (50, 2)
    assert Huber().rehearse(None, None, "auto") is None


def test_a_float32_function_works_where_float32_is_asked_for():
    fitted = net(other_dtype, "number", dtype="float32").fit(X, TARGETS["number"])
    assert np.isfinite(fitted.predict(X)).all()


def keeps_the_axis(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1, keepdims=True)


def in_float32_always(y_true, y_pred):
    r = ops.cast(y_true, "float32") - ops.cast(y_pred, "float32")
    return ops.mean(ops.square(r), axis=-1)


@pytest.mark.parametrize(  # any two of them together
    ("function", "batch_size", "kind"),
    [
        (keeps_the_axis, "auto", "numbers"),
        (keeps_the_axis, 16, "constant"),
        (keeps_the_axis, "auto", "classes"),
        (in_float32_always, 16, "numbers"),
        (in_float32_always, "auto", "constant"),
        (in_float32_always, 16, "classes"),
    ],
)
def test_functions_that_are_fine(function, batch_size, kind):
    """Batches of 16 train in float32, whole ones in float64."""
    fitted = net(function, kind, batch_size=batch_size).fit(X, TARGETS[kind])
    assert fitted.predict(X).shape == TARGETS[kind].shape


class Whole(keras.losses.Loss):
    """A Keras loss of the whole batch."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred))


KERAS = ["MeanAbsolutePercentageError", "CosineSimilarity"]


@pytest.mark.parametrize("name", KERAS)
def test_keras_losses_for_numbers(name):
    y = 1 + np.abs(X[:, :2])
    fitted = net(getattr(keras.losses, name)(), "numbers").fit(X, y)
    assert np.isfinite(fitted.predict(X)).all()


def test_a_keras_loss_without_rows_is_refused():
    with pytest.raises(LossTargetError, match="'Whole' returned a single number"):
        net(Whole(), "classes").fit(X, TARGETS["classes"])
