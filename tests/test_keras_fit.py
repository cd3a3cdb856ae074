"""The path through ``Model.fit``: callbacks inside epochs, and own train steps."""

import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import callbacks as kc
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from tensorflow.python.framework import config

from skloss import MLP, LossAwareClassifier, LossAwareRegressor
from skloss._engine import Outcome
from skloss.exceptions import DivergenceWarning, NotFusibleError
from skloss.model_selection import FusedGridSearchCV

X, y = make_classification(
    160, 6, n_informative=4, n_classes=3, n_clusters_per_class=1, random_state=0
)
X = X.astype(np.float32)  # Model.fit hands over rows as float32
X, y, X_val, y_val = X[:100], y[:100], X[100:], y[100:]


class Steps(kc.Callback):
    """Counts the steps of all copies."""

    count = own = 0

    def on_train_batch_end(self, batch, logs=None):
        type(self).count += 1
        self.own += 1


class Fails(kc.Callback):
    """Fails in the first step."""

    def on_train_batch_end(self, batch, logs=None):
        return 1 / 0


def net(callbacks=(Steps,), **params):
    given = {"network": (8,), "epochs": 6, "random_state": 0, "learning_rate": 0.02}
    return LossAwareClassifier(callbacks=callbacks, **{**given, **params})


def fitted(callbacks=(Steps,), **params):
    return net(callbacks, **params).fit(X, y, X_val=X_val, y_val=y_val)


def assert_same(a, b, rtol=1e-6):
    for name, values in a.history_.items():
        np.testing.assert_allclose(values, b.history_[name], rtol=rtol, err_msg=name)
    np.testing.assert_allclose(
        a.predict_proba(X_val), b.predict_proba(X_val), rtol=rtol, atol=1e-7
    )


slow = pytest.mark.slow


def recurrent():
    """Return a body with two kernels in one layer."""
    layers = keras.layers.Reshape((3, 2)), keras.layers.SimpleRNN(3)
    return keras.Sequential(layers)


WAVES = MLP((5,), skip=True, embedding="periodic", n_frequencies=3, frequency_scale=0.3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        {"l1": 0.01, "l2": 0.02, "clip_norm": 0.3, "weight_decay": 0.1},
        pytest.param({"optimizer": "adam"}, marks=slow),
        pytest.param({"loss": "focal:gamma=1"}, marks=slow),
        pytest.param(
            {"lr_schedule": "cosine", "optimizer": "sgd:momentum=0.9"}, marks=slow
        ),
        pytest.param(
            {"early_stopping": True, "patience": 1, "optimizer": "sgd:momentum=0.9"},
            marks=slow,
        ),
        pytest.param({"class_weight": "balanced"}, marks=slow),
        pytest.param({"l2": 0.02, "weight_decay": 0.1, "network": WAVES}, marks=slow),
        pytest.param(
            {"l2": 0.02, "weight_decay": 0.1, "network": recurrent}, marks=slow
        ),
    ],
    ids=lambda params: next(iter(params)),
)
def test_full_batches_equal_the_compiled_loop(params):
    """With one batch an epoch both ways take the same steps from the same weights."""
    Steps.count = 0
    given = {"epochs": 20, "learning_rate": 0.2, "batch_size": 100, "optimizer": "sgd"}
    params = {**given, **params}
    ours, theirs = fitted(None, **params), fitted(**params)
    if "patience" in params:
        assert ours.n_epochs_ < 20
    assert Steps.count == theirs.n_epochs_ == ours.n_epochs_
    assert theirs.outcome_ is ours.outcome_
    # Keras' Adam rounds its numbers, such as 0.999, to float32
    assert_same(theirs, ours, rtol=1e-4 if params["optimizer"] == "adam" else 1e-6)
    assert theirs.trained_by_ == "keras.Model.fit: Steps acts inside an epoch"
    again = pickle.loads(pickle.dumps(theirs))
    assert np.array_equal(again.predict_proba(X_val), theirs.predict_proba(X_val))
    (steps,) = theirs.callbacks_
    assert (steps.own, steps.model) == (theirs.n_epochs_, None)


@pytest.mark.slow
def test_regression_in_scaled_units():
    A, b = make_regression(80, 4, noise=5.0, random_state=0)
    A, b = A.astype(np.float32), np.round(b)
    make = {"network": (8,), "epochs": 4, "batch_size": 80, "random_state": 0}
    make |= {"optimizer": "sgd", "learning_rate": 0.1}
    weight = np.linspace(0.5, 2, 80)
    nets = [
        LossAwareRegressor("huber", callbacks=callbacks, **make).fit(A, b, weight)
        for callbacks in (None, [Steps()])
    ]
    np.testing.assert_allclose(nets[0].predict(A), nets[1].predict(A), rtol=1e-6)
    np.testing.assert_allclose(
        nets[0].history_["loss"], nets[1].history_["loss"], rtol=1e-6
    )


@pytest.mark.slow
def test_small_batches_sparse_tables_and_repeatability():
    own = net(epochs=30, batch_size=16, dropout=0.1).fit(csr_array(X), y)
    assert log_loss(y, own.predict_proba(X)) < 0.5
    again = net(epochs=30, batch_size=16, dropout=0.1).fit(X, y)
    assert np.array_equal(own.predict_proba(X), again.predict_proba(X))


