"""A fit that fails, wherever it does, leaves the estimator exactly as it was."""

import pickle

import pytest
from failures import FAILS, GOOD, IN_PARTS, PARTIAL, arguments, table_of
from fitted_facts import changed, facts_of, surroundings_of
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import StratifiedKFold

from skloss.exceptions import DivergenceWarning

pytestmark = pytest.mark.slow

CASES = [
    pytest.param(method, *case, id=f"{method}: {name}")
    for method, cases in (("fit", FAILS), ("partial_fit", IN_PARTS))
    for name, case in cases.items()
]


@pytest.fixture(scope="module")
def pickled():
    """Return each good fit, pickled, with its facts, by name."""
    nets = {name: net.fit(X, y, **fit) for name, (net, X, y, fit) in GOOD.items()}
    # anew, should the tests be ordered so that this is made twice
    parts = {name: (clone(net), X, y) for name, (net, X, y) in PARTIAL.items()}
    nets |= {name: net.partial_fit(X, y) for name, (net, X, y) in parts.items()}
    return {
        name: (pickle.dumps(net), facts_of(net, table_of(name)[0]))
        for name, net in nets.items()
    }


def fitted(pickled, base):
    """Return a copy of a good fit, the rows that it is asked of, and its facts."""
    content, facts = pickled[base]
    return pickle.loads(content), table_of(base)[0], facts


@pytest.mark.parametrize(("method", "base", "params", "given", "error"), CASES)
def test_a_failed_fit_changes_nothing(pickled, method, base, params, given, error):
    net, X, before = fitted(pickled, base)
    net.set_params(**params)
    told = surroundings_of(net)
    with pytest.raises(error):
        getattr(net, method)(**arguments(base, given))
    assert not changed(before, facts_of(net, X))
    assert surroundings_of(net) == told


def test_an_interrupt_among_the_networks_of_calibration(pickled, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    net, X, before = fitted(pickled, "tempered")
    told = surroundings_of(net)
    monkeypatch.setattr(StratifiedKFold, "split", interrupt)  # the network is trained
    with pytest.raises(KeyboardInterrupt):
        net.fit(-X, table_of("tempered")[1])
    assert not changed(before, facts_of(net, X))
    assert surroundings_of(net) == told


@pytest.mark.filterwarnings("error::skloss.exceptions.DivergenceWarning")
def test_a_warning_that_is_an_error(pickled):
    net, X, before = fitted(pickled, "classes")
    net.set_params(learning_rate=1e30)
    told = surroundings_of(net)
    with pytest.raises(DivergenceWarning):
        net.fit(1e30 * X, table_of("classes")[1])
    assert not changed(before, facts_of(net, X))
    assert surroundings_of(net) == told


FRESH = [name for name in FAILS if not name.startswith("warm")]


@pytest.mark.parametrize("name", FRESH)
def test_an_estimator_that_never_was_fitted_stays_so(name):
    base, params, given, error = FAILS[name]
    net = clone(GOOD[base][0]).set_params(**params)
    told = surroundings_of(net)
    with pytest.raises(error):
        net.fit(**arguments(base, given))
    assert surroundings_of(net) == told
    assert not hasattr(net, "n_features_in_")
    with pytest.raises(NotFittedError):
        net.predict(table_of(base)[0])


def test_a_failed_fit_does_not_stand_in_the_way(pickled):
    """The next one that succeeds is as good as one that nothing went before."""
    base, _, given, error = FAILS["class order"]
    net, X, before = fitted(pickled, base)
    with pytest.raises(error):
        net.fit(**arguments(base, given))
    assert not changed(before, facts_of(net.fit(*table_of(base)), X))
