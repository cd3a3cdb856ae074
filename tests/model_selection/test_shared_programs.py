"""Networks of different losses share programs in a search, and each is as alone."""

import keras
import numpy as np
import optuna
import pytest
from canonical import NET, X, y_binary, y_number, y_three
from catalogue import some_slow
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold

from skloss import LossAwareClassifier, LossAwareRegressor, losses
from skloss._engine import trace_count
from skloss.model_selection import FusedGridSearchCV, FusedOptunaSearchCV, loss_space

pytestmark = pytest.mark.slow

CV = KFold(3)
STOPPING = {"early_stopping": True, "patience": 2, "epochs": 12, "learning_rate": 0.05}
CLASSES = ["cross_entropy", "focal:gamma=1.5", "savage", "brier", "hinge"]
NUMBERS = [
    "squared_error",
    "huber",
    "absolute_error",
    "quantile:quantile=0.3",
    "log_cosh",
]
CASES = {
    "binary": (LossAwareClassifier, CLASSES[::2], y_binary, {"dropout": 0.2}),
    "three classes": (LossAwareClassifier, CLASSES[:4], y_three, {}),
    "numbers": (LossAwareRegressor, NUMBERS, y_number, {"lr_schedule": "cosine"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", some_slow(CASES, {"three classes", "numbers"}))
def test_each_loss_scores_as_in_scikit_learns_search(case):
    cls, names, y, params = CASES[case]
    net = cls(**NET | STOPPING | params)
    scoring = None if case == "binary" else ["accuracy", "neg_log_loss"]
    scoring = "neg_mean_absolute_error" if case == "numbers" else scoring
    found = [
        search(net, {"loss": names}, cv=CV, scoring=scoring, refit=False).fit(X, y)
        for search in (FusedGridSearchCV, GridSearchCV)
    ]
    fused, plain = (own.cv_results_ for own in found)
    assert len(found[0].programs_) == 1
    assert "1 raw output" in found[0].programs_[0] or case == "three classes"
    for key in (name for name in plain if name.startswith("split")):
        np.testing.assert_allclose(fused[key], plain[key], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_the_search_says_which_losses_are_alone_and_why():
    grid = {"loss": ["brier", "auc_pairwise", "cross_entropy"], "batch_size": [32, 16]}
    search = FusedGridSearchCV(LossAwareClassifier(**NET), grid, cv=CV)
    assert search.fit(X, y_binary).programs_ == [
        "6 networks at once, batches of 32, in TensorFlow's graph: "
        "brier, cross_entropy (1 raw output a row)",
        "3 networks at once, batches of 32, in TensorFlow's graph: auc_pairwise "
        "(AUCPairwise() is alone: it computes as many values as a batch has pairs of "
        "rows)",
        "6 networks at once, batches of 16, in TensorFlow's graph: "
        "brier, cross_entropy (1 raw output a row)",
        "3 networks at once, batches of 16, in TensorFlow's graph: auc_pairwise "
        "(AUCPairwise() is alone: it computes as many values as a batch has pairs of "
        "rows)",
    ]


@pytest.mark.slow
def test_a_loss_whose_link_is_solved_for_is_scored_beside_others():
    mixed = 0.5 * losses.Brier() + 0.5 * losses.Focal()
    net = LossAwareClassifier(**NET | STOPPING)
    grid = {"loss": [mixed], "l2": [0.0, 0.01]}
    fused, plain = (
        search(net, grid, cv=CV, scoring="neg_log_loss").fit(X, y_three).cv_results_
        for search in (FusedGridSearchCV, GridSearchCV)
    )
    ours, theirs = fused["mean_test_score"], plain["mean_test_score"]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.slow
def test_the_order_of_sixty_candidates_does_not_matter():
    rng = np.random.default_rng(0)
    grid = [
        {"loss": [CLASSES[k % 5]], "learning_rate": [rate], "l2": [1e-4 * k]}
        for k, rate in enumerate(np.geomspace(0.001, 0.1, 60).tolist())
    ]
    net = LossAwareClassifier(**NET | STOPPING)
    scores = []
    for _ in range(3):
        order = rng.permutation(60)
        search = FusedGridSearchCV(net, [grid[k] for k in order], cv=CV, n_jobs=2)
        found = search.fit(X, y_binary).cv_results_
        scores.append(np.empty((2, 60)))
        scores[-1][:, order] = found["mean_test_score"], found["epochs_run"]
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])


# -- a study -------------------------------------------------------------------------


def study_search(**options):
    space = {
        "loss": loss_space(y_binary, include=["focal", "brier", "cross_entropy"]),
        "learning_rate": (0.003, 0.1, "log"),
        "lr_schedule": ["constant", "cosine", "reduce_on_plateau:patience=1"],
        "dropout": (0.0, 0.4, "linear"),
    }
    given = {"n_trials": 14, "cv": CV, "random_state": 3, "batch_size": 3}
    net = LossAwareClassifier(**NET | STOPPING)
    return FusedOptunaSearchCV(net, space, **given | options).fit(X, y_binary)


@pytest.fixture(scope="module")
def one_thread():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    before = trace_count()
    search = study_search()
    return search, trace_count() - before


def test_a_study_makes_two_programs_whatever_it_draws(one_thread):
    search, programs = one_thread
    assert programs <= 2  # the refit's is the other
    assert len(search.programs_) == 1
    assert "brier, cross_entropy, focal" in search.programs_[0]


@pytest.mark.parametrize("n_jobs", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_the_same_seed_gives_the_same_search(one_thread, n_jobs):
    search = study_search(n_jobs=n_jobs)
    for key in ("params", "mean_test_score", "epochs_run"):
        ours, theirs = search.cv_results_[key], one_thread[0].cv_results_[key]
        assert list(ours) == list(theirs), key


@pytest.mark.slow
def test_as_many_trials_are_under_way_as_the_batch_size_says():
    seen = []

    def space(trial):
        states = [t.state.name for t in trial.study.get_trials(deepcopy=False)]
        seen.append(states.count("RUNNING"))
        return {"learning_rate": trial.suggest_float("learning_rate", 0.001, 0.1)}

    net = LossAwareClassifier(**NET | STOPPING)
    arguments = {"n_trials": 9, "cv": CV, "random_state": 0, "batch_size": 2}
    FusedOptunaSearchCV(net, space, **arguments).fit(X, y_binary)
    assert len(seen) >= 9
    assert max(seen) == 2


# -- a network that fails --------------------------------------------------------------


def lookup():
    return keras.Sequential(
        [
            keras.layers.Lambda(lambda x: keras.ops.cast(x[:, 0], "int32")),
            keras.layers.Embedding(3, 4),
        ]
    )


@pytest.mark.filterwarnings("ignore:Scoring failed", "ignore:One or more of the test")
def test_a_network_that_fails_while_it_trains_costs_its_fold():
    codes = np.column_stack([np.arange(93) % 3, X]).astype(float)
    codes[:31:7, 0] = 7  # in the test rows of the first fold, which the others train on
    net = LossAwareClassifier(**NET | {"network": lookup, "epochs": 2})
    grid = {"learning_rate": [0.01, 0.1]}
    found = []
    for cls in (FusedGridSearchCV, GridSearchCV):
        search = cls(net, grid, cv=CV, error_score=-1.0, refit=False)
        with pytest.warns(FitFailedWarning, match="4 fits failed out of a total of 6"):
            search.fit(codes, y_binary)
        found.append(search.cv_results_)
    for fold in range(3):
        scores = [results[f"split{fold}_test_score"].tolist() for results in found]
        assert scores[0] == scores[1] == [-1.0, -1.0]
    assert "failed: InvalidArgumentError" in found[0]["outcome"][0]
