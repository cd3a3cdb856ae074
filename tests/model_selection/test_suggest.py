"""Parameters drawn from Optuna's trials, and what storages keep of them."""

import numpy as np
import optuna
import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FixedTrial
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skloss import MLP, LossAwareClassifier, LossAwareRegressor
from skloss.losses import Brier, Focal
from skloss.model_selection import (
    LossSpace,
    loss_space,
    suggest_from,
    suggest_params,
)

X, Y = load_iris(return_X_y=True)
NET = LossAwareClassifier(network=(4,), epochs=2, random_state=0)
PIPE = Pipeline([("scale", StandardScaler()), ("net", NET)])


def named_function():
    pass


@pytest.fixture(autouse=True)
def quiet_optuna():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture(
    params=["memory", "journal", pytest.param("rdb", marks=pytest.mark.slow)]
)
def storage(request, tmp_path):
    """Return a function that opens the same storage anew."""
    if request.param == "memory":
        kept = optuna.storages.InMemoryStorage()
        yield lambda: kept
    elif request.param == "journal":
        path = str(tmp_path / "study.log")
        yield lambda: JournalStorage(JournalFileBackend(path))
    else:
        opened = []

        def opens():
            opened.append(RDBStorage(f"sqlite:///{tmp_path / 'study.db'}"))
            return opened[-1]

        yield opens
        for one in opened:
            one.remove_session()
            one.engine.dispose()


def drawn_as(distribution):
    """Return the one distribution that Optuna records for a parameter."""
    trial = optuna.create_study().ask()
    suggest_from(trial, {"x": distribution})
    return trial.distributions["x"]


@pytest.mark.parametrize(
    ("given", "recorded"),
    [
        ((0.1, 3, "linear"), FloatDistribution(0.1, 3.0)),
        ((0.1, 3.0, "log"), FloatDistribution(0.1, 3.0, log=True)),
        ((2, 9, "linear"), IntDistribution(2, 9)),
        ((2, 9, "log"), IntDistribution(2, 9, log=True)),
        (stats.uniform(0.25, 0.5), FloatDistribution(0.25, 0.75)),
        (stats.uniform(loc=-1, scale=3), FloatDistribution(-1.0, 2.0)),
        (stats.loguniform(1e-3, 1e2), FloatDistribution(1e-3, 1e2, log=True)),
        (stats.loguniform(0.5, 4, scale=2), FloatDistribution(1.0, 8.0, log=True)),
        (stats.reciprocal(1e-6, 1e6), FloatDistribution(1e-6, 1e6, log=True)),
        (stats.randint(3, 8), IntDistribution(3, 7)),
        (stats.randint(3, 8, loc=2), IntDistribution(5, 9)),
        (FloatDistribution(0, 1, step=0.25), FloatDistribution(0, 1, step=0.25)),
        (IntDistribution(1, 64, log=True), IntDistribution(1, 64, log=True)),
        (["a", None, 2, 0.5, True], CategoricalDistribution(["a", None, 2, 0.5, True])),
        (CategoricalDistribution(["a", "b"]), CategoricalDistribution(["a", "b"])),
        (np.array([0.5, 2.0]), CategoricalDistribution([0.5, 2.0])),
    ],
)
def test_each_distribution_becomes_optunas(given, recorded):
    assert drawn_as(given) == recorded


def test_scipys_and_optunas_ends_are_the_same():
    """The largest and smallest that randint draws are those of the range."""
    sample = stats.randint(3, 8, loc=2).rvs(size=400, random_state=0)
    recorded = drawn_as(stats.randint(3, 8, loc=2))
    assert (sample.min(), sample.max()) == (recorded.low, recorded.high)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (stats.norm(0, 1), ValueError, r"x: SciPy's norm\(0, 1\).*'linear' or 'log'"),
        (
            stats.loguniform(1, 8, loc=2),
            ValueError,
            r"x: SciPy's loguniform\(1, 8, loc=2\)",
        ),
        ((1.0, 2.0, "lin"), ValueError, "scale 'lin'.*choices as a list"),
        ([], ValueError, r"x=\[\] has no choices"),
        ([1, 2, 1], ValueError, "equal or print alike"),
        ([(1, 2), "(1, 2)"], ValueError, "equal or print alike"),
        ([object(), 1], ValueError, "place in memory.*define __repr__"),
        (0.5, TypeError, r"x=0.5 is nothing to draw from; give a list"),
        ("relu", TypeError, "x='relu' is nothing"),
    ],
)
def test_other_distributions_are_refused(given, error, message):
    with pytest.raises(error, match=message):
        drawn_as(given)


def test_a_function_of_the_trial_or_a_dict_but_no_list():
    trial = FixedTrial({"a": 0.5})
    assert suggest_from(trial, lambda t: {"b": t.suggest_float("a", 0, 1)}) == {
        "b": 0.5
    }
    with pytest.raises(TypeError, match=r"no list of dicts.*loss_space\(y\)"):
        suggest_from(trial, [{"a": [1, 2]}])


CHOICES = {
    "network": [(8,), (64, 64), MLP((16,), activation="tanh")],
    "loss": [Focal(gamma=3.0), 0.5 * Focal() + Brier(), "square"],
    "scale": [StandardScaler(), PCA(2), "passthrough", None],
    "f": [named_function, np.float64(0.1), StandardScaler],
}


