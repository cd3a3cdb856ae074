"""Which predictions an estimator offers: as many as its loss allows.

For scikit-learn's ``available_if``: each function returns True, or raises the
AttributeError that says what to do.
"""

from skloss import losses


def loss_of(estimator):
    """Return the loss, fitted or not."""
    loss = getattr(estimator, "loss_", None)
    return losses.get(estimator.loss, estimator._family) if loss is None else loss


def gives_probabilities(estimator):
    """Tell whether the loss gives probabilities; explain where it does not."""
    if loss_of(estimator).has_probabilities:
        return True
    honest = [
        name
        for name, cls in sorted(losses.Loss.registry["classification"].items())
        if cls.proper in ("strict", "link")
    ]
    raise AttributeError(
        f"loss={estimator.loss!r} gives no honest probabilities, so there is no "
        f"predict_proba. Use decision_function, wrap the estimator in "
        f"CalibratedClassifierCV, or choose one of {', '.join(map(repr, honest))}."
    )
