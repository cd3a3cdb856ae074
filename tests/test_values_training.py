"""How values are learnt, what is kept of it, and what scikit-learn checks."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator
from transitions import BOTH, CORRIDOR, TABLE, WALK, values_of

from skloss import FittedQRegressor
from skloss.exceptions import LossTargetError
from skloss.inspection import lr_range_test
from skloss.losses import Huber

pytestmark = pytest.mark.slow


def make_log(n_episodes=10, length=6):
    """Return a log of a few states, some episodes of which end."""
    rng = np.random.default_rng(0)
    path = rng.normal(size=(n_episodes, length + 1, 2)).cumsum(axis=1)
    ends = np.zeros((n_episodes, length), dtype=bool)
    ends[::2, -1] = True
    return {
        "X": path[:, :-1].reshape(-1, 2),
        "y": -np.abs(path[:, 1:, 0]).ravel(),
        "next_X": path[:, 1:].reshape(-1, 2),
        "terminal": ends.ravel(),
        "episode": np.repeat(np.arange(n_episodes), length),
    }


LOG = make_log()
NET = {"network": (8,), "epochs": 4, "batch_size": 16, "random_state": 0}


def test_a_warm_start_knows_the_same_actions():
    net = FittedQRegressor(**NET, warm_start=True).fit(**CORRIDOR)
    with pytest.raises(ValueError, match="warm_start=True"):
        net.fit(**CORRIDOR | {"action": np.tile(["right", "up"], 3)})


@pytest.mark.parametrize("kind", BOTH)
def test_values_do_not_stop_early(kind):
    net = kind(**NET)
    assert not {"early_stopping", "patience", "X_val"} & set(net.get_params())
    with pytest.raises(ValueError, match="Invalid parameter 'early_stopping'"):
        net.set_params(early_stopping=True)
    net.fit(**LOG)
    assert set(net.history_) == {"loss", "learning_rate", "gradient_norm"}
    assert net.n_epochs_ == NET["epochs"]


def test_rates_are_not_compared_by_targets_that_move():
    with pytest.raises(ValueError, match="TransitionScorer"):
        lr_range_test(values_of(), LOG["X"], LOG["y"])


@pytest.mark.parametrize("kind", BOTH)
def test_a_warm_start_goes_on(kind):
    plain = kind(**NET | {"epochs": 8, "dtype": "float64"}).fit(**LOG)
    warm = kind(**NET | {"warm_start": True, "dtype": "float64"}).fit(**LOG)
    first = warm.predict(LOG["X"])
    again = warm.fit(**LOG).predict(LOG["X"])
    assert np.abs(again - first).max() > 1e-4
    # fewer differences are left than after a first fit, and values go on from there
    assert warm.history_["loss"][0] < plain.history_["loss"][0]
    fresh = kind(**NET | {"epochs": 1, "dtype": "float64"}).fit(**LOG)
    beside = kind(**NET | {"epochs": 5, "dtype": "float64"}).fit(**LOG)
    assert (
        np.abs(again - beside.predict(LOG["X"])).max()
        < np.abs(again - fresh.predict(LOG["X"])).max()
    )


@pytest.mark.parametrize("kind", BOTH)
def test_a_network_travels_and_is_cloned(kind):
    net = kind(**NET, n_steps=2).fit(**LOG)
    other = pickle.loads(pickle.dumps(net))
    assert (other.predict(LOG["X"]) == net.predict(LOG["X"])).all()
    assert other.score(**LOG) == net.score(**LOG)
    again = clone(net).fit(**LOG)
    assert (again.predict(LOG["X"]) == net.predict(LOG["X"])).all()


@pytest.mark.parametrize("kind", BOTH)
def test_what_is_kept_holds_no_rows_of_the_log(kind):
    """A pickle of many rows is as large as one of a few."""
    many = {k: np.concatenate([v] * 20) for k, v in LOG.items()}
    many["episode"] = np.repeat(np.arange(200), 6)
    one = NET | {"epochs": 1, "batch_size": 16}
    sizes = [len(pickle.dumps(kind(**one).fit(**data))) for data in (LOG, many)]
    assert abs(sizes[1] - sizes[0]) < 2000


@pytest.mark.parametrize("kind", BOTH)
def test_rows_of_which_none_follows_another_have_a_score(kind):
    log = make_log(20)
    net, own = kind(**NET).fit(**log), {k: v[::2] for k, v in log.items()}
    assert np.isfinite(net.score(**own))


def test_numbers_of_a_loss_are_parameters():
    net = values_of(loss=Huber(0.5), epochs=3).fit(**WALK)
    other = values_of(loss="huber", epochs=3)
    assert other.get_params()["loss"] == "huber"
    other.set_params(loss__delta=0.5).fit(**WALK)
    assert (other.predict(np.eye(5)) == net.predict(np.eye(5))).all()
    other.set_params(loss__delta=5.0).fit(**WALK)
    assert (other.predict(np.eye(5)) != net.predict(np.eye(5))).any()


@pytest.mark.parametrize("kind", BOTH)
def test_nothing_that_is_given_is_changed(kind):
    net = kind(**NET)
    params, given = repr(net.get_params()), pickle.dumps(LOG)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    net.fit(**LOG).score(**LOG)
    net.predict(LOG["X"])
    assert repr(net.get_params()) == params
    assert pickle.dumps(LOG) == given
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


@pytest.mark.parametrize("kind", BOTH)
def test_a_failed_fit_leaves_what_there_was(kind):
    net = kind(**NET).fit(**LOG)
    before, left = net.predict(LOG["X"]), dict(vars(net))
    broken = [
        LOG | {"terminal": np.full(60, "a")},
        LOG | {"next_X": LOG["next_X"][:, :1]},
        LOG | {"y": np.full(60, np.nan)},
        {"X": np.eye(6), "y": np.ones(6), "next_X": np.eye(5)[[0] * 6]},
    ]
    for data in broken:
        with pytest.raises(ValueError, match=r".+"):
            net.fit(**data)
        assert vars(net) == left
    assert (net.predict(LOG["X"]) == before).all()
    with pytest.raises(LossTargetError):
        net.set_params(loss="poisson").fit(**LOG)
    assert (net.predict(LOG["X"]) == before).all()


def test_one_row_and_one_episode():
    net = values_of(epochs=5)
    with pytest.warns(UserWarning, match="one value only"):
        net.fit([[1.0, 2.0]], [1.0], next_X=[[1.0, 2.0]], terminal=[True])
    assert net.predict([[1.0, 2.0]]) == pytest.approx([1.0])
    one = {k: v[:6] for k, v in LOG.items()}
    assert np.isfinite(
        values_of(n_steps=6, epochs=5).fit(**one).predict(one["X"])
    ).all()


# -- scikit-learn's own checks ---------------------------------------------------------


def name_of(check):
    words = ",".join(f"{k}={v}" for k, v in check.keywords.items())
    return check.func.__name__ + (f"({words})" if words else "")


CHECKS = [
    pytest.param(own, check, id=f"{kind.__name__}-{name_of(check)}")
    for kind in BOTH
    for own, check in estimator_checks_generator(
        kind(network=(8,), epochs=40, learning_rate=0.01, batch_size=64, random_state=0)
    )
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", BOTH)
def test_a_warm_start_on_other_rewards_has_their_values(kind):
    """Networks go on in the units of the first fit, whatever the second one's are."""
    net = kind(**TABLE | {"discount": 0.9, "loss": "squared_error"})
    once = net.fit(**WALK).predict(np.eye(5))
    again = net.set_params(warm_start=True).fit(**WALK | {"y": WALK["y"] + 0.1})
    # each step earns 0.1 more, on a walk whose length is known by the same equations
    P = np.zeros((5, 5))
    inside = WALK["terminal"] == 0
    np.add.at(P, (WALK["X"].argmax(1)[inside], WALK["next_X"].argmax(1)[inside]), 0.5)
    more = np.linalg.solve(np.eye(5) - 0.9 * P, np.full(5, 0.1))
    np.testing.assert_allclose(again.predict(np.eye(5)) - once, more, atol=1e-3)
