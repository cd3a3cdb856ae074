"""``loss="auto"``: a loss that each fit finds in its own training rows."""

import numpy as np

from skloss import losses

AUTO = "auto"
#: What stands for it before there are rows: what most fits choose, and whose
#: predictions all that may be chosen have too.
DEFAULTS = {"classification": "cross_entropy", "regression": "squared_error"}


def is_automatic(loss):
    """Tell whether a loss is found by each fit."""
    return isinstance(loss, str) and loss == AUTO


def get_known_loss(loss, family):
    """Return the loss that is given, or what stands for it before a fit."""
    return losses.get(DEFAULTS[family] if is_automatic(loss) else loss, family)


def find_loss(settings, X, y, task, memory, *, ordered=False):
    """Return the loss of a fit: that of its settings, or what its rows speak for.

    Parameters
    ----------
    settings : Settings
    X : array-like
        Validated.
    y : ndarray
    task : Task
    memory : Memory
    ordered : bool, default=False
        Whether the classes are known to be.
    """
    if not is_automatic(settings.given["loss"]):
        return settings.loss

    def choose():
        from skloss._advice._measure import choose_loss  # boosting, else not loaded

        Y = np.reshape(y, (len(y), -1)) if task.family == "regression" else y
        return choose_loss(X, Y, task, ordered=ordered)

    return losses.get(memory.recall(("loss", ordered), choose), task.family)
