"""What a Pipeline hands to the net that it ends in, when it fits and when it predicts.

The Pipeline's own methods decide that: a subclass may resample rows in ``fit`` only.
"""

from sklearn.base import BaseEstimator

from skloss.estimators._arguments import check_arguments
from skloss.model_selection._last_step import (
    get_earlier_steps,
    get_last_step,
    replace_steps,
)


def capture_fit_arguments(estimator, net, X, y, params):
    """Fit the earlier steps; return them, and what ``net.fit`` would be called with.

    The Pipeline's own ``fit`` decides that, metadata routing included, with a stand-in
    for the net, which is not trained.

    Parameters
    ----------
    estimator : BaseLossAware or Pipeline
        The net, or what ends in it.
    net : BaseLossAware
    X, y : array-like
    params : dict
        Of the estimator's ``fit``.

    Returns
    -------
    estimator
        The Pipeline, its earlier steps fitted, or the net.
    arguments : tuple of (tuple, dict)
    """
    recorder = Recorder(net)
    stand_in = replace_steps(estimator, get_earlier_steps(estimator), recorder)
    stand_in.fit(X, y, **params)
    fitted = replace_steps(estimator, get_earlier_steps(stand_in), net)
    return fitted, recorder.arguments_


def capture_table(estimator, X):
    """Return X as the last step of a fitted Pipeline sees it where it predicts.

    Parameters
    ----------
    estimator : BaseLossAware or Pipeline
        The net, or what ends in it; its earlier steps are fitted.
    X : array-like
    """
    earlier = get_earlier_steps(estimator)
    if not earlier:
        return X
    recorder = Recorder(get_last_step(estimator))
    replace_steps(estimator, earlier, recorder).predict(X)
    return recorder.table_


class Recorder(BaseEstimator):
    """Stands for a net in a Pipeline, and notes what it is given.

    Parameters
    ----------
    net : BaseLossAware
    """

    def __init__(self, net):
        self.net = net

    def fit(self, X, y=None, **params):
        """Note the arguments, refused as the net's own ``fit`` would."""
        check_arguments(self.net, type(self.net).fit, (X, y), params)
        self.arguments_ = (X, y), params
        return self

    def predict(self, X):
        """Note the table; what is returned says nothing."""
        self.table_ = X
        return X

    def __sklearn_is_fitted__(self):
        """Tell that nothing need be fitted: the steps before are judged alone."""
        return True

    def get_metadata_routing(self):
        """Return what the net asks for."""
        return self.net.get_metadata_routing()

    def __sklearn_tags__(self):
        """Return the net's tags."""
        return self.net.__sklearn_tags__()
