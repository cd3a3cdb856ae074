"""The estimators of a search's candidates: which can be, and what refuses the others.

A name that no candidate can have ends a search before it trains. A candidate whose
parameters do not go together, or whose number cannot be, costs its own scores.
"""

from sklearn.base import clone

from skloss._sklearn import has_callbacks
from skloss.estimators._base import BaseLossAware
from skloss.estimators._settings import Settings
from skloss.exceptions import LossTargetError, NotFusibleError, UnknownNameError
from skloss.model_selection._last_step import get_last_step, split_at_net


class Refused:
    """Stands for a candidate that cannot be.

    Parameters
    ----------
    error : Exception
        Why; it names the candidate. The one that it is caused by does not.
    """

    def __init__(self, error):
        self.error = error


def make_candidates(estimator, candidates, *, whole=False):
    """Return an estimator for each candidate, or what stands for one that cannot be.

    Parameters
    ----------
    estimator : estimator
    candidates : list of dict
        The parameters of each.
    whole : bool, default=False
        Whether there will be no others, so that a name that none of them takes is
        known to be wrong.

    Returns
    -------
    list of estimator or Refused

    Raises
    ------
    NotFusibleError
        For a candidate that only others could train.
    ValueError
        For a name that no candidate can have, with the candidate and the remedy.
    """
    made, unsure = [], {}
    for params in candidates:
        try:
            # values may be estimators: every candidate has its own
            own = clone(estimator).set_params(**clone(params, safe=False))
        except Exception as error:
            own = refuse(params, error)
            name = find_unknown_name(estimator, params)
            if type(error) is UnknownNameError or is_unknown(name, params):
                raise own.error from error
            if name is not None:
                unsure.setdefault(name, own)
        else:
            own = judge_candidate(own, params)
        made.append(own)
    if whole:
        refuse_unknown_names(unsure, candidates, made)
    return made


def judge_candidate(own, params):
    """Return a candidate's estimator, or what stands for one that cannot be."""
    net = find_net(own)
    refuse_callbacks(net)
    try:
        Settings.of(net)
    except (UnknownNameError, LossTargetError) as error:
        raise refuse(params, error).error from error
    except Exception as error:
        return refuse(params, error)
    return own


def refuse(params, error):
    """Return what stands for a candidate that an error refused."""
    kinds = (LossTargetError, TypeError)
    kind = next((kind for kind in kinds if isinstance(error, kind)), ValueError)
    named = kind(f"Candidate {params}: {error}")
    named.__cause__ = error
    return Refused(named)


def find_unknown_name(estimator, params):
    """Return the first name of a candidate that it cannot have, None if none is wrong.

    A value decides which nested names there are.
    """
    own = clone(estimator)
    for name in sorted(params, key=lambda name: name.count("__")):
        if name not in own.get_params():
            return name
        try:
            own.set_params(**{name: clone(params[name], safe=False)})
        except Exception:
            return None  # the value is wrong
    return None


def is_unknown(name, params):
    """Tell whether a name is wrong whatever the other parameters of a candidate are."""
    if name is None:
        return False
    return not any(name.startswith(f"{other}__") for other in params)


def refuse_unknown_names(unsure, candidates, made):
    """Raise for a name that no candidate takes."""
    taken = set()
    for params, own in zip(candidates, made, strict=True):
        taken |= set() if isinstance(own, Refused) else set(params)
    for name, refused in unsure.items():
        if name not in taken:
            raise refused.error


def find_net(estimator):
    """Return the net that an estimator is, or ends in, or its last transformer of ours.

    Raises
    ------
    NotFusibleError
        If it is neither.
    """
    part, _ = split_at_net(estimator)
    last = get_last_step(part)
    if isinstance(last, BaseLossAware):
        return last
    raise NotFusibleError(
        f"{last!r} cannot be trained in one graph with others: the estimator must be a "
        f"LossAwareClassifier or LossAwareRegressor, or a Pipeline that ends in one or "
        f"has a LossAwareTransformer before other steps. Use "
        f"sklearn.model_selection.GridSearchCV."
    )


def predicts(estimator):
    """Tell whether a net of ours is what predicts, and nothing behind it."""
    last = get_last_step(estimator)
    return isinstance(last, BaseLossAware) and last._family != "representation"


def refuse_callbacks(net):
    """Raise NotFusibleError for a net whose callbacks nobody would tell anything."""
    if has_callbacks(net):
        raise NotFusibleError(
            f"{net!r} has callbacks of its own, which are told of one fit at a time. "
            f"Set them on the search, or use sklearn.model_selection.GridSearchCV."
        )
