"""What a fitted multi-task network predicts, and its heads as estimators."""

from dataclasses import replace

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skloss._engine import select_outputs
from skloss.estimators._base import with_fitted
from skloss.estimators._columns import columns_of
from skloss.estimators._fitted import PartOfOutputs
from skloss.estimators._joint_target import losses_of_heads
from skloss.estimators._varying import values_of_epochs


def any_probabilities(net):
    """Tell whether a head gives probabilities; explain where none does."""
    fitted = net.__dict__.get("_fitted")
    if fitted is not None:
        losses = losses_of_heads(fitted.loss)
    else:
        losses = [head.as_object() for _, head in net._pairs()]
    if any(getattr(loss, "has_probabilities", False) for loss in losses):
        return True
    raise AttributeError(
        "No head predicts classes with a loss that gives probabilities, so there is "
        "no predict_proba."
    )


def fitted_head(fitted, name, **fields):
    """Return what a fit left for one of its heads.

    Parameters
    ----------
    fitted : Fitted
        Of all heads.
    name : str
    **fields : dict
        Further fields in which the head differs.
    """
    number = list(fitted.target.heads).index(name)
    own = {
        "settings": fitted.target.heads[name].settings(fitted.settings),
        "target": fitted.target.targets[name],
        "loss": losses_of_heads(fitted.loss)[number],
        "outputs": PartOfOutputs(fitted.outputs, fitted.loss.places()[number]),
        "record": None,
        "callbacks": [],
    }
    return replace(fitted, **(own | fields))


def head_of(net, name):
    """Return a head of a fitted network, as an estimator that asks the network."""
    check_is_fitted(net)
    head = net._fitted.target.heads[name].estimator
    return with_fitted(head, fitted_head(net._fitted, name))


def head_alone(fitted, name):
    """Return a head as an estimator with weights of its own: the body's and its."""
    number, whole = list(fitted.target.heads).index(name), fitted.outputs.source
    head = fitted.target.heads[name]
    place = fitted.loss.places()[number]
    weights = select_outputs(
        whole.network, whole.n_features, whole.weights, whole.n_raw, place
    )
    alone = fitted_head(
        fitted,
        name,
        outputs=replace(whole, weights=weights, n_raw=len(place)),
        histories=(history_of_head(fitted, head),),
        trained_by=f"as head {name!r} of several: {fitted.trained_by}",
        state=None,  # which is that of all heads: warm starts begin with the weights
    )
    return with_fitted(head.estimator, alone)


def history_of_head(fitted, head):
    """Return the history of all heads, with the numbers that are schedules of one."""
    history = fitted.history
    common = {n: v for n, v in history.items() if n not in fitted.settings.curves}
    count = len(history["loss"])
    return common | values_of_epochs(head.curves, fitted.n_epochs, count)


class HeadPredictions:
    """Predictions of all heads, from one forward pass."""

    # -- the heads -----------------------------------------------------------------

    @property
    def named_estimators_(self):
        """The heads by name: fitted estimators on the shared body."""
        check_is_fitted(self)
        fitted = self._fitted
        return fitted.remember(
            "named_estimators",
            lambda: Bunch(**{n: head_alone(fitted, n) for n in fitted.target.heads}),
        )

    def _heads_for(self, X):
        """Return the heads by name, as estimators that know their outputs for X."""
        view = with_fitted(self, self._fitted.knowing(X, self._raw_outputs(X)))
        return {name: head_of(view, name) for name in view._fitted.target.heads}

    # -- predicting ----------------------------------------------------------------

    def predict(self, X):
        """Return each head's prediction.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        DataFrame or ndarray of shape (n_samples, n_heads)
            As y was in ``fit``, its columns in the same order. An array is of objects
            where some heads predict strings and some numbers.
        """
        check_is_fitted(self)
        columns = {name: head.predict(X) for name, head in self._heads_for(X).items()}
        return self._fitted.target.container.fill(columns, X)

    @available_if(any_probabilities)
    def predict_proba(self, X):
        """Return class probabilities of the heads whose losses give them.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        dict of str to ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        return {
            name: head.predict_proba(X)
            for name, head in self._heads_for(X).items()
            if hasattr(head, "predict_proba")
        }

    def score(self, X, y, sample_weight=None):
        """Return the mean over the heads of accuracy (classes) and R2 (numbers).

        Parameters
        ----------
        X, y : as in ``fit``
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        check_is_fitted(self)
        heads = self._heads_for(X)
        columns = columns_of(y, list(heads))
        scores = [h.score(X, columns[n], sample_weight) for n, h in heads.items()]
        return float(np.mean(scores))
