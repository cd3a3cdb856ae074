"""Scores of classes per row that are the same whatever the loss; lower is better."""

from skloss.losses._core import _ops as ops


def log_loss(task, y_true, p):
    """Return the log-loss of probabilities shaped as ``inverse_link`` gives them.

    The mean over labels for multilabel.
    """
    if task.kind == "multilabel":
        p = ops.clip(p, 1e-7, 1 - 1e-7)
        value = -(y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p))
        return ops.mean(value, axis=-1)
    if task.kind == "binary":
        y_true = ops.concatenate([1 - y_true, y_true], axis=-1)
    return -ops.log(ops.maximum(ops.sum(y_true * p, axis=-1), 1e-7))


def undo_class_weight(task, p, class_weight):
    """Return the probabilities in data where no class has a weight.

    Of several labels none has: their probabilities are as they were.
    """
    if task.kind == "multilabel":
        return p
    p = p / class_weight
    return p / ops.sum(p, axis=-1, keepdims=True)


def zero_one_loss(task, y_true, raw):
    """Return 1 per wrong row (the share of wrong labels for multilabel)."""
    if task.kind == "multiclass":
        wrong = ops.argmax(raw) != ops.argmax(y_true)
        return ops.cast(wrong, raw.dtype)
    wrong = (raw > 0) != (y_true > 0.5)
    return ops.mean(ops.cast(wrong, raw.dtype), axis=-1)
