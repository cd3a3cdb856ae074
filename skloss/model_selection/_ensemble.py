"""Estimators that average others, already fitted: the networks of a search's folds."""

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    is_classifier,
    is_regressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skloss.model_selection._fit_arguments import capture_table
from skloss.model_selection._fold_votes import (
    SMALLEST,
    centre_scores,
    find_ordered_rule,
    get_target,
    join_rank_orders,
    log_clipped,
    order_class_weights,
)
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

    def __init__(self, estimators):
        self.estimators = estimators

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
        return self.estimators


class FoldEnsembleClassifier(ClassifierMixin, FoldEnsemble):
    """Average of fitted classifiers, such as those of the folds of one search.

    It is fitted as it is made; it cannot be fitted again.

    Parameters
    ----------
    estimators : list of fitted LossAwareClassifier, or of pipelines ending in one
        Of one loss, or at least of losses that decide alike. A class that one has not
        seen has probability 0 there.

    Attributes
    ----------
    classes_ : ndarray
        All classes that a member knows.
    n_features_in_ : int
    feature_names_in_ : ndarray
        Only if X had string column names.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skloss import LossAwareClassifier
    >>> from skloss.model_selection import FoldEnsembleClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> net = LossAwareClassifier(network=(16,), epochs=20, random_state=0)
    >>> pipe = make_pipeline(StandardScaler(), net)
    >>> folds = cross_validate(pipe, X, y, cv=3, return_estimator=True)
    >>> FoldEnsembleClassifier(folds["estimator"]).predict_proba(X).shape
    (178, 3)
    """

    _family, _other = "classification", "Classifier"

    def __sklearn_tags__(self):
        """Return scikit-learn's tags: the kinds of classes as the members' loss has."""
        tags = super().__sklearn_tags__()
        own = get_tags(get_last_step(self.estimators[0])) if self.estimators else tags
        tags.classifier_tags = own.classifier_tags or tags.classifier_tags
        return tags

    @property
    def classes_(self):
        """All classes that a member knows, sorted."""
        members = self._members()
        tasks = {get_target(member).task for member in members}
        kinds = {task.kind == "multilabel" for task in tasks}
        if len(kinds) > 1 or (kinds == {True} and len(tasks) > 1):
            raise ValueError(
                f"estimators were fitted on different targets, {sorted(tasks)}; give "
                f"only those of one target."
            )
        return np.unique(np.concatenate([member.classes_ for member in members]))

    @property
    def _multilabel(self):
        return get_target(self.estimators[0]).task.kind == "multilabel"

    @available_if(all_have("predict_proba"))
    def predict_proba(self, X):
        """Return the mean of the members' class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
        """
        return self._mean_probabilities(X, at_cost=False)

    @available_if(all_have("predict_proba"))
    def predict_log_proba(self, X):
        """Return the logarithm of ``predict_proba``."""
        return np.log(self.predict_proba(X))

    def decision_function(self, X):
        """Return scores: positive for ``classes_[1]``, or one column a class.

        Where every member gives probabilities, the log-odds or log-probabilities of
        their mean, class weights included (minus the expected rank error for ordered
        classes that are decided on by median or mean); else the mean of the members'
        scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
        """
        classes = self.classes_
        if not hasattr(self, "predict_proba"):
            return self._mean_scores(X, classes)
        p = self._mean_probabilities(X, at_cost=True)
        if self._multilabel:
            return log_clipped(p) - log_clipped(1 - p)
        if len(classes) == 2:
            return log_clipped(p[:, 1]) - log_clipped(p[:, 0])
        return self._decide(p, classes)

    def predict(self, X):
        """Return the class of least weighted risk for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        scores = self.decision_function(X)
        if self._multilabel:
            return (scores > 0).astype(int)
        code = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)
        return self.classes_[code]

    def _mean_probabilities(self, X, *, at_cost):
        """Return mean probabilities; ``at_cost``: multiplied by the class weights."""
        classes, found = self.classes_, []
        for member in self._members():
            p = member.predict_proba(X)
            if not self._multilabel:
                if at_cost:
                    p = p * order_class_weights(member)
                    p = p / p.sum(axis=1, keepdims=True)
                full = np.zeros((len(p), len(classes)))
                full[:, np.searchsorted(classes, member.classes_)] = p
                p = full
            found.append(p)
        return np.mean(found, axis=0)

    def _decide(self, p, classes):
        """Return scores of classes, those of ordered ones by their own rule."""
        finals = [get_last_step(member) for member in self._members()]
        rules = [find_ordered_rule(final.loss_) for final in finals]
        if len({rule and rule.decision for rule in rules}) > 1:
            raise ValueError(
                f"estimators have losses that decide differently: "
                f"{[final.loss_ for final in finals]}. Average those of one loss."
            )
        if rules[0] is None:
            return log_clipped(p)
        ranks = np.searchsorted(classes, join_rank_orders(finals, classes))
        scores = np.empty_like(p)
        scores[:, ranks] = rules[0].decide(np.maximum(p, SMALLEST)[:, ranks])
        return scores

    def _mean_scores(self, X, classes):
        """Return the mean of the members' decision functions."""
        found = [
            (member.classes_, member.decision_function(X)) for member in self._members()
        ]
        if all(len(own) == len(classes) for own, _ in found):
            return np.mean([scores for _, scores in found], axis=0)
        return np.mean(
            [centre_scores(own, scores, classes) for own, scores in found], axis=0
        )


