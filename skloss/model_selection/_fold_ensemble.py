"""What estimators share that average others, already fitted."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skloss._sklearn import draw_side_by_side
from skloss.estimators._to_keras import average_models, to_keras
from skloss.model_selection._last_step import get_last_step
from skloss.model_selection._member_table import tabulate_members


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

    def to_keras(self):
        """Return the ensemble, the earlier steps of members included, as a Keras model.

        Returns
        -------
        keras.Model
            Not compiled; new at each call. Keras loads it, saved, without skloss. Gives
            what ``predict_proba`` gives, or the scores of ``decision_function`` where
            no member has probabilities; of regressors what ``predict`` gives. Takes
            what :func:`skloss.to_keras` says.

        Raises
        ------
        TypeError
            For a step of a member that cannot be exported, with the remedy.
        ValueError
            Where a mean of what the members' models give is not what this predicts.
        """
        members = self._members()
        places, count = self._place_columns()
        models = [to_keras(member) for member in members]
        return average_models(models, self.weights, places, count)

    def describe(self):
        """Return what the ensemble is made of, as a table.

        Returns
        -------
        list of dict
            One for each candidate, the heaviest first: ``weight``, its share of the
            mean; ``members``, its number of networks, of folds or seeds; ``loss``,
            ``network`` and ``steps``, those before the network, as code; and what else
            differs between candidates. Prints as a table; ``pandas.DataFrame`` takes
            it.
        """
        return tabulate_members(self._members(), self.weights)[0]

    def __repr__(self, N_CHAR_MAX=700):
        """Return what it is made of; without fitted members the constructor's call."""
        try:
            table = self.describe()
        except (TypeError, ValueError):  # a clone's, or wrong ones: predict says why
            return super().__repr__(N_CHAR_MAX)
        count = len(self.estimators)
        return f"{type(self).__name__} of {count} network{'s' * (count > 1)}\n{table!r}"

    def _sk_visual_block_(self):
        """Return the diagram of a notebook: one member of each candidate."""
        table, firsts = tabulate_members(self._members(), self.weights)
        names = [f"weight {one['weight']:.3g}, {one['members']} of" for one in table]
        return draw_side_by_side(list(zip(names, firsts, strict=True)))

    def _place_columns(self):
        """Return which columns of the mean are each member's, and how many it has."""
        return None, None

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
