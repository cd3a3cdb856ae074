"""A fitted estimator survives pickle, joblib, deepcopy and cloudpickle bit for bit."""

import copy
import io
import pickle

import cloudpickle
import joblib
import keras
import numpy as np
import pytest
from catalogue import some_slow
from fresh_process import run_python
from keras import ops
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression

from skloss import MLP, LossAwareClassifier, LossAwareRegressor
from skloss.losses import ClassificationLoss, CrossEntropy, Hinge

X, y = make_classification(150, 6, n_informative=4, random_state=0)
Xr, yr = make_regression(150, 6, noise=5.0, random_state=0)


class Exponential(ClassificationLoss):
    """A user's loss, importable from this module."""

    def __init__(self, slope=1.0):
        self.slope = slope

    def pointwise(self, y_true, raw):
        margin = ops.sum((2 * y_true - 1) * raw, axis=-1)
        return ops.softplus(-self.slope * margin)


def squared(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def classifier(**params):
    given = {"network": (8,), "epochs": 3, "random_state": 0, **params}
    return LossAwareClassifier(**given)


def regressor(**params):
    given = {"network": (8,), "epochs": 3, "random_state": 0, **params}
    return LossAwareRegressor(**given)


CASES = {
    "default": (classifier(), X, y),
    "labels": (classifier(), X, np.array(["no", "yes"])[y]),
    "user's loss": (classifier(loss=Exponential(2.0)), X, y),
    "sum": (classifier(loss=0.7 * CrossEntropy() + 0.3 * Hinge()), X, y),
    "keras loss": (classifier(loss=keras.losses.BinaryFocalCrossentropy()), X, y),
    "function": (regressor(loss=squared), Xr, yr),
    "norm": (classifier(network=MLP((8,), normalization="batch")), X, y),
    "optimizer": (classifier(optimizer=keras.optimizers.Adam(beta_1=0.8)), X, y),
    "regressor": (regressor(loss="gaussian_nll"), Xr, yr),
}


def by_joblib(net):
    buffer = io.BytesIO()
    joblib.dump(net, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


COPIES = {
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
    "joblib": by_joblib,
    "deepcopy": copy.deepcopy,
    "cloudpickle": lambda net: pickle.loads(cloudpickle.dumps(net)),
}


def bits(net, X):
    scores = net.decision_function(X) if hasattr(net, "classes_") else net.predict(X)
    return scores.tobytes()


@pytest.mark.parametrize("case", CASES)
def test_copies_predict_the_same_bits(case):
    net, X, y = CASES[case]
    net = clone(net).fit(X, y)
    assert net.model_ is net.model_  # made once; it must not get in the way
    for how, make in COPIES.items():
        copied = make(net)
        assert bits(copied, X) == bits(net, X), how
        assert copied.history_ == net.history_
        assert copied.outcome_ is net.outcome_
    assert "model" in vars(net._fitted)


def test_training_goes_on_after_a_copy():
    net = classifier().fit(X, y)
    copied = pickle.loads(pickle.dumps(net))
    assert bits(net.partial_fit(X, y), X) == bits(copied.partial_fit(X, y), X)


def test_an_unfitted_estimator_survives():
    net = classifier(loss=Exponential(2.0))
    copied = pickle.loads(pickle.dumps(net))
    assert repr(copied) == repr(net)
    assert copied.get_params()["loss__slope"] == 2.0


@pytest.mark.slow
def test_cloudpickle_takes_a_lambda():
    net = regressor(loss=lambda t, p: ops.mean(ops.abs(t - p), axis=-1)).fit(Xr, yr)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(net)
    copied = pickle.loads(cloudpickle.dumps(net))
    assert bits(copied, Xr) == bits(net, Xr)


@pytest.mark.slow
@pytest.mark.parametrize("case", some_slow(["default", "user's loss"], {"default"}))
def test_a_new_process_predicts_the_same_bits(case, tmp_path):
    net, X, y = CASES[case]
    net = clone(net).fit(X, y)
    with open(tmp_path / "net.pkl", "wb") as file:
        pickle.dump(net, file)
    np.save(tmp_path / "X.npy", X)
    code = (
        "import pickle, numpy as np\n"
        "net = pickle.load(open('net.pkl', 'rb'))\n"
        "np.save('scores.npy', net.decision_function(np.load('X.npy')))\n"
    )
    run_python(code, tmp_path)
    assert np.load(tmp_path / "scores.npy").tobytes() == bits(net, X)
