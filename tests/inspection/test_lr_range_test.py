"""The range test of learning rates: its arithmetic, its promises, real data."""

import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedKFold, ShuffleSplit, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor, inspection
from skloss.exceptions import NotFusibleError
from skloss.inspection import LRRangeTest, lr_range_test
from skloss.inspection._lr_range_test import smooth_losses
from skloss.model_selection import FusedGridSearchCV
from skloss.schedules import Cosine, Polynomial, ReduceLROnPlateau

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
y = (X[:, 0] + 0.3 * RNG.normal(size=120) > 0).astype(int)
FEW = {"n": 9, "low": 1e-5, "high": 10.0, "epochs": 4}


def net(**params):
    given = {"network": (4,), "batch_size": 24, "random_state": 0, **params}
    return LossAwareClassifier(**given)


@pytest.fixture(scope="module")
def found():
    return lr_range_test(net(), X, y, **FEW)


def test_the_losses_are_those_of_ordinary_fits(found):
    np.testing.assert_allclose(found.learning_rates_, np.geomspace(1e-5, 10, 9))
    seed = int(np.random.RandomState(0).randint(np.iinfo(np.int32).max))
    splits = list(ShuffleSplit(5, test_size=0.2, random_state=seed).split(X))
    for i in (0, 3, 5):
        losses = []
        for train, held in splits:
            alone = net(epochs=4, learning_rate=found.learning_rates_[i])
            alone.fit(X[train], y[train], X_val=X[held], y_val=y[held])
            losses.append(alone.history_["val_loss"][-1])
        # the test's output bias starts at the base rate of all rows
        assert found.losses_[i] == pytest.approx(np.mean(losses), rel=0.03)


def test_the_suggestion_is_the_best_rate_for_more_epochs(found):
    smooth = smooth_losses(found.learning_rates_, found.losses_)
    assert found.best == found.learning_rates_[np.argmin(smooth)]
    assert found.reach == 100
    flat = smooth <= smooth.min() + 0.005 * (found.losses_[0] - found.losses_.min())
    highest = found.learning_rates_[flat].max()
    assert found.suggested == pytest.approx(highest * 4 / 100)


def test_smoothed_by_hand():
    rates = 10.0 ** np.array([-3, -2.5, -2, -1.5, -1])
    losses = np.array([1.0, 0.5, 0.2, np.inf, 7.0])
    expected = [1.5 / 2, 1.7 / 3, 1.7 / 3, 2.2 / 3, 1.0]
    np.testing.assert_allclose(smooth_losses(rates, losses), expected)


def test_the_schedule_counts_by_its_mean():
    plain = lr_range_test(net(epochs=50), X, y, **FEW)
    for schedule, share in ((Cosine(), 0.5), (Polynomial(), 0.5), ("plateau", 1)):
        early = schedule == "plateau"
        schedule = ReduceLROnPlateau() if early else schedule
        given = net(epochs=50, lr_schedule=schedule, early_stopping=early)
        other = lr_range_test(given, X, y, **FEW)
        np.testing.assert_array_equal(other.losses_, plain.losses_)
        assert other.reach == pytest.approx(50 * share, rel=0.01)
        assert other.suggested == pytest.approx(plain.suggested / share, rel=0.01)


def test_the_same_again_and_nothing_is_touched(found):
    estimator = make_pipeline(net(learning_rate=0.5, random_state=0))
    before = {name: repr(v) for name, v in estimator.get_params().items()}
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    given = X.copy(), y.copy()
    again = lr_range_test(estimator, *given, **FEW)
    np.testing.assert_array_equal(again.losses_, found.losses_)
    assert again.suggested == found.suggested
    assert {name: repr(v) for name, v in estimator.get_params().items()} == before
    assert not hasattr(estimator[-1], "loss_")
    after = np.random.get_state()[1]  # noqa: NPY002
    np.testing.assert_array_equal(after, state)
    np.testing.assert_array_equal(given[0], X)
    other = lr_range_test(net(random_state=1), X, y, **FEW)
    assert not np.allclose(other.losses_, found.losses_)


def test_a_pipeline_and_a_random_state_object():
    random_state = np.random.RandomState(3)
    scaled = make_pipeline(StandardScaler(), net(random_state=random_state))
    position = random_state.get_state()[2]
    first = lr_range_test(scaled, 1000 * X, y, **FEW)
    assert random_state.get_state()[2] == position
    again = lr_range_test(clone(scaled), 1000 * X, y, **FEW)
    np.testing.assert_array_equal(first.losses_, again.losses_)
    weight = {"lossawareclassifier__sample_weight": np.where(y, 3.0, 1.0)}
    weighted = lr_range_test(scaled, 1000 * X, y, params=weight, **FEW)
    assert not np.allclose(weighted.losses_, first.losses_)


