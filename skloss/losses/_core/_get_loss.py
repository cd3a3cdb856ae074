"""From what a user writes to a loss: names, aliases, Keras losses, functions."""

import inspect

from skloss._keras import get_function_arguments
from skloss._params import nearest, parse_spec
from skloss.exceptions import LossTargetError, UnknownNameError
from skloss.losses._core._custom import CustomLoss, CustomRegressionLoss
from skloss.losses._core._loss import Loss


def loss_names(family):
    """Return the registered names of "classification" or "regression" losses."""
    return sorted(Loss.registry[family])


def by_name(family):
    """Return names and aliases of a family, each with its class."""
    classes = Loss.registry[family]
    table = {alias: cls for cls in classes.values() for alias in cls.aliases}
    return {**table, **classes}


def get(spec, family):
    """Return the loss that ``spec`` stands for.

    Parameters
    ----------
    spec : str, Loss, keras.losses.Loss (class or instance) or callable
    family : {"classification", "regression", "representation", "unlabelled"}

    Returns
    -------
    Loss

    Raises
    ------
    LossTargetError
        If the loss is for the other task.
    ValueError
        If the name or one of its knobs is unknown.
    TypeError
        If ``spec`` is none of the above.
    """
    if isinstance(spec, str):
        loss = from_string(spec, family)
    elif isinstance(spec, Loss):
        loss = spec
    elif inspect.isclass(spec) and issubclass(spec, Loss):
        loss = spec()
    elif callable(spec):
        loss = from_callable(spec, family)
    else:
        raise TypeError(
            f"loss={spec!r} is neither a name, a skloss or Keras loss, nor a function "
            f"f(y_true, y_pred)."
        )
    loss.check()
    check_family(loss, family)
    return loss


def check_family(loss, family):
    """Raise LossTargetError unless the loss is for ``family``."""
    if loss.family != family and family == "unlabelled":
        names = ", ".join(map(repr, loss_names(family)))
        raise LossTargetError(
            f"unlabeled_loss={loss!r} is for {loss.family}, and not for rows without a "
            f"label. Use one of {names}."
        )
    if loss.family != family:
        names = ", ".join(map(repr, loss_names(family)))
        raise LossTargetError(
            f"loss={loss!r} is for {loss.family}, this estimator does {family}. "
            f"Use one of {names}."
        )


def from_string(spec, family):
    """Return the loss named by ``spec``, knobs included."""
    name, params = parse_spec(spec)
    table = by_name(family)
    if name in table:
        return table[name]().set_params(**params)
    for other in Loss.registry:
        if name in by_name(other):
            check_family(by_name(other)[name](), family)
    predicting = family in ("classification", "regression")
    loss = from_keras_string(name) if predicting else None
    if loss is not None and not params:  # before ours: Keras' own defaults are meant
        return from_callable(loss, family)
    loosely = {squeeze_name(known): cls for known, cls in table.items()}
    if squeeze_name(name) in loosely:
        return loosely[squeeze_name(name)]().set_params(**params)
    raise UnknownNameError(f"Unknown {family} loss {name!r}. {nearest(name, table)}")


def squeeze_name(name):
    """Return a name without case, underscores and hyphens: as PyTorch spells it."""
    return name.replace("_", "").replace("-", "").lower()


def from_keras_string(name):
    """Return the Keras loss of that name, or None."""
    from skloss._tensorflow import keras

    try:
        return keras.losses.get(name)
    except ValueError:  # it does not know all of its classes by name
        loss = getattr(keras.losses, name, None)
        return loss() if inspect.isclass(loss) else None


def from_callable(spec, family):
    """Return our loss for a Keras one that we have, or wrap the callable."""
    from skloss._tensorflow import keras

    if inspect.isclass(spec) and issubclass(spec, keras.losses.Loss):
        spec = spec()
    if family == "unlabelled":
        raise TypeError(
            f"unlabeled_loss={spec!r} compares predictions with a target; it is one of "
            f"{', '.join(map(repr, loss_names(family)))}, or an UnlabelledLoss of your "
            f"own."
        )
    if family == "representation":
        raise LossTargetError(
            f"loss={spec!r} compares predictions with a target; representations are "
            f"learnt by {', '.join(map(repr, loss_names(family)))}, by weighted sums "
            f"of them, or by a RepresentationLoss of your own."
        )
    known = keras_equivalent(spec, family)
    if known is not None:
        return known
    if family == "regression":
        return CustomRegressionLoss(spec)
    return CustomLoss(spec)


def keras_equivalent(spec, family):
    """Return our own loss for one of Keras', with its numbers, or None."""
    module = type(spec).__module__ or ""
    if not module.startswith("keras."):
        name = getattr(spec, "__name__", None)
        ours = (getattr(spec, "__module__", "") or "").startswith("keras.")
        cls = by_name(family).get(name) if ours else None
        return cls() if cls else None
    for cls in Loss.registry[family].values():
        names = cls.from_keras.get(type(spec).__name__)
        if names is not None:
            # Keras leaves some of its arguments, Huber's delta, out of the config
            config = {**get_function_arguments(spec), **spec.get_config()}
            lacking = {"apply_class_balancing", "label_smoothing"} - set(names)
            if any(config.get(key) for key in lacking):
                return None  # what we lack is wrapped, not dropped
            return cls(**{ours: config[theirs] for theirs, ours in names.items()})
    return None
