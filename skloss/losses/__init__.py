"""The catalogue of losses."""

from skloss.losses._algebra import LossSum
from skloss.losses._base import ClassificationLoss, Loss, RegressionLoss
from skloss.losses._custom import CustomLoss, CustomRegressionLoss
from skloss.losses._distribution import GaussianNLL
from skloss.losses._get import get, loss_names
from skloss.losses._margin import CrammerSinger, Hinge, Square, SquaredHinge
from skloss.losses._quantile import Quantile
from skloss.losses._regression import (
    AbsoluteError,
    Expectile,
    Huber,
    LogCosh,
    Poisson,
    SquaredError,
)
from skloss.losses._softmax import (
    AbsoluteErrorOnProbabilities,
    Brier,
    CrossEntropy,
    Focal,
    KLDivergence,
)
from skloss.losses._task import Task

__all__ = [
    "AbsoluteError",
    "AbsoluteErrorOnProbabilities",
    "Brier",
    "ClassificationLoss",
    "CrammerSinger",
    "CrossEntropy",
    "CustomLoss",
    "CustomRegressionLoss",
    "Expectile",
    "Focal",
    "GaussianNLL",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossSum",
    "Poisson",
    "Quantile",
    "RegressionLoss",
    "Square",
    "SquaredError",
    "SquaredHinge",
    "Task",
    "get",
    "loss_names",
]
