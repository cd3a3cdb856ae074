"""The catalogue of losses: a line for each."""

from skloss.losses._autoencoding import ELBO, Reconstruction
from skloss.losses._batch import AUCPairwise, QuadraticKappa, Tversky
from skloss.losses._core import _family_sums  # noqa: F401, to make LossSum know them
from skloss.losses._core._custom import CustomLoss, CustomRegressionLoss
from skloss.losses._core._families import ClassificationLoss, RegressionLoss
from skloss.losses._core._get_loss import get, loss_names
from skloss.losses._core._loss import Loss
from skloss.losses._core._loss_sum import LossSum
from skloss.losses._core._representation_loss import RepresentationLoss
from skloss.losses._core._task import Task
from skloss.losses._count import NegativeBinomial, ZeroInflatedPoisson
from skloss.losses._distribution import (
    BetaNLL,
    CRPSGaussian,
    CRPSLaplace,
    CRPSLogistic,
    GaussianNLL,
    LaplaceNLL,
    LogNormalNLL,
    StudentTNLL,
)
from skloss.losses._evidential import EvidentialNIG
from skloss.losses._histogram import HLGauss
from skloss.losses._imbalance import LDAM, ClassBalanced, LogitAdjusted, VectorScaling
from skloss.losses._label_noise import (
    BiTempered,
    ForwardCorrection,
    GeneralizedCrossEntropy,
    NormalizedCrossEntropyReverse,
    SymmetricCrossEntropy,
)
from skloss.losses._margin import CrammerSinger, Hinge, Square, SquaredHinge
from skloss.losses._mixture import MixtureDensity
from skloss.losses._multiclass_margin import LeeLinWahba, WestonWatkins
from skloss.losses._multilabel import AsymmetricLoss
from skloss.losses._ordinal import Coral, Corn, CumulativeLink, RankedProbability, Sord
from skloss.losses._pairs import (
    Contrastive,
    InfoNCE,
    SupervisedContrastive,
    TargetDistance,
    Triplet,
)
from skloss.losses._per_target import PerTarget
from skloss.losses._positive import (
    BetaLikelihood,
    Fractional,
    Gamma,
    MeanAbsolutePercentage,
    MeanSquaredLogarithmic,
    Tweedie,
)
from skloss.losses._quantile import Quantile, SmoothQuantile
from skloss.losses._regression import (
    AbsoluteError,
    Expectile,
    Huber,
    LogCosh,
    Poisson,
    SquaredError,
)
from skloss.losses._robust import (
    Barron,
    Cauchy,
    EpsilonInsensitive,
    Fair,
    GemanMcClure,
    PseudoHuber,
    SquaredEpsilonInsensitive,
    Tukey,
)
from skloss.losses._smooth_margin import (
    Exponential,
    ModifiedHuber,
    Savage,
    SmoothHinge,
    Tangent,
)
from skloss.losses._softmax import (
    AbsoluteErrorOnProbabilities,
    Brier,
    CrossEntropy,
    Focal,
    KLDivergence,
)
from skloss.losses._softmax_more import OneVsRest, Poly1, Sparsemax, Spherical
from skloss.losses._uncertainty import UncertaintyWeighted
from skloss.losses._unlabelled import (
    Consistency,
    Entropy,
    MeanTeacher,
    PseudoLabel,
    UnlabelledLoss,
)
from skloss.losses._wrappers import CVaR, Tilted, Trimmed

__all__ = [
    "ELBO",
    "LDAM",
    "AUCPairwise",
    "AbsoluteError",
    "AbsoluteErrorOnProbabilities",
    "AsymmetricLoss",
    "Barron",
    "BetaLikelihood",
    "BetaNLL",
    "BiTempered",
    "Brier",
    "CRPSGaussian",
    "CRPSLaplace",
    "CRPSLogistic",
    "CVaR",
    "Cauchy",
    "ClassBalanced",
    "ClassificationLoss",
    "Consistency",
    "Contrastive",
    "Coral",
    "Corn",
    "CrammerSinger",
    "CrossEntropy",
    "CumulativeLink",
    "CustomLoss",
    "CustomRegressionLoss",
    "Entropy",
    "EpsilonInsensitive",
    "EvidentialNIG",
    "Expectile",
    "Exponential",
    "Fair",
    "Focal",
    "ForwardCorrection",
    "Fractional",
    "Gamma",
    "GaussianNLL",
    "GemanMcClure",
    "GeneralizedCrossEntropy",
    "HLGauss",
    "Hinge",
    "Huber",
    "InfoNCE",
    "KLDivergence",
    "LaplaceNLL",
    "LeeLinWahba",
    "LogCosh",
    "LogNormalNLL",
    "LogitAdjusted",
    "Loss",
    "LossSum",
    "MeanAbsolutePercentage",
    "MeanSquaredLogarithmic",
    "MeanTeacher",
    "MixtureDensity",
    "ModifiedHuber",
    "NegativeBinomial",
    "NormalizedCrossEntropyReverse",
    "OneVsRest",
    "PerTarget",
    "Poisson",
    "Poly1",
    "PseudoHuber",
    "PseudoLabel",
    "QuadraticKappa",
    "Quantile",
    "RankedProbability",
    "Reconstruction",
    "RegressionLoss",
    "RepresentationLoss",
    "Savage",
    "SmoothHinge",
    "SmoothQuantile",
    "Sord",
    "Sparsemax",
    "Spherical",
    "Square",
    "SquaredEpsilonInsensitive",
    "SquaredError",
    "SquaredHinge",
    "StudentTNLL",
    "SupervisedContrastive",
    "SymmetricCrossEntropy",
    "Tangent",
    "TargetDistance",
    "Task",
    "Tilted",
    "Trimmed",
    "Triplet",
    "Tukey",
    "Tversky",
    "Tweedie",
    "UncertaintyWeighted",
    "UnlabelledLoss",
    "VectorScaling",
    "WestonWatkins",
    "ZeroInflatedPoisson",
    "get",
    "loss_names",
]
