"""What is set after a fit changes the next fit, and nothing of this one."""

import pickle

import keras
import numpy as np
import pytest
from canonical import NET, X, y_number, y_three
from fitted_facts import changed, facts_of, surroundings_of

from skloss import (
    MLP,
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
    losses,
)

pytestmark = pytest.mark.slow

SHORT = NET | {"epochs": 2}
Y = np.column_stack([y_three, y_number])


def classifier(**params):
    return LossAwareClassifier(**SHORT | params), y_three


def regressor(**params):
    return LossAwareRegressor(**SHORT | params), y_number


def heads():
    pairs = [
        ("c", ClassificationHead(losses.Focal(gamma=1.0))),
        ("n", RegressionHead()),
    ]
    return LossAwareMultiTask(pairs, **SHORT), Y


NETS = {
    "name": classifier,
    "focal": lambda: classifier(loss=losses.Focal(gamma=1.0)),
    "sum": lambda: classifier(loss=losses.CrossEntropy() + 0.5 * losses.Focal()),
    "wrapped": lambda: classifier(loss=losses.CVaR(losses.Focal(gamma=1.0))),
    "network": lambda: classifier(network=MLP((8,))),
    "tempered": lambda: classifier(calibration="temperature"),
    "watched": lambda: classifier(
        callbacks=[keras.callbacks.EarlyStopping("loss", patience=9)]
    ),
    "numbers": regressor,
    "quantiles": lambda: regressor(loss=losses.Quantile((0.1, 0.5, 0.9))),
    "heads": heads,
}
CHANGES = {
    "name": [
        {"loss": "hinge"},
        {"loss": "focal", "loss__gamma": 5.0},
        {"loss": "nonsense"},
        {"network": (4,), "optimizer": "sgd", "dtype": "float64"},
        {"calibration": "temperature", "class_weight": "balanced"},
        {"epochs": 0, "record": False, "random_state": 1},
    ],
    "focal": [{"loss__gamma": 5.0}, {"loss": "hinge"}],
    "sum": [{"loss__focal__weight": 3.0}, {"loss__focal__gamma": 5.0}],
    "wrapped": [{"loss__loss__gamma": 5.0}],
    "network": [
        {"network__activation": "tanh"},
        {"network__hidden_layer_sizes": (4, 4)},
    ],
    "tempered": [{"calibration": None}],
    "watched": [{"callbacks__earlystopping__patience": 1}, {"callbacks": None}],
    "numbers": [{"loss": "poisson"}, {"target_transform": None}],
    "quantiles": [{"loss__quantile": (0.2, 0.8)}, {"loss": "squared_error"}],
    "heads": [
        {"c__loss__gamma": 5.0},
        {"c__loss": "hinge"},
        {"n__loss": "gaussian_nll"},
        {"heads": [("c", ClassificationHead())]},
        {"loss_weights": "uncertainty", "network": (4,)},
    ],
}


@pytest.fixture(scope="module")
def pickled():
    """Return each fitted network, pickled, with its facts, by name."""
    made = {name: make() for name, make in NETS.items()}
    nets = {name: net.fit(X, y) for name, (net, y) in made.items()}
    return {name: (pickle.dumps(net), facts_of(net, X)) for name, net in nets.items()}


def fitted(pickled, name):
    """Return a copy of a fitted network, and its facts."""
    content, facts = pickled[name]
    return pickle.loads(content), facts


@pytest.mark.parametrize(
    ("name", "params"),
    [
        pytest.param(name, params, id=f"{name}: {', '.join(params)}")
        for name, changes in CHANGES.items()
        for params in changes
    ],
)
def test_parameters_set_later_change_no_prediction(pickled, name, params):
    net, before = fitted(pickled, name)
    net.set_params(**params)
    assert not changed(before, facts_of(net, X))
    copied = pickle.loads(pickle.dumps(net))
    assert not changed(before, facts_of(copied, X))


@pytest.mark.parametrize("name", ["focal", "heads"])
def test_an_object_that_the_user_changes_later_changes_no_prediction(name):
    net, y = NETS[name]()
    loss = net.loss if name == "focal" else net.heads[0][1].loss
    before = facts_of(net.fit(X, y), X)
    loss.gamma = 5.0
    assert not changed(before, facts_of(net, X))


REFUSED = {
    "a good name and a bad one": ("name", {"epochs": 9, "nonsense": 1}),
    "a good name and a bad nested one": ("name", {"epochs": 9, "loss__gamma": 1}),
    "nested names, one bad": ("focal", {"loss__gamma": 5.0, "loss__nonsense": 1}),
    "another loss, without the knob": ("name", {"loss": "focal", "loss__rate": 1}),
    "network": ("network", {"l2": 0.1, "network__units": 3}),
    "optimizer": ("name", {"l2": 0.1, "optimizer__momentum": 0.9}),
    "schedule": ("name", {"l2": 0.1, "lr_schedule__final": 0.9}),
    "callback": ("watched", {"l2": 0.1, "callbacks__earlystopping__units": 3}),
    "two callbacks": (
        "watched",
        {
            "callbacks__earlystopping__patience": 1,
            "callbacks__earlystopping__units": 3,
        },
    ),
    "head": ("heads", {"l2": 0.1, "d__weight": 3.0}),
    "head's loss": ("heads", {"c__weight": 3.0, "n__loss__gamma": 3.0}),
    "two of a head's loss": ("heads", {"c__loss__gamma": 3.0, "c__loss__rate": 3.0}),
    "two of a sum": ("sum", {"loss__focal__gamma": 3.0, "loss__focal__rate": 3.0}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_parameters_change_nothing(pickled, case):
    name, params = REFUSED[case]
    net, before = fitted(pickled, name)
    told = surroundings_of(net)
    deep = repr(net.get_params())
    with pytest.raises(ValueError, match="Invalid parameter"):
        net.set_params(**params)
    assert surroundings_of(net) == told
    assert repr(net.get_params()) == deep
    assert not changed(before, facts_of(net, X))