@pytest.mark.slow
def test_global_states_and_keras_stay_as_they_were():
    names = "__reduce__", "__deepcopy__"
    classes = keras.Model, keras.losses.Loss, keras.optimizers.Optimizer
    before = [getattr(cls, name, None) for cls in classes for name in names]
    np.random.seed(0)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    fitted()
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert [getattr(cls, name, None) for cls in classes for name in names] == before


@pytest.mark.slow
def test_tensorflows_seed_and_determinism_stay_as_they_were():
    tf.random.set_seed(5)
    expected = [float(tf.random.uniform([])) for _ in range(3)]
    tf.random.set_seed(5)
    found = [float(tf.random.uniform([]))]
    net(epochs=1).fit(X, y)
    found.append(float(tf.random.uniform([])))
    with pytest.raises(ZeroDivisionError):
        net([Fails], epochs=1).fit(X, y)
    found.append(float(tf.random.uniform([])))
    assert found == expected
    assert not config.is_op_determinism_enabled()
    tf.config.experimental.enable_op_determinism()
    try:
        net(epochs=1).fit(X, y)
        assert config.is_op_determinism_enabled()
    finally:
        config.disable_op_determinism()


@pytest.mark.slow
def test_divergence():
    with pytest.warns(DivergenceWarning):
        own = fitted(learning_rate=1e30, optimizer="sgd", dtype="float32")
    assert own.outcome_ is Outcome.DIVERGED
    assert np.isfinite(own.predict_proba(X_val)).all()


# -- train steps ---------------------------------------------------------------------


class Mixup(keras.Model):
    """Mixes rows (Zhang et al. 2018); has its own state, and calls Keras' own step."""

    def __init__(self, share, **kwargs):
        super().__init__(**kwargs)
        self.share = share
        self.hidden = keras.layers.Dense(8, activation="relu")
        self.steps_seen = 0

    def build(self, shape):
        self.hidden.build(shape)

    def call(self, x):
        return self.hidden(x)

    def train_step(self, data):
        x, target, weight = keras.utils.unpack_x_y_sample_weight(data)
        x = (1 - self.share) * x + self.share * tf.reverse(x, [0])
        target = (1 - self.share) * target + self.share * tf.reverse(target, [0])
        return super().train_step((x, target, weight))


def mixup():
    return Mixup(0.3)


def no_mixup():
    return Mixup(0.0)


def plain():
    return keras.Sequential([keras.layers.Dense(8, activation="relu")])


@pytest.mark.slow
def test_a_train_step_of_its_own():
    make = {"batch_size": 100, "callbacks": None, "optimizer": "sgd"}
    nothing, mixed = fitted(network=no_mixup, **make), fitted(network=mixup, **make)
    assert_same(nothing, fitted(network=plain, **make))
    assert nothing.trained_by_ == "keras.Model.fit: Mixup has a train_step of its own"
    assert abs(mixed.history_["loss"][-1] - nothing.history_["loss"][-1]) > 0.01
    assert log_loss(y_val, mixed.predict_proba(X_val)) == pytest.approx(
        mixed.history_["val_log_loss"][-1], rel=1e-5
    )


class Functional(keras.Model):
    """Built of layers that are given."""

    def train_step(self, data):
        return {**super().train_step(data), "extra": tf.constant(1.0)}


def functional(n_features):
    inputs = keras.Input((n_features,))
    return Functional(inputs, keras.layers.Dense(8, activation="relu")(inputs))


def with_output_layer(n_features):
    inputs = keras.Input((n_features,))
    hidden = keras.layers.Dense(8, activation="relu")(inputs)
    return Functional(inputs, keras.layers.Dense(3)(hidden))


@pytest.mark.slow
@pytest.mark.parametrize("network", [functional, with_output_layer])
def test_a_functional_model_with_a_train_step_of_its_own(network):
    own = fitted([kc.EarlyStopping("extra", mode="min", patience=2)], network=network)
    assert own.history_["extra"] == [1.0] * 3
    assert own.outcome_ is Outcome.STOPPED_EARLY


# -- what it refuses -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"loss": "soft_f1"}, "not a sum over its rows"),
        ({"loss": "coral"}, "numbers that do not depend on X"),
        ({"lr_schedule": "reduce_on_plateau"}, "ReduceLROnPlateau"),
    ],
)
def test_refused(params, text):
    target = y if params.get("loss") != "soft_f1" else y > 0
    with pytest.raises(ValueError, match=text):
        net(**params).fit(
            X,
            target,
            X_val=X_val,
            y_val=y_val > 0 if "soft_f1" in str(params) else y_val,
        )


@pytest.mark.slow
def test_calibration_out_of_fold_and_partial_fit_are_refused():
    with pytest.raises(ValueError, match="five more networks"):
        net(calibration="temperature").fit(X, y)
    assert fitted(calibration="temperature").temperature_ != 1
    own = net().partial_fit(X, y)
    with pytest.raises(ValueError, match="lose the optimiser's state"):
        own.partial_fit(X, y)
    warm = clone(own).set_params(warm_start=True).fit(X, y)
    first = warm.history_["loss"][0]
    assert warm.fit(X, y).history_["loss"][0] < first


@pytest.mark.slow
def test_searches():
    grid = {"learning_rate": [0.02, 0.1]}
    for callbacks in ([Steps()], [Steps]):
        with pytest.raises(NotFusibleError, match=r"Steps acts inside.*GridSearchCV"):
            FusedGridSearchCV(net(callbacks), grid, cv=2).fit(X, y)
    search = GridSearchCV(net(), grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.5
