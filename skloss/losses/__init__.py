"""The catalogue of losses: a line for each."""

from skloss.losses._algebra import LossSum as LossSum
from skloss.losses._base import ClassificationLoss as ClassificationLoss
from skloss.losses._base import RegressionLoss as RegressionLoss
from skloss.losses._batch import AUCPairwise as AUCPairwise
from skloss.losses._batch import QuadraticKappa as QuadraticKappa
from skloss.losses._batch import Tversky as Tversky
from skloss.losses._count import NegativeBinomial as NegativeBinomial
from skloss.losses._count import ZeroInflatedPoisson as ZeroInflatedPoisson
from skloss.losses._custom import CustomLoss as CustomLoss
from skloss.losses._custom import CustomRegressionLoss as CustomRegressionLoss
from skloss.losses._distribution import BetaNLL as BetaNLL
from skloss.losses._distribution import CRPSGaussian as CRPSGaussian
from skloss.losses._distribution import CRPSLaplace as CRPSLaplace
from skloss.losses._distribution import CRPSLogistic as CRPSLogistic
from skloss.losses._distribution import GaussianNLL as GaussianNLL
from skloss.losses._distribution import LaplaceNLL as LaplaceNLL
from skloss.losses._distribution import LogNormalNLL as LogNormalNLL
from skloss.losses._distribution import StudentTNLL as StudentTNLL
from skloss.losses._evidential import EvidentialNIG as EvidentialNIG
from skloss.losses._get import get as get
from skloss.losses._get import loss_names as loss_names
from skloss.losses._histogram import HLGauss as HLGauss
from skloss.losses._imbalance import LDAM as LDAM
from skloss.losses._imbalance import ClassBalanced as ClassBalanced
from skloss.losses._imbalance import LogitAdjusted as LogitAdjusted
from skloss.losses._imbalance import VectorScaling as VectorScaling
from skloss.losses._loss import Loss as Loss
from skloss.losses._margin import CrammerSinger as CrammerSinger
from skloss.losses._margin import Hinge as Hinge
from skloss.losses._margin import Square as Square
from skloss.losses._margin import SquaredHinge as SquaredHinge
from skloss.losses._mixture import MixtureDensity as MixtureDensity
from skloss.losses._multiclass_margin import LeeLinWahba as LeeLinWahba
from skloss.losses._multiclass_margin import WestonWatkins as WestonWatkins
from skloss.losses._multilabel import AsymmetricLoss as AsymmetricLoss
from skloss.losses._noise import BiTempered as BiTempered
from skloss.losses._noise import ForwardCorrection as ForwardCorrection
from skloss.losses._noise import GeneralizedCrossEntropy as GeneralizedCrossEntropy
from skloss.losses._noise import (
    NormalizedCrossEntropyReverse as NormalizedCrossEntropyReverse,
)
from skloss.losses._noise import SymmetricCrossEntropy as SymmetricCrossEntropy
from skloss.losses._ordinal import Coral as Coral
from skloss.losses._ordinal import Corn as Corn
from skloss.losses._ordinal import CumulativeLink as CumulativeLink
from skloss.losses._ordinal import RankedProbability as RankedProbability
from skloss.losses._ordinal import Sord as Sord
from skloss.losses._per_target import PerTarget as PerTarget
from skloss.losses._positive import BetaLikelihood as BetaLikelihood
from skloss.losses._positive import Fractional as Fractional
from skloss.losses._positive import Gamma as Gamma
from skloss.losses._positive import MeanAbsolutePercentage as MeanAbsolutePercentage
from skloss.losses._positive import MeanSquaredLogarithmic as MeanSquaredLogarithmic
from skloss.losses._positive import Tweedie as Tweedie
from skloss.losses._quantile import Quantile as Quantile
from skloss.losses._quantile import SmoothQuantile as SmoothQuantile
from skloss.losses._regression import AbsoluteError as AbsoluteError
from skloss.losses._regression import Expectile as Expectile
from skloss.losses._regression import Huber as Huber
from skloss.losses._regression import LogCosh as LogCosh
from skloss.losses._regression import Poisson as Poisson
from skloss.losses._regression import SquaredError as SquaredError
from skloss.losses._robust import Barron as Barron
from skloss.losses._robust import Cauchy as Cauchy
from skloss.losses._robust import EpsilonInsensitive as EpsilonInsensitive
from skloss.losses._robust import Fair as Fair
from skloss.losses._robust import GemanMcClure as GemanMcClure
from skloss.losses._robust import PseudoHuber as PseudoHuber
from skloss.losses._robust import SquaredEpsilonInsensitive as SquaredEpsilonInsensitive
from skloss.losses._robust import Tukey as Tukey
from skloss.losses._smooth_margin import Exponential as Exponential
from skloss.losses._smooth_margin import ModifiedHuber as ModifiedHuber
from skloss.losses._smooth_margin import Savage as Savage
from skloss.losses._smooth_margin import SmoothHinge as SmoothHinge
from skloss.losses._smooth_margin import Tangent as Tangent
from skloss.losses._softmax import (
    AbsoluteErrorOnProbabilities as AbsoluteErrorOnProbabilities,
)
from skloss.losses._softmax import Brier as Brier
from skloss.losses._softmax import CrossEntropy as CrossEntropy
from skloss.losses._softmax import Focal as Focal
from skloss.losses._softmax import KLDivergence as KLDivergence
from skloss.losses._softmax_more import OneVsRest as OneVsRest
from skloss.losses._softmax_more import Poly1 as Poly1
from skloss.losses._softmax_more import Sparsemax as Sparsemax
from skloss.losses._softmax_more import Spherical as Spherical
from skloss.losses._task import Task as Task
from skloss.losses._uncertainty import UncertaintyWeighted as UncertaintyWeighted
from skloss.losses._wrappers import CVaR as CVaR
from skloss.losses._wrappers import Tilted as Tilted
from skloss.losses._wrappers import Trimmed as Trimmed

__all__ = sorted(name for name in globals() if not name.startswith("_"))
