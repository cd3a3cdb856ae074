"""What a Pipeline hands to the ``fit`` of the net that it ends in."""

from sklearn.base import BaseEstimator

from skloss.estimators._arguments import check_arguments
from skloss.model_selection._last_step import get_earlier_steps, replace_steps


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


class Recorder(BaseEstimator):
    """Stands for a net where a Pipeline fits it, and notes what it is given.

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

    def get_metadata_routing(self):
        """Return what the net asks for."""
        return self.net.get_metadata_routing()

    def __sklearn_tags__(self):
        """Return the net's tags."""
        return self.net.__sklearn_tags__()