def test_epochs_at_most_the_estimators():
    short = lr_range_test(net(epochs=2), X, y, **FEW)
    assert (short.epochs, short.reach) == (2, 2)


@pytest.mark.slow
def test_networks_that_diverge_count_as_infinite():
    target = 10 * X[:, 0]
    regressor = LossAwareRegressor(
        network=(4,), random_state=0, optimizer="sgd", batch_size=24
    )
    found = lr_range_test(regressor, X, target, n=8, low=1e-4, high=1e6, epochs=3)
    assert np.isinf(found.losses_[-1])
    assert np.isfinite(found.losses_[0])
    assert 1e-4 < found.best < 10
    with pytest.raises(ValueError, match=r"Every network diverged.*lower low"):
        lr_range_test(regressor, X, target, n=3, low=1e7, high=1e9, epochs=3)


# Refusals and what it looks like


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"low": 0}, ValueError, "low=0 and high"),
        ({"low": 1.0, "high": 0.1}, ValueError, "0 < low < high"),
        ({"high": np.inf}, ValueError, "high=inf"),
        ({"n": 2}, ValueError, "n=2 must be an integer >= 3"),
        ({"n": 5.5}, TypeError, "n=5.5"),
        ({"epochs": 0}, ValueError, "epochs=0"),
    ],
)
def test_refuses(change, error, message):
    with pytest.raises(error, match=message):
        lr_range_test(net(), X, y, **{**FEW, **change})


def test_refuses_estimators():
    with pytest.raises(NotFusibleError, match="LogisticRegression"):
        lr_range_test(LogisticRegression(), X, y)
    with pytest.raises(ValueError, match="dropout=2"):
        lr_range_test(net(dropout=2), X, y)
    import keras

    own = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.9)
    with pytest.raises(ValueError, match=r"gives the rates itself.*lr_schedule=None"):
        lr_range_test(net(lr_schedule=own), X, y)


def test_warns_where_the_lowest_loss_is_at_an_edge():
    with pytest.warns(UserWarning, match=r"edge of the rates.*raise high"):
        lr_range_test(net(), X, y, low=1e-6, high=1e-4, n=5, epochs=4)
    with pytest.warns(UserWarning, match=r"edge of the rates.*lower low"):
        lr_range_test(net(), X, y, low=1.0, high=1e4, n=5, epochs=4)


def test_prints(found):
    text = repr(found)
    assert text.startswith(f"LRRangeTest(suggested={found.suggested:.2g}, best=")
    assert text.endswith("after 4 epochs, 9 rates from 1e-05 to 10)")
    assert isinstance(found, LRRangeTest)
    assert "LRRangeTest" in dir(inspection)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = inspection.no_such_name


def test_plot(found, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    ax = pyplot.figure().subplots()
    assert found.plot(ax) is ax
    curve, best, suggested = ax.get_lines()
    shown = found.losses_ <= 1.1 * found.losses_[0]
    np.testing.assert_array_equal(
        curve.get_ydata(), np.where(shown, found.losses_, np.nan)
    )
    assert best.get_xdata()[0] == found.best
    assert suggested.get_xdata()[0] == found.suggested
    assert ax.get_xscale() == "log"
    pyplot.close("all")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"skloss\[plot\]"):
        found.plot()


CLASSES = LossAwareClassifier, StratifiedKFold(5, shuffle=True, random_state=0)
NUMBERS = LossAwareRegressor, RepeatedKFold(n_splits=5, n_repeats=2, random_state=0)


@pytest.mark.slow
@pytest.mark.claim
@pytest.mark.parametrize(
    ("load", "make", "cv"),
    [
        (load_breast_cancer, *CLASSES),
        (load_digits, *CLASSES),
        (load_diabetes, *NUMBERS),
    ],
)
def test_a_default_fit_at_the_suggestion_is_nearly_the_best(load, make, cv):
    X, y = load(return_X_y=True)
    estimator = make_pipeline(StandardScaler(), make(random_state=0))
    found = lr_range_test(estimator, X, y)
    assert found.losses_.shape == (40,)
    name = f"{make.__name__.lower()}__learning_rate"
    rates = [found.suggested, *np.geomspace(1e-5, 0.1, 17)]
    search = FusedGridSearchCV(estimator, {name: rates}, cv=cv, refit=False)
    scores = search.fit(X, y).cv_results_["mean_test_score"]
    assert scores[0] >= 0.98 * scores.max()
