"""The estimators of a search's candidates, refused where they cannot be trained."""

from sklearn.base import clone

from skloss._sklearn import has_callbacks
from skloss.estimators._base import BaseLossAware
from skloss.estimators._settings import Settings
from skloss.exceptions import NotFusibleError
from skloss.model_selection._last_step import get_last_step


def make_candidates(estimator, candidates):
    """Return an estimator for each candidate; refuse what cannot be trained.

    Parameters
    ----------
    estimator : estimator
    candidates : list of dict
        The parameters of each.

    Raises
    ------
    ValueError, TypeError
        For a name or value that cannot be, with the candidate and the remedy.
    """
    estimators = []
    for params in candidates:
        try:
            # values may be estimators: every candidate has its own
            candidate = clone(estimator).set_params(**clone(params, safe=False))
            net = find_net(candidate)
            refuse_callbacks(net)
            Settings.of(net)
        except NotFusibleError:
            raise
        except (TypeError, ValueError) as error:
            raise type(error)(f"Candidate {params}: {error}") from error
        estimators.append(candidate)
    return estimators


def find_net(estimator):
    """Return the net that an estimator is, or ends in.

    Raises
    ------
    NotFusibleError
        If it is neither.
    """
    last = get_last_step(estimator)
    if isinstance(last, BaseLossAware):
        return last
    raise NotFusibleError(
        f"{last!r} cannot be trained in one graph with others: the estimator must be a "
        f"LossAwareClassifier or LossAwareRegressor, or a Pipeline that ends in one. "
        f"Use sklearn.model_selection.GridSearchCV."
    )


def refuse_callbacks(net):
    """Raise NotFusibleError for a net whose callbacks nobody would tell anything."""
    if has_callbacks(net):
        raise NotFusibleError(
            f"{net!r} has callbacks of its own, which are told of one fit at a time. "
            f"Set them on the search, or use sklearn.model_selection.GridSearchCV."
        )
