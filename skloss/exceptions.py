"""What skloss raises and warns; every text names the value, the reason, the remedy."""

from sklearn.exceptions import ConvergenceWarning


class LossTargetError(ValueError):
    """The target, or another loss, does not fit the loss."""


class UnknownNameError(ValueError):
    """There is no loss, schedule, optimizer, scorer or choice of that name."""


class UnknownParameterError(UnknownNameError):
    """There is no parameter of that name."""


class NotFusibleError(ValueError):
    """An estimator cannot be trained in one graph with others."""


class DivergenceWarning(ConvergenceWarning):
    """Training met a value that is not finite and was stopped."""


class IneffectiveParameterWarning(UserWarning):
    """A combination of parameters can never act."""
