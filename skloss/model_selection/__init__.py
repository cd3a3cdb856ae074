"""Search: spaces of hyperparameters, the loss among them, and ensembles of folds."""

from skloss.model_selection._ensemble import (
    FoldEnsembleClassifier as FoldEnsembleClassifier,
)
from skloss.model_selection._ensemble import (
    FoldEnsembleRegressor as FoldEnsembleRegressor,
)
from skloss.model_selection._spaces import LossSpace as LossSpace
from skloss.model_selection._spaces import loss_space as loss_space
from skloss.model_selection._suggest import suggest_from as suggest_from
from skloss.model_selection._suggest import suggest_params as suggest_params

__all__ = sorted(name for name in globals() if not name.startswith("_"))
