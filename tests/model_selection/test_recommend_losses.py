"""recommend_losses: what the score rewards first, then the evidence; any table."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import make_scorer, mean_pinball_loss

from skloss import losses
from skloss.exceptions import LossTargetError, UnknownNameError
from skloss.model_selection import LossSpace, recommend_losses

X, Y = load_diabetes(return_X_y=True)
CANCER, SICK = load_breast_cancer(return_X_y=True)
RNG = np.random.default_rng(0)
WRONG = np.where(np.arange(len(Y)) % 10 == 0, -20 * Y, Y)


def list_losses(*data, **options):
    return [own.loss for own in recommend_losses(*data, **options)]


@pytest.mark.parametrize(
    ("scoring", "first"),
    [
        ("neg_root_mean_squared_error", "squared_error"),
        ("neg_mean_absolute_error", "absolute_error"),
        ("neg_mean_squared_log_error", "msle"),
        ("neg_mean_poisson_deviance", "poisson"),
        (
            make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False),
            "quantile:quantile=0.9",
        ),
    ],
)
def test_the_scores_own_loss_is_first_on_clean_data(scoring, first):
    assert list_losses(X, Y + 0.5, scoring=scoring)[0] == first


def test_of_squares_the_outliers_speak_for_another_first():
    scoring = "neg_root_mean_squared_error"
    assert list_losses(X, WRONG, scoring=scoring)[:2] == ["huber", "squared_error"]


@pytest.mark.parametrize(
    ("scoring", "first"),
    [
        ("neg_log_loss", "cross_entropy:label_smoothing=0.0"),
        ("neg_brier_score", "brier"),
        ("balanced_accuracy", "logit_adjusted:posterior=balanced"),
        ("roc_auc", "auc_pairwise"),
        (None, "cross_entropy"),
    ],
)
def test_classes(scoring, first):
    assert list_losses(CANCER, SICK, scoring=scoring)[0] == first


def test_all_that_is_offered_is_of_the_catalogue_and_fits():
    for found, family in [
        (recommend_losses(X, WRONG), "regression"),
        (recommend_losses(CANCER, SICK), "classification"),
    ]:
        for own in found:
            assert losses.get(own.loss, family).elicits == own.elicits
        assert isinstance(found.space, LossSpace)
        assert list(found.space.losses) == [own.loss for own in found]
        named = [own["loss"][0] for own in found.param_grid(2)]
        assert named == [own.loss for own in found]


def test_the_five_factors_are_printed():
    text = repr(recommend_losses(X, WRONG))
    for factor in (
        *("problem", "distribution and outliers", "complexity and overfitting"),
        *("cost", "interpretability"),
    ):
        assert factor in text
    assert "10.2% of the residuals" in text  # 45 of 442 rows
    assert "Rousseeuw and Croux 1993" in text
    assert "<pre>" in recommend_losses(X, WRONG)._repr_html_()


@pytest.mark.parametrize("kind", ["frame", "gaps", "sparse", "wide"])
@pytest.mark.slow
def test_tables_of_all_kinds(kind):
    given = {
        "frame": lambda: pd.DataFrame(X).assign(
            text=np.where(X[:, 0] > 0, "high", None), day=pd.Categorical(X[:, 1] > 0)
        ),
        "gaps": lambda: np.where(RNG.random(X.shape) < 0.1, np.nan, X),
        "sparse": lambda: csr_matrix(X * (X > 0.02)),
        "wide": lambda: np.hstack([X, RNG.normal(size=(len(X), 300))]),
    }[kind]()
    before = given.copy()
    assert list_losses(given, WRONG)[0] == "huber"
    same = (given != before) if kind == "sparse" else None
    if kind == "sparse":
        assert same.nnz == 0
    else:
        pd.testing.assert_frame_equal(pd.DataFrame(given), pd.DataFrame(before))


def test_several_targets_and_several_labels():
    assert list_losses(X, np.c_[WRONG, WRONG + X[:, 0]])[0] == "huber"
    labels = np.c_[SICK, CANCER[:, 0] > 14].astype(int)
    assert list_losses(CANCER, labels) == ["cross_entropy"]


def test_ordered_classes():
    grades = pd.Categorical.from_codes(
        np.digitize(Y, [100, 200]), ["low", "middle", "high"], ordered=True
    )
    assert list_losses(X, pd.Series(grades))[0] == "cumulative_link"


def test_the_same_again_and_no_global_random_numbers():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = repr(recommend_losses(X, WRONG)), repr(recommend_losses(X, WRONG))
    assert first == second
    after = np.random.get_state()[1]  # noqa: NPY002
    assert np.array_equal(after, before)


@pytest.mark.parametrize(
    ("data", "options", "kind", "text"),
    [
        ((X, Y[:-1]), {}, ValueError, "inconsistent numbers"),
        ((X, Y), {"scoring": "neg_log_los"}, UnknownNameError, "neg_log_loss"),
        (
            *((X, Y), {"scoring": "accuracy", "family": "regression"}),
            *(ValueError, "contradicts"),
        ),
        ((X, -Y), {"scoring": "neg_mean_gamma_deviance"}, ValueError, "gamma"),
        ((X, np.full(len(X), 3)), {"family": "classification"}, ValueError, "one"),
    ],
)
def test_bad_input(data, options, kind, text):
    with pytest.raises((kind, LossTargetError), match=text):
        recommend_losses(*data, **options)
