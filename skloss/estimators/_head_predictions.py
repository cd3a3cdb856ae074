"""What a fitted multi-task network predicts, and its heads as estimators."""

from dataclasses import replace

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.metaestimators import available_if

from skloss._engine import select_outputs
from skloss.estimators._base import with_fitted
from skloss.estimators._columns import split_by_head
from skloss.estimators._fitted import Fitted, PartOfOutputs
from skloss.estimators._joint_target import get_head_losses
from skloss.estimators._varying import select_last_values


def gives_any_probabilities(net) -> bool:
    """Tell whether a head gives probabilities; explain where none does."""
    fitted = net.__dict__.get("_fitted")
    if fitted is not None:
        losses = get_head_losses(fitted.loss)
    else:
        losses = [head.as_object() for _, head in net._pairs()]
    if any(getattr(loss, "has_probabilities", False) for loss in losses):
        return True
    raise AttributeError(
        "No head predicts classes with a loss that gives probabilities, so there is "
        "no predict_proba."
    )


def make_fitted_head(fitted: Fitted, name: str, **fields) -> Fitted:
    """Return what a fit left for one of its heads.

    Parameters
    ----------
    fitted : Fitted
        Of all heads.
    name : str
    **fields : dict
        Further fields in which the head differs.
    """
    number, bounds = list(fitted.target.heads).index(name), fitted.bounds
    place = fitted.loss.places()[number]
    of_head = {
        "settings": fitted.target.heads[name].settings(fitted.settings),
        "target": fitted.target.targets[name],
        "loss": get_head_losses(fitted.loss)[number],
        "outputs": PartOfOutputs(fitted.outputs, place),
        "bounds": None if bounds is None else bounds.of(place),
        "record": None,
        "callbacks": [],
    }
    return replace(fitted, **(of_head | fields))


def get_head(net, name: str):
    """Return a head of a fitted network, as an estimator that asks the network."""
    return get_head_of_fit(net._get_fitted(), name)


def get_head_of_fit(fitted: Fitted, name: str):
    """Return a head as an estimator, from what the fit of all heads left."""
    head = fitted.target.heads[name].estimator
    return with_fitted(head, make_fitted_head(fitted, name))


def get_heads_for(net, fitted: Fitted, X) -> dict:
    """Return the heads by name, as estimators that know their outputs for X.

    All of them from one forward pass.
    """
    knowing = fitted.with_known_outputs(X, fitted.raw_outputs(net, X))
    return {name: get_head_of_fit(knowing, name) for name in knowing.target.heads}


def separate_head(fitted: Fitted, name: str):
    """Return a head as an estimator that has its own copy of body and head weights."""
    number, whole = list(fitted.target.heads).index(name), fitted.outputs.source
    head = fitted.target.heads[name]
    place = fitted.loss.places()[number]
    weights = select_outputs(
        whole.network, whole.n_features, whole.weights, whole.n_raw, place
    )
    alone = make_fitted_head(
        fitted,
        name,
        outputs=replace(whole, weights=weights, n_raw=len(place)),
        histories=(make_head_history(fitted, head),),
        trained_by=f"as head {name!r} of several: {fitted.trained_by}",
        state=None,  # which is that of all heads: warm starts begin with the weights
    )
    return with_fitted(head.estimator, alone)


def make_head_history(fitted, head):
    """Return the history of all heads, with the numbers that are schedules of one."""
    history = fitted.history
    common = {n: v for n, v in history.items() if n not in fitted.settings.curves}
    count = len(history["loss"])
    return common | select_last_values(head.curves, fitted.n_epochs, count)


class HeadPredictions:
    """Predictions of all heads, from one forward pass."""

    @property
    def named_estimators_(self):
        """The heads by name: fitted estimators on the shared body."""
        fitted = self._get_fitted()
        return fitted.remember(
            "named_estimators",
            lambda: Bunch(**{n: separate_head(fitted, n) for n in fitted.target.heads}),
        )

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
        fitted = self._get_fitted()
        heads = get_heads_for(self, fitted, X)
        columns = {name: head.predict(X) for name, head in heads.items()}
        return fitted.target.container.fill(columns, X)

    @available_if(gives_any_probabilities)
    def predict_proba(self, X):
        """Return class probabilities of the heads whose losses give them.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)

        Returns
        -------
        dict of str to ndarray of shape (n_samples, n_classes)
        """
        heads = get_heads_for(self, self._get_fitted(), X)
        return {
            name: head.predict_proba(X)
            for name, head in heads.items()
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
        heads = get_heads_for(self, self._get_fitted(), X)
        columns = split_by_head(y, list(heads))
        scores = [h.score(X, columns[n], sample_weight) for n, h in heads.items()]
        return float(np.mean(scores))
