"""The fitted attributes of an estimator: read from what its fit left."""

from sklearn.utils.validation import check_is_fitted


def of_fit(read, doc):
    """Return a property of fitted estimators; others do not have the attribute.

    Parameters
    ----------
    read : callable
        From ``Fitted`` to the value; None where this fit has none.
    doc : str
    """

    def get(self):
        fitted = self.__dict__.get("_fitted")
        value = None if fitted is None else read(fitted)
        if value is None:
            raise AttributeError(
                f"This {type(self).__name__} has no such attribute: it comes with fit, "
                f"and some only with what they tell of."
            )
        return value

    return property(get, doc=doc)


class FittedAttributes:
    """What every fitted estimator has."""

    n_features_in_ = of_fit(lambda f: f.features.count, "Number of features of X.")
    feature_names_in_ = of_fit(
        lambda f: f.features.names, "Names of the features, if X had string ones."
    )
    loss_ = of_fit(lambda f: f.loss, "The loss that predicts.")
    history_ = of_fit(lambda f: f.history, "What each epoch left, by name.")
    n_epochs_ = of_fit(lambda f: f.n_epochs, "Number of epochs trained.")
    outcome_ = of_fit(lambda f: f.outcome, "How the training ended.")
    trained_by_ = of_fit(lambda f: f.trained_by, "Which way it trained, and why.")
    training_record_ = of_fit(
        lambda f: f.record, "What ``diagnose`` reads; with ``record=True``."
    )
    callbacks_ = of_fit(lambda f: f.callbacks, "The last fit's own Keras callbacks.")
    model_ = of_fit(
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