class FoldEnsembleRegressor(RegressorMixin, FoldEnsemble):
    """Average of fitted regressors, such as those of the folds of one search.

    It is fitted as it is made; it cannot be fitted again.

    Parameters
    ----------
    estimators : list of fitted LossAwareRegressor, or of pipelines ending in one

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : ndarray
        Only if X had string column names.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import cross_validate
    >>> from skloss import LossAwareRegressor
    >>> from skloss.model_selection import FoldEnsembleRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> net = LossAwareRegressor("gaussian_nll", network=(16,), epochs=20)
    >>> folds = cross_validate(net, X, y, cv=3, return_estimator=True)
    >>> FoldEnsembleRegressor(folds["estimator"]).predict_interval(X, 0.8).shape
    (442, 2)
    """

    _family, _other = "regression", "Regressor"

    def predict(self, X):
        """Return the mean of the members' predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        return np.mean([member.predict(X) for member in self._members()], axis=0)

    @available_if(all_have("predict_quantiles"))
    def predict_quantiles(self, X, quantiles=None):
        """Return the mean of the members' quantiles, level by level.

        Parameters
        ----------
        X, quantiles : as for ``LossAwareRegressor.predict_quantiles``

        Returns
        -------
        ndarray of shape (n_samples, levels) or (n_samples, n_targets, levels)
        """
        return self._mean_of("predict_quantiles", X, quantiles)

    @available_if(all_have("predict_interval"))
    def predict_interval(self, X, level=0.9):
        """Return the mean of the members' central prediction intervals.

        Parameters
        ----------
        X, level : as for ``LossAwareRegressor.predict_interval``

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_targets, 2)
        """
        return self._mean_of("predict_interval", X, level)

    def _mean_of(self, method, X, argument):
        """Return the mean of what a method of the last steps gives."""
        return np.mean(
            [
                getattr(get_last_step(member), method)(
                    capture_table(member, X), argument
                )
                for member in self._members()
            ],
            axis=0,
        )


def average_folds(estimator, folds):
    """Return the average of a candidate's networks, or in words what it needs.

    Parameters
    ----------
    estimator : estimator
        The search's.
    folds : list of Scored
        Of the candidate.

    Returns
    -------
    FoldEnsembleClassifier, FoldEnsembleRegressor or str
    """
    missing = [
        f"fold {i}: {fold.outcome}"
        for i, fold in enumerate(folds)
        if fold.estimator is None
    ]
    if missing:
        return (
            f"a network of every fold of the best candidate, trained here "
            f"({', '.join(missing)})"
        )
    members = [fold.estimator for fold in folds]
    if is_classifier(estimator):
        return FoldEnsembleClassifier(members)
    if is_regressor(estimator):
        return FoldEnsembleRegressor(members)
    return "one task; several have no one mean"
