"""The fitted attributes of an estimator: read from what its fit left."""

from sklearn.utils.validation import check_is_fitted


class FittedAttribute:
    """An attribute of fitted estimators; others do not have it.

    Parameters
    ----------
    read : callable
        From ``Fitted`` to the value; None where this fit has none.
    doc : str
    """

    def __init__(self, read, doc):
        self.read, self.__doc__ = read, doc

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, estimator, owner=None):
        if estimator is None:
            return self
        fitted = estimator.__dict__.get("_fitted")
        value = None if fitted is None else self.read(fitted)
        if value is None:
            what = "it is not fitted" if fitted is None else "its fit left none"
            raise AttributeError(
                f"{type(estimator).__name__!r} object has no attribute "
                f"{self.name!r}: {what}."
            )
        return value


class FittedAttributes:
    """What every fitted estimator has."""

    n_features_in_ = FittedAttribute(
        lambda f: f.features.count, "Number of features of X."
    )
    feature_names_in_ = FittedAttribute(
        lambda f: f.features.names, "Names of the features, if X had string ones."
    )
    loss_ = FittedAttribute(lambda f: f.loss, "The loss that predicts.")
    history_ = FittedAttribute(lambda f: f.history, "What each epoch left, by name.")
    n_epochs_ = FittedAttribute(lambda f: f.n_epochs, "Number of epochs trained.")
    outcome_ = FittedAttribute(lambda f: f.outcome, "How the training ended.")
    trained_by_ = FittedAttribute(
        lambda f: f.trained_by, "Which way it trained, and why."
    )
    training_record_ = FittedAttribute(
        lambda f: f.record, "What ``diagnose`` reads; with ``record=True``."
    )
    callbacks_ = FittedAttribute(
        lambda f: f.callbacks, "The last fit's own Keras callbacks."
    )
    model_ = FittedAttribute(
        lambda f: f.remember("model", f.export), "The model of ``to_keras``, made once."
    )

    @property
    def loss_parameters_(self):
        """The loss's trained numbers that do not depend on X, by name.

        For example ``{"dispersion": array([0.3])}`` of ``NegativeBinomial()``, or
        ``log_variance`` of ``UncertaintyWeighted(...)``; empty for most losses.
        """
        check_is_fitted(self)
        return self._fitted.loss_parameters

    def __sklearn_is_fitted__(self):
        """Tell whether ``fit`` or ``partial_fit`` has finished."""
        return "_fitted" in self.__dict__