def test_choices_come_back_as_the_objects_from_any_storage(storage):
    study = optuna.create_study(
        study_name="s",
        storage=storage(),
        sampler=optuna.samplers.RandomSampler(0),
    )
    seen = []
    for _ in range(15):
        trial = study.ask()
        seen.append(suggest_from(trial, CHOICES))
        study.tell(trial, 0.0)
    for name, values in CHOICES.items():
        drawn = {id(params[name]) for params in seen}
        assert drawn == {id(value) for value in values}
    again = optuna.load_study(study_name="s", storage=storage())
    for trial, params in zip(again.trials, seen, strict=True):
        replayed = suggest_from(trial, CHOICES)
        assert all(replayed[name] is params[name] for name in params)
        for value in trial.params.values():
            assert value is None or type(value) in (str, float)
    suggest_from(again.ask(), CHOICES)  # a resumed study takes the same choices


def test_losses_come_back_exactly_from_any_storage(storage):
    study = optuna.create_study(study_name="s", storage=storage())
    given = {"net__loss": loss_space(Y), "l2": (1e-6, 1e-2, "log")}
    seen = []
    for _ in range(12):
        trial = study.ask()
        seen.append(suggest_from(trial, given))
        study.tell(trial, 0.0)
    again = optuna.load_study(study_name="s", storage=storage())
    assert [suggest_from(trial, given) for trial in again.trials] == seen
    assert {name.split("__")[0] for name in seen[0]} == {"net", "l2"}


def test_usual_parameters_and_their_ranges():
    trial = optuna.create_study().ask()
    params = suggest_params(trial, NET, Y)
    assert list(params) == ["loss", "learning_rate", "lr_schedule", "l2", "dropout"]
    recorded = trial.distributions
    assert recorded["learning_rate"] == FloatDistribution(1e-4, 3e-2, log=True)
    assert recorded["l2"] == FloatDistribution(1e-6, 1e-2, log=True)
    assert recorded["dropout"] == FloatDistribution(0.0, 0.5)
    assert recorded["lr_schedule"].choices == ("constant", "cosine", "one_cycle")
    assert recorded["loss"].choices == tuple(loss_space(Y).losses)
    for value in params.values():
        assert type(value) in (str, float)


def test_every_documented_parameter_can_be_set_and_trained():
    names = ("l1", "l2", "weight_decay", "dropout", "clip_norm", "batch_size")
    names += ("clip_value", "max_norm", "input_noise", "mixup", "weight_averaging")
    trial = optuna.create_study().ask()
    params = suggest_params(trial, NET, names=names)
    assert set(params) == set(names)
    clone(NET).set_params(**params).fit(X, Y)


def test_names_and_ranges_are_chosen():
    trial = optuna.create_study().ask()
    space = LossSpace({"focal": {"gamma": (1.0, 2.0, "linear")}}, prefix="other")
    params = suggest_params(
        trial,
        PIPE,
        names=["loss", "clip_norm"],
        ranges={"loss": space, "epochs": (5, 9, "linear"), "network": [(8,), (9,)]},
    )
    assert list(params) == [
        "net__loss",
        "net__clip_norm",
        "net__epochs",
        "net__network",
    ]
    assert trial.distributions["net__loss__focal__gamma"] == FloatDistribution(1.0, 2.0)
    assert trial.params["net__network"] in ("(8,)", "(9,)")
    assert clone(PIPE).set_params(**params)["net"].network in ((8,), (9,))


def test_the_estimator_says_which_family():
    counts = np.array([0, 3, 1, 0, 12])
    trial = optuna.create_study().ask()
    suggest_params(trial, LossAwareRegressor(), counts)
    assert "poisson" in trial.distributions["loss"].choices


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"estimator": LogisticRegression(), "y": Y}, TypeError, "suggest_from"),
        ({"estimator": NET}, ValueError, "y=None.*ranges="),
        (
            {"estimator": NET, "names": ["learning_rat"]},
            ValueError,
            "'learning_rat'.*Did you mean 'learning_rate'",
        ),
    ],
)
def test_suggest_params_refuses(params, error, message):
    with pytest.raises(error, match=message):
        suggest_params(optuna.create_study().ask(), **params)


def test_a_plain_objective_survives_clone_and_prunes():
    """Each trial's reports arrive; a trial that is pruned is PRUNED."""

    def objective(trial):
        params = suggest_params(trial, PIPE, Y)
        assert "trial" not in repr(params).lower()
        pipe = clone(PIPE).set_params(**params)
        score = cross_val_score(pipe, X, Y, cv=2, error_score="raise").mean()
        trial.report(score, 0)
        if trial.number == 1:
            raise optuna.TrialPruned
        return score

    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials=2)
    assert [t.state.name for t in study.trials] == ["COMPLETE", "PRUNED"]
    assert all(len(t.intermediate_values) == 1 for t in study.trials)
    best = suggest_params(study.best_trial, PIPE, Y)
    pipe = clone(PIPE).set_params(**best)
    assert cross_val_score(pipe, X, Y, cv=2).mean() == study.best_value
