"""Which predictions an estimator offers: as many as its loss allows.

For scikit-learn's ``available_if``: each function returns True, or raises the
AttributeError that says what to do.
"""

from skloss import losses
from skloss.estimators._automatic_loss import get_known_loss
from skloss.estimators._varying import find_schedules


def get_loss_and_given(estimator) -> tuple[losses.Loss, object]:
    """Return the loss that predicts, and how it was given.

    After a fit it is the fit's, whatever ``set_params`` has said since.
    """
    fitted = estimator.__dict__.get("_fitted")
    if fitted is not None:
        return fitted.loss, fitted.settings.given["loss"]
    if find_schedules(estimator.loss):
        return estimator.loss, estimator.loss  # its numbers are judged at fit
    return get_known_loss(estimator.loss, estimator._family), estimator.loss


def gives_probabilities(estimator) -> bool:
    """Tell whether the loss gives probabilities; explain where it does not."""
    loss, given = get_loss_and_given(estimator)
    if loss.has_probabilities:
        return True
    honest = [
        name
        for name, cls in sorted(losses.Loss.registry["classification"].items())
        if cls.proper in ("strict", "link")
    ]
    raise AttributeError(
        f"loss={given!r} gives no honest probabilities, so there is no "
        f"predict_proba. Use decision_function, wrap the estimator in "
        f"CalibratedClassifierCV, or choose one of {', '.join(map(repr, honest))}."
    )


def gives_quantiles(estimator) -> bool:
    """Tell whether the loss predicts quantiles; explain where it does not."""
    loss, given = get_loss_and_given(estimator)
    if loss.has_quantiles:
        return True
    raise AttributeError(
        f"loss={given!r} gives no quantiles; use "
        f"loss=Quantile((0.05, 0.5, 0.95)) or loss='gaussian_nll'."
    )


def gives_density(estimator) -> bool:
    """Tell whether the loss gives rows a density; explain where it does not."""
    loss, given = get_loss_and_given(estimator)
    if loss.has_density:
        return True
    raise AttributeError(
        f"loss={given!r} gives rows no density, so there are neither scores nor "
        f"outliers; use loss='elbo'."
    )


def gives_rows_back(estimator) -> bool:
    """Tell whether representations can be turned into rows; explain where not."""
    loss, given = get_loss_and_given(estimator)
    if loss.target == "features":
        return True
    raise AttributeError(
        f"loss={given!r} does not lead back from a representation to rows; use "
        f"loss='reconstruction' or loss='elbo'."
    )


def gives_distribution(estimator) -> bool:
    """Tell whether the loss predicts a distribution; explain where it does not."""
    loss, given = get_loss_and_given(estimator)
    if loss.has_distribution:
        return True
    names = [
        name
        for name, cls in sorted(losses.Loss.registry["regression"].items())
        if cls().has_distribution
    ]
    instead = "predict_quantiles, or " if loss.has_quantiles else ""
    raise AttributeError(
        f"loss={given!r} predicts no distribution; use {instead}one of "
        f"{', '.join(map(repr, names))}."
    )
