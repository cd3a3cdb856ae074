"""The names of other libraries for the same loss, and how near misses are met."""

import pytest

from skloss import losses
from skloss.losses import get

# As each library spells it where its user writes it.
NAMES = {
    "scikit-learn": [
        ("log_loss", "CrossEntropy"),
        ("exponential", "Exponential"),
        ("hinge", "Hinge"),
        ("squared_hinge", "SquaredHinge"),
        ("modified_huber", "ModifiedHuber"),
        ("squared_error", "SquaredError"),
        ("absolute_error", "AbsoluteError"),
        ("huber", "Huber"),
        ("quantile", "Quantile"),
        ("poisson", "Poisson"),
        ("gamma", "Gamma"),
        ("epsilon_insensitive", "EpsilonInsensitive"),
        ("squared_epsilon_insensitive", "SquaredEpsilonInsensitive"),
    ],
    "Keras": [
        ("binary_crossentropy", "CrossEntropy"),
        ("categorical_crossentropy", "CrossEntropy"),
        ("sparse_categorical_crossentropy", "CrossEntropy"),
        ("binary_focal_crossentropy", "Focal"),
        ("categorical_hinge", "CrammerSinger"),
        ("kl_divergence", "KLDivergence"),
        ("tversky", "Tversky"),
        ("dice", "Tversky"),
        ("mean_squared_error", "SquaredError"),
        ("mean_absolute_error", "AbsoluteError"),
        ("mean_absolute_percentage_error", "MeanAbsolutePercentage"),
        ("mean_squared_logarithmic_error", "MeanSquaredLogarithmic"),
        ("log_cosh", "LogCosh"),
    ],
    "PyTorch": [
        ("CrossEntropyLoss", "CrossEntropy"),
        ("BCEWithLogitsLoss", "CrossEntropy"),
        ("SoftMarginLoss", "CrossEntropy"),
        ("KLDivLoss", "KLDivergence"),
        ("MultiMarginLoss", "WestonWatkins"),
        ("MSELoss", "SquaredError"),
        ("L1Loss", "AbsoluteError"),
        ("HuberLoss", "Huber"),
        ("SmoothL1Loss", "Huber"),
        ("PoissonNLLLoss", "Poisson"),
        ("GaussianNLLLoss", "GaussianNLL"),
    ],
    "LightGBM": [
        ("binary", "CrossEntropy"),
        ("multiclass", "CrossEntropy"),
        ("multiclassova", "OneVsRest"),
        ("l2", "SquaredError"),
        ("l1", "AbsoluteError"),
        ("fair", "Fair"),
        ("mape", "MeanAbsolutePercentage"),
        ("tweedie", "Tweedie"),
    ],
    "CatBoost": [
        ("Logloss", "CrossEntropy"),
        ("CrossEntropy", "CrossEntropy"),
        ("MultiClass", "CrossEntropy"),
        ("MultiClassOneVsAll", "OneVsRest"),
        ("MultiLogloss", "CrossEntropy"),
        ("RMSE", "SquaredError"),
        ("RMSEWithUncertainty", "GaussianNLL"),
        ("MAE", "AbsoluteError"),
        ("Expectile", "Expectile"),
        ("MultiQuantile", "Quantile"),
        ("LogCosh", "LogCosh"),
        ("MSLE", "MeanSquaredLogarithmic"),
        ("MAPE", "MeanAbsolutePercentage"),
    ],
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(name, expected, id=f"{library}-{name}")
        for library, names in NAMES.items()
        for name, expected in names
    ],
)
def test_names_elsewhere(name, expected):
    cls = getattr(losses, expected)
    assert type(get(name, cls.family)) is cls


@pytest.mark.parametrize(
    ("wrong", "family", "offered"),
    [
        ("cross_entrpy", "classification", "'cross_entropy'"),
        ("focal_los", "classification", "'focal_loss'"),
        ("tukeys", "regression", "'tukey'"),
        ("student", "regression", "'student_t'"),
    ],
)
def test_near_misses_are_offered(wrong, family, offered):
    with pytest.raises(ValueError, match=r"Did you mean .*Valid names") as caught:
        get(wrong, family)
    assert offered in str(caught.value).partition("Valid names")[0]
