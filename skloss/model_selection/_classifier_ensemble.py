"""The average of fitted classifiers: the networks of a search's folds."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if

from skloss.estimators._labelled_rows import keep_scored
from skloss.model_selection._fold_ensemble import FoldEnsemble, all_have
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


class FoldEnsembleClassifier(ClassifierMixin, FoldEnsemble):
    """Average of fitted classifiers, such as those of the folds of one search.

    It is fitted as it is made; it cannot be fitted again.

    Parameters
    ----------
    estimators : list of fitted LossAwareClassifier, or of pipelines ending in one
        Of one loss, or at least of losses that decide alike. A class that one has not
        seen has probability 0 there.
    weights : array-like of shape (n_estimators,), default=None
        What each member counts, not negative; by default all count alike.

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
    >>> ensemble = FoldEnsembleClassifier(folds["estimator"])
    >>> ensemble
    FoldEnsembleClassifier of 3 networks
    weight  members  loss            network                        steps
    1       3        CrossEntropy()  MLP(hidden_layer_sizes=(16,))  StandardScaler()
    >>> ensemble.predict_proba(X).shape
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
        """Return the mean of the members' class probabilities, by their weights.

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

    def score(self, X, y, sample_weight=None):
        """Return the accuracy; of rows without a label none, if they may train.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        fitted = get_last_step(self.estimators[0])._get_fitted()
        return super().score(*keep_scored(fitted, (X, y, sample_weight)))

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

    def _place_columns(self):
        """Return where each member's classes are among all, and how many there are."""
        classes = self.classes_
        if self._multilabel:
            return None, None
        members = self.estimators
        places = [np.searchsorted(classes, member.classes_) for member in members]
        if hasattr(self, "predict_proba"):
            return places, len(classes)
        probable = [m for m in members if hasattr(get_last_step(m), "predict_proba")]
        if probable or any(len(place) < len(classes) for place in places):
            raise ValueError(
                "The mean of these members' decision functions is no mean of what "
                "their models give: some give probabilities, or lack a class. Average "
                "members whose losses all give probabilities, or export each alone."
            )
        return None, None

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
        return self._average(found)

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
            return self._average([scores for _, scores in found])
        return self._average(
            [centre_scores(own, scores, classes) for own, scores in found]
        )
