"""The catalogue of losses: a line for each."""

from skloss.losses._algebra import LossSum as LossSum
from skloss.losses._base import ClassificationLoss as ClassificationLoss
from skloss.losses._base import Loss as Loss
from skloss.losses._base import RegressionLoss as RegressionLoss
from skloss.losses._count import NegativeBinomial as NegativeBinomial
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
from skloss.losses._get import get as get
from skloss.losses._get import loss_names as loss_names
from skloss.losses._margin import CrammerSinger as CrammerSinger
from skloss.losses._margin import Hinge as Hinge
from skloss.losses._margin import Square as Square
from skloss.losses._margin import SquaredHinge as SquaredHinge
from skloss.losses._quantile import Quantile as Quantile
from skloss.losses._regression import AbsoluteError as AbsoluteError
from skloss.losses._regression import Expectile as Expectile
from skloss.losses._regression import Huber as Huber
from skloss.losses._regression import LogCosh as LogCosh
from skloss.losses._regression import Poisson as Poisson
from skloss.losses._regression import SquaredError as SquaredError
from skloss.losses._several import PerTarget as PerTarget
from skloss.losses._several import UncertaintyWeighted as UncertaintyWeighted
from skloss.losses._softmax import (
    AbsoluteErrorOnProbabilities as AbsoluteErrorOnProbabilities,
)
from skloss.losses._softmax import Brier as Brier
from skloss.losses._softmax import CrossEntropy as CrossEntropy
from skloss.losses._softmax import Focal as Focal
from skloss.losses._softmax import KLDivergence as KLDivergence
from skloss.losses._task import Task as Task
from skloss.losses._wrappers import CVaR as CVaR
from skloss.losses._wrappers import Tilted as Tilted
from skloss.losses._wrappers import Trimmed as Trimmed

__all__ = sorted(name for name in globals() if not name.startswith("_"))
