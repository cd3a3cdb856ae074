"""compare_losses: nested, paired, and equal to what scikit-learn does one by one."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, mean_pinball_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedKFold,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import (
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
)
from skloss.exceptions import LossTargetError, NotFusibleError, UnknownNameError
from skloss.losses import CrossEntropy, GaussianNLL
from skloss.model_selection import LossSpace, compare_losses
from skloss.model_selection._nested_run import NestedRun
from skloss.model_selection._run import FusedRun

CANCER, SICK = (part[:240] for part in load_breast_cancer(return_X_y=True))
DIABETES, PROGRESS = (part[:160] for part in load_diabetes(return_X_y=True))
NET = LossAwareClassifier(
    network=(8,), epochs=5, batch_size=32, learning_rate=0.01, random_state=0
)
PIPE = make_pipeline(StandardScaler(), NET)
NUMBERS = make_pipeline(
    StandardScaler(),
    LossAwareRegressor(network=(8,), epochs=5, batch_size=32, random_state=0),
)
CV = StratifiedKFold(3, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def found():
    """Return two losses and one without probabilities, tuned over three settings."""
    return compare_losses(
        *(PIPE, CANCER, SICK, ["cross_entropy", "focal", "hinge"]),
        **{"cv": CV, "inner_cv": CV, "n_settings": 3, "random_state": 0},
    )


@pytest.mark.slow
def test_untuned_scores_are_those_of_cross_validate():
    found = compare_losses(
        PIPE, CANCER, SICK, ["brier", "focal:gamma=2.0"], cv=CV, n_settings=1
    )
    for i, loss in enumerate(["brier", "focal:gamma=2.0"]):
        own = clone(PIPE).set_params(lossawareclassifier__loss=loss)
        metrics = "neg_log_loss", "roc_auc", "average_precision", "balanced_accuracy"
        for k, fold in enumerate(CV.split(CANCER, SICK)):
            own.set_params(lossawareclassifier__random_state=found.seeds[k])
            theirs = cross_validate(own, CANCER, SICK, cv=[fold], scoring=metrics)
            for metric in metrics:
                (expected,) = theirs[f"test_{metric}"]
                # of a program of another size: equal to single precision, trained
                assert found.scores[metric][i, k] == pytest.approx(expected, rel=1e-4)


def test_each_fold_has_a_seed_of_its_own_and_all_losses_share_it():
    options = {"cv": 3, "inner_cv": 2, "n_settings": 1, "scoring": "accuracy"}
    losses = ["cross_entropy", "cross_entropy:label_smoothing=0.0"]
    found, again = (
        compare_losses(PIPE, CANCER, SICK, losses, random_state=0, **options)
        for _ in range(2)
    )
    assert len(set(found.seeds)) == 3
    assert found.seeds == again.seeds
    one, other = found.scores["accuracy"]
    np.testing.assert_array_equal(one, other)  # the same loss twice, the same luck
    np.testing.assert_array_equal(found.scores["accuracy"], again.scores["accuracy"])


def test_classes_with_names_have_the_same_scores():
    options = {"cv": 2, "inner_cv": 2, "n_settings": 1, "random_state": 0}
    losses = ["cross_entropy", "hinge"]
    found, named = (
        compare_losses(PIPE, CANCER, y, losses, **options)
        for y in (SICK, np.where(SICK == 1, "yes", "no"))
    )
    for metric in found.metrics:
        np.testing.assert_allclose(found.scores[metric], named.scores[metric])


def test_each_fold_chooses_as_a_grid_search_of_its_training_rows(found):
    settings = [{"lossawareclassifier__loss": "focal"}, *found.settings["focal"]]
    grid = [{key: [value] for key, value in own.items()} for own in settings]
    train, test = next(iter(CV.split(CANCER, SICK)))
    own = clone(PIPE).set_params(lossawareclassifier__random_state=found.seeds[0])
    search = GridSearchCV(own, grid, cv=CV, scoring="neg_log_loss")
    search.fit(CANCER[train], SICK[train])
    assert search.best_params_ == found.settings["focal"][0]
    score = search.score(CANCER[test], SICK[test])
    assert found.scores["neg_log_loss"][1, 0] == pytest.approx(score, rel=1e-4)


def test_rows_that_test_a_loss_take_no_part_in_tuning_it(monkeypatch):
    trained, train = [], NestedRun.train

    def watch(self, estimator, params, scorers, splits, **options):
        trained.append(splits)
        return train(self, estimator, params, scorers, splits, **options)

    monkeypatch.setattr(NestedRun, "train", watch)
    options = {"cv": CV, "inner_cv": 2, "n_settings": 1, "random_state": 0}
    compare_losses(PIPE, CANCER, SICK, ["cross_entropy", "brier"], **options)
    outer = CV.split(CANCER, SICK)
    for (rows, tested), tuned, final in zip(
        outer, trained[::2], trained[1::2], strict=True
    ):
        ((own_rows, own_tested),) = final
        assert set(own_rows) == set(rows)
        assert set(own_tested) == set(tested)
        for inner in tuned:
            assert set(np.concatenate(inner)) == set(rows)


def test_the_temperature_is_that_of_the_inner_folds(found):
    train, test = next(iter(CV.split(CANCER, SICK)))
    own = clone(PIPE).set_params(
        **found.settings["cross_entropy"][0],
        lossawareclassifier__random_state=found.seeds[0],
    )
    p = cross_val_predict(
        own, CANCER[train], SICK[train], cv=CV, method="predict_proba"
    )

    def cool(p, temperature):
        powers = p ** (1 / temperature)
        return powers / powers.sum(axis=1, keepdims=True)

    best = minimize_scalar(
        lambda log_t: log_loss(SICK[train], cool(p, np.exp(log_t))), bounds=(-3, 3)
    )
    unseen = own.fit(CANCER[train], SICK[train]).predict_proba(CANCER[test])
    expected = -log_loss(SICK[test], cool(unseen, np.exp(best.x)))
    recalibrated = found.recalibrated["neg_log_loss"][0, 0]
    assert recalibrated == pytest.approx(expected, rel=1e-3)
    assert recalibrated != found.scores["neg_log_loss"][0, 0]
    order = found.scores["roc_auc"][0]  # which a temperature does not change
    assert found.recalibrated["roc_auc"][0] == pytest.approx(order, abs=1e-9)


def test_a_loss_without_probabilities_has_gaps_and_the_other_scores(found):
    assert found.gaps == {
        "hinge": dict.fromkeys(("neg_log_loss", "neg_brier_score"), "no probabilities")
    }
    assert np.isnan(found.scores["neg_log_loss"][2]).all()
    assert (found.scores["balanced_accuracy"][2] > 0.8).all()
    assert [row["loss"] for row in found.table()][-1] == "hinge"
    assert "hinge" not in found.as_good_as_best()
    assert np.isnan(found.recalibrated["balanced_accuracy"][2]).all()


@pytest.mark.slow
def test_what_others_are_compared_changes_no_loss(found):
    again = compare_losses(
        *(PIPE, CANCER, SICK, ["brier", "focal"]),
        **{"cv": CV, "inner_cv": CV, "n_settings": 3, "random_state": 0},
    )
    assert again.settings["focal"] == found.settings["focal"]
    for metric, scores in again.scores.items():
        assert scores[1] == pytest.approx(found.scores[metric][1], rel=1e-4)


@pytest.mark.slow
def test_all_losses_are_tuned_over_the_same_rates():
    found = compare_losses(
        *(PIPE, CANCER, SICK, ["brier", "focal"]),
        **{
            "cv": 2,
            "n_settings": 8,
            "random_state": 3,
            "ranges": {"l2": (1, 9, "linear")},
        },
    )
    for params in found.settings.values():
        for own in params:
            assert own.get("lossawareclassifier__l2", 1) in range(1, 10)


@pytest.mark.slow
def test_numbers_and_their_quantiles():
    losses = ["squared_error", "gaussian_nll", "quantile:quantile=0.9"]
    cv = KFold(3, shuffle=True, random_state=0)
    found = compare_losses(
        NUMBERS, DIABETES, PROGRESS, losses, cv=cv, n_settings=1, random_state=0
    )
    assert found.gaps == {
        "squared_error": {
            "neg_pinball_0.9": "no quantile at 0.9",
            "neg_crps": "no distribution",
        },
        "quantile:quantile=0.9": {"neg_crps": "no distribution"},
    }
    train, test = next(iter(cv.split(DIABETES)))
    own = clone(NUMBERS).set_params(
        lossawareregressor__loss="gaussian_nll",
        lossawareregressor__random_state=found.seeds[0],
    )
    own.fit(DIABETES[train], PROGRESS[train])
    dist = own[-1].predict_dist(own[:-1].transform(DIABETES[test]))
    pinball = mean_pinball_loss(PROGRESS[test], dist.ppf(0.9), alpha=0.9)
    assert found.scores["neg_pinball_0.9"][1, 0] == pytest.approx(-pinball, rel=1e-4)
    # Gneiting and Raftery 2007, Eq. 21: the CRPS of a normal distribution
    z = (PROGRESS[test] - dist.mean()) / dist.std()
    crps = dist.std() * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - np.pi**-0.5)
    assert found.scores["neg_crps"][1, 0] == pytest.approx(-crps.mean(), rel=5e-3)


def test_a_training_that_fails_is_told_of():
    failing = clone(PIPE).set_params(lossawareclassifier__learning_rate=1e30)
    losses = ["cross_entropy", "square"]
    found = compare_losses(
        *(failing, CANCER, SICK, losses),
        **{"cv": 2, "n_settings": 1, "random_state": 0},
    )
    assert np.isnan(found.scores["neg_log_loss"][1]).all()
    assert found.outcomes["square"][0].startswith("diverged")
    assert "square (fold 0 diverged" in repr(found)


@pytest.mark.filterwarnings("error")
@pytest.mark.slow
def test_predictions_that_a_score_refuses_are_told_of():
    X = np.random.RandomState(0).randn(80, 3)
    y = np.random.RandomState(1).poisson(np.exp(X[:, 0] - 1.5)).astype(float)
    pipe = make_pipeline(StandardScaler(), LossAwareRegressor(epochs=15))
    found = compare_losses(
        *(pipe, X, y, ["poisson", "squared_error"]),
        **{"scoring": "neg_mean_poisson_deviance", "cv": 2, "n_settings": 2},
        random_state=0,
    )
    poisson, squares = found.scores["neg_mean_poisson_deviance"]
    assert np.isfinite(poisson).all()
    assert np.isnan(squares).any()
    assert found.as_good_as_best() == ["poisson"]
    assert "strictly positive y_pred" in repr(found)


def test_masks_are_folds_too():
    splits = [(np.arange(240) % 2 == k, np.arange(240) % 2 != k) for k in (0, 1)]
    numbers = [tuple(map(np.flatnonzero, pair)) for pair in splits]
    found, expected = (
        compare_losses(
            *(PIPE, CANCER, SICK, ["brier", "focal"]),
            **{"cv": cv, "n_settings": 1, "random_state": 0},
        )
        for cv in (splits, numbers)
    )
    assert np.array_equal(found.scores["roc_auc"], expected.scores["roc_auc"])


def test_groups_stay_together():
    groups = np.arange(len(SICK)) // 4
    found = compare_losses(
        *(PIPE, CANCER, SICK, ["brier", "focal"]),
        **{"cv": GroupKFold(3), "inner_cv": GroupKFold(2), "groups": groups},
        **{"n_settings": 2, "random_state": 0},
    )
    assert found.n_folds == 3
    assert found.n_networks == 3 * (2 * 2 * 2 + 2)


def test_the_table_is_of_corrected_tests(found):
    rows = {row["loss"]: row for row in found.table()}
    one, two = found.scores["neg_log_loss"][:2]
    best, other = ("cross_entropy", "focal")
    if two.mean() > one.mean():
        best, other, one, two = other, best, two, one
    row, difference = rows[other], two - one
    error = np.sqrt((1 / 3 + 1 / 2) * difference.var(ddof=1))
    assert row["difference"] == pytest.approx(difference.mean())
    assert row["high"] - row["low"] == pytest.approx(2 * 4.302653 * error, rel=1e-6)
    assert row["worse"] + row["as good"] + row["better"] == pytest.approx(1)
    assert np.isnan(rows[best]["p"])


def test_verbose_shows_the_folds(capsys):
    options = {"cv": 2, "inner_cv": 2, "n_settings": 1, "random_state": 0}
    losses = ["cross_entropy", "brier"]
    compare_losses(PIPE, CANCER, SICK, losses, verbose=1, **options)
    assert "2/2" in capsys.readouterr().err


def test_it_prints_and_makes_a_frame(found):
    text = repr(found)
    assert "3 losses by neg_log_loss, 3 folds, 90 networks" in text
    assert "<table>" in found._repr_html_()
    frame = found.to_frame()
    assert isinstance(frame, pd.DataFrame)
    means = frame.groupby("loss")["roc_auc"].mean()
    assert means["focal"] == pytest.approx(found.scores["roc_auc"][1].mean())


@pytest.mark.slow
def test_default_folds_and_a_space_of_losses():
    space = LossSpace({"focal": {"gamma": (0.5, 4.0, "log")}, "brier": {}})
    found = compare_losses(
        PIPE, CANCER, SICK, space, scoring="roc_auc", n_settings=2, random_state=0
    )
    assert found.metrics == ["roc_auc"]
    assert found.n_folds == 10
    assert found.test_share == pytest.approx(0.25)
    again = compare_losses(
        *(PIPE, CANCER, SICK, space),
        **{"scoring": "roc_auc", "n_settings": 2, "random_state": 0},
    )
    assert np.array_equal(again.scores["roc_auc"], found.scores["roc_auc"])


@pytest.fixture
def no_training(monkeypatch):
    """Let nothing train."""
    monkeypatch.setattr(FusedRun, "train_candidates", None)


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("losses", "given", "kind", "text"),
    [
        (["brier", "brier"], {}, ValueError, "nothing to compare"),
        (["brier", "mean_squared_error"], {}, ValueError, "which are the same"),
        (["brier"], {}, ValueError, "nothing to compare"),
        (
            ["brier", CrossEntropy(), "cross_entropy:label_smoothing=0.0"],
            {},
            ValueError,
            "the same",
        ),
        (["brier", "fokal"], {}, ValueError, "focal"),
        (["brier", GaussianNLL()], {}, LossTargetError, "regression"),
        (
            ["brier", "hinge"],
            {"scoring": "neg_log_loss"},
            ValueError,
            "no probabilities",
        ),
        (
            ["brier", "focal"],
            {"cv": [(np.arange(99), np.arange(99, 150))]},
            ValueError,
            "one fold",
        ),
        (["brier", "focal"], {"n_settings": 0}, ValueError, "n_settings"),
        (["brier", "focal"], {"scoring": "neg_logloss"}, ValueError, "scoring"),
        (["brier", "focal"], {"ranges": {"l3": (0.1, 1.0, "log")}}, ValueError, "l3"),
        (
            ["brier", "focal"],
            {"ranges": {"l2": (0.1, 1.0)}},
            ValueError,
            "range or choices",
        ),
    ],
)
def test_bad_input_is_refused_before_training(losses, given, kind, text):
    with pytest.raises(kind, match=text):
        compare_losses(PIPE, CANCER, SICK, losses, **given)


@pytest.mark.usefixtures("no_training")
def test_a_loss_that_does_not_fit_y_is_refused():
    losses = ["squared_error", "poisson"]
    with pytest.raises(LossTargetError, match="'poisson', which does not fit y"):
        compare_losses(NUMBERS, DIABETES, PROGRESS - 200, losses)


@pytest.mark.usefixtures("no_training")
def test_other_estimators_are_refused():
    losses = ["brier", "focal"]
    with pytest.raises(NotFusibleError, match="LossAwareClassifier"):
        compare_losses(LogisticRegression(), CANCER, SICK, losses)
    heads = LossAwareMultiTask([("ill", ClassificationHead())])
    with pytest.raises(TypeError, match="LossAwareClassifier"):
        compare_losses(heads, CANCER, pd.DataFrame({"ill": SICK}), losses)


def test_what_was_not_measured_is_refused(found):
    with pytest.raises(UnknownNameError, match="roc_auc"):
        found.table("rocauc")
    with pytest.raises(UnknownNameError, match="focal"):
        found.difference("focl", "hinge")
    with pytest.raises(ValueError, match="margin"):
        found.table(margin=-1)
