"""What estimators share that average others, already fitted."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skloss.model_selection._last_step import get_last_step


def all_have(method):
    """Return a check that every member has a method, for ``available_if``."""

    def check(ensemble):
        for member in ensemble.estimators:
            try:
                getattr(get_last_step(member), method)
            except AttributeError as error:  # whose cause says what to do
                raise (error.__cause__ or error) from None
        return True

    return check


class FoldEnsemble(BaseEstimator):
    """The part that ensembles of classifiers and of regressors share."""

    _family = None

    def __init__(self, estimators, weights=None):
        self.estimators = estimators
        self.weights = weights

    def __sklearn_tags__(self):
        """Return scikit-learn's tags, those of the members where they matter."""
        tags = super().__sklearn_tags__()
        if self.estimators:
            tags.input_tags = get_tags(self.estimators[0]).input_tags
            tags.target_tags = get_tags(get_last_step(self.estimators[0])).target_tags
        return tags

    def __sklearn_is_fitted__(self):
        """Tell whether there are members, all fitted."""
        try:
            return bool(self._members())
        except NotFittedError:
            return False

    def fit(self, X, y=None, **params):
        """Raise: the members are fitted already.

        Raises
        ------
        NotImplementedError
        """
        raise NotImplementedError(
            f"{type(self).__name__} averages estimators that are fitted already, so it "
            f"has no fit. Fit what they came from again and average the new ones; to "
            f"hand it on as it is, wrap it in sklearn.frozen.FrozenEstimator."
        )

    @property
    def n_features_in_(self):
        """Number of features that the members were fitted on."""
        return self._members()[0].n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the features, if the members were fitted on names."""
        return self._members()[0].feature_names_in_

    def _members(self):
        """Return the members, refused unless fitted and of this family."""
        if not isinstance(self.estimators, list | tuple) or not self.estimators:
            raise ValueError(
                f"estimators={self.estimators!r} must be a list of fitted estimators, "
                f"such as cross_validate(..., return_estimator=True)['estimator']."
            )
        for member in self.estimators:
            if getattr(get_last_step(member), "_family", None) != self._family:
                raise TypeError(
                    f"estimators holds {member!r}; {type(self).__name__} averages "
                    f"LossAware estimators for {self._family}, or pipelines ending in "
                    f"one. For others there is scikit-learn's Voting{self._other}."
                )
            try:
                check_is_fitted(member)
            except NotFittedError as error:
                raise NotFittedError(
                    f"estimators holds {member!r}, which is not fitted (a clone never "
                    f"is). Give fitted ones: {type(self).__name__} has no fit."
                ) from error
        check_weights(self.weights, len(self.estimators))
        return self.estimators

    def _average(self, values):
        """Return the weighted mean of what the members gave."""
        return np.average(values, axis=0, weights=self.weights)


def check_weights(weights, count):
    """Raise ValueError unless there is a weight >= 0 for each member, one above 0."""
    if weights is None:
        return
    given = np.asarray(weights)
    if given.shape != (count,) or given.dtype.kind not in "biuf":
        raise ValueError(
            f"weights={weights!r} must hold one number for each of the {count} "
            f"estimators; or None, by which all count alike."
        )
    if not (np.isfinite(given).all() and (given >= 0).all() and given.any()):
        raise ValueError(
            f"weights={weights!r} must be finite numbers >= 0, at least one above 0."
        )
