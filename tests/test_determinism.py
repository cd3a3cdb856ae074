"""Same seed, same bits; nothing of the user's or of other libraries is touched."""

import copy
import random
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import make_classification, make_regression

from skloss import MLP, LossAwareClassifier, LossAwareRegressor
from skloss.losses import Focal

X, y = make_classification(150, 6, n_informative=4, random_state=0)
Xr, yr = make_regression(150, 6, noise=5.0, random_state=0)


def classifier(**params):
    return LossAwareClassifier(**{"network": (8,), "epochs": 3, **params})


def regressor(**params):
    return LossAwareRegressor(**{"network": (8,), "epochs": 3, **params})


CASES = [(classifier, X, y), (regressor, Xr, yr)]


@pytest.mark.parametrize(("make", "X", "y"), CASES, ids=["classifier", "regressor"])
@pytest.mark.parametrize("params", [{}, {"dropout": 0.3, "early_stopping": True}])
def test_same_seed_gives_the_same_bits(make, X, y, params):
    a = make(random_state=3, **params).fit(X, y)
    make(random_state=9, **params).fit(X, y)  # whatever comes in between
    b = make(random_state=3, **params).fit(X, y)
    assert a._fitted.outputs.weights.tobytes() == b._fitted.outputs.weights.tobytes()
    assert a.history_ == b.history_


def test_random_states_differ_and_are_consumed():
    one, two = (
        classifier(random_state=np.random.RandomState(seed)).fit(X, y)
        for seed in (1, 2)
    )
    assert not np.array_equal(one._fitted.outputs.weights, two._fitted.outputs.weights)
    again = classifier(random_state=np.random.RandomState(1)).fit(X, y)
    assert np.array_equal(one._fitted.outputs.weights, again._fitted.outputs.weights)
    refit = one._fitted.outputs.weights
    assert not np.array_equal(one.fit(X, y)._fitted.outputs.weights, refit)


@pytest.mark.parametrize(("make", "X", "y"), CASES, ids=["classifier", "regressor"])
def test_partial_fit_keeps_the_seed_of_its_first_call(make, X, y):
    """One draw from the generator serves all epochs, as it does in ``fit``."""
    whole = make(epochs=2, random_state=np.random.RandomState(1)).fit(X, y)
    pieces = make(epochs=2, random_state=np.random.RandomState(1))
    pieces.partial_fit(X, y).partial_fit(X, y)
    assert np.array_equal(pieces._fitted.outputs.weights, whole._fitted.outputs.weights)


def test_no_seed_gives_different_networks():
    a, b = classifier().fit(X, y), classifier().fit(X, y)
    assert not np.array_equal(a._fitted.outputs.weights, b._fitted.outputs.weights)


@pytest.mark.parametrize("seed", [pytest.param(None, marks=pytest.mark.slow), 0])
def test_global_random_states_are_untouched(seed):
    def global_states():
        generator = tf.random.get_global_generator().state.numpy().tolist()
        numpy_state = np.random.get_state()[1].tolist()  # noqa: NPY002
        return random.getstate(), numpy_state, generator

    def next_numbers():
        draws = [random.random(), np.random.random()]  # noqa: NPY002
        draws.append(float(tf.random.uniform(())))
        return [*draws, float(keras.random.uniform(()))]

    keras.utils.set_random_seed(5)
    expected = next_numbers()
    keras.utils.set_random_seed(5)
    # Keras 3.9 does not reset its own generator: there is nothing to compare then
    compared = [a == b for a, b in zip(next_numbers(), expected, strict=True)]
    assert all(compared[:3])
    keras.utils.set_random_seed(5)
    before = global_states()
    state = np.random.RandomState(1) if seed is None else seed
    net = classifier(random_state=state, dropout=0.2, early_stopping=True).fit(X, y)
    net.predict_proba(X)
    assert net.model_ is not None
    assert global_states() == before
    pairs = zip(next_numbers(), expected, compared, strict=True)
    assert all(a == b for a, b, comparable in pairs if comparable)


@pytest.mark.parametrize(("make", "X", "y"), CASES, ids=["classifier", "regressor"])
def test_fit_writes_to_nothing_it_was_given(make, X, y):
    weight = np.linspace(0.5, 2, len(X))
    arrays = [X.copy(), y.copy(), weight, X[:40].copy(), y[:40].copy()]
    before = [a.tobytes() for a in arrays]
    for array in arrays:
        array.flags.writeable = False
    net = make(
        network=MLP((8,)),
        optimizer=keras.optimizers.Adam(),
        lr_schedule="reduce_on_plateau:patience=3",
        early_stopping=True,
        random_state=0,
    )
    given = net.get_params(deep=False)
    shown = {name: repr(value) for name, value in given.items()}
    config = net.optimizer.get_config()
    net.fit(arrays[0], arrays[1], arrays[2], X_val=arrays[3], y_val=arrays[4])
    net.predict(arrays[0])
    assert [a.tobytes() for a in arrays] == before
    after = net.get_params(deep=False)
    assert all(after[name] is value for name, value in given.items())
    assert {name: repr(value) for name, value in after.items()} == {
        **shown,
        "optimizer": repr(net.optimizer),
    }
    assert net.optimizer.get_config() == config
    assert not net.optimizer.built


def test_class_weight_and_loss_are_left_alone():
    weight, loss = {0: 1.0, 1: 3.0}, Focal(gamma=1.5)
    before = copy.deepcopy((weight, loss))
    net = classifier(loss=loss, class_weight=weight, random_state=0).fit(X, y)
    assert (weight, loss) == before
    assert net.loss is loss
    assert net.loss_ is not loss


def test_changing_parameters_leaves_the_fitted_network_alone():
    net = classifier(loss=Focal(gamma=2.0), network=MLP((8,)), random_state=0)
    p = net.fit(X, y).predict_proba(X)
    net.set_params(loss__gamma=5.0, network__activation="tanh", optimizer="sgd")
    assert np.array_equal(net.predict_proba(X), p)
    own = net.model_.predict(X, verbose=0)
    np.testing.assert_allclose(own, p, rtol=1e-4, atol=1e-6)


def run_fresh(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_skloss_imports_no_tensorflow():
    run_fresh(
        "import sys, skloss\n"
        "loaded = {'tensorflow', 'keras', 'scikeras', 'sklearn'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "assert 'LossAwareClassifier' in dir(skloss)\n"
    )


@pytest.mark.slow
def test_keras_is_unchanged_after_import_and_fit():
    run_fresh(
        "import sys, keras, numpy as np\n"
        "owners = keras.losses.Loss, keras.Model, keras.optimizers.Optimizer\n"
        "look = lambda: [dict(vars(o)) for o in owners]\n"
        "before = look(), keras.losses.Loss.__reduce__, keras.config.floatx()\n"
        "policy = keras.config.dtype_policy().name\n"
        "from skloss import LossAwareClassifier\n"
        "X = np.random.default_rng(0).normal(size=(40, 3))\n"
        "y = (X[:, 0] > 0).astype(int)\n"
        "net = LossAwareClassifier(network=(4,), epochs=2).fit(X, y)\n"
        "net.model_, net.predict(X)\n"
        "assert (look(), keras.losses.Loss.__reduce__, keras.config.floatx())"
        " == before\n"
        "assert keras.config.dtype_policy().name == policy\n"
        "assert 'scikeras' not in sys.modules\n"
    )
