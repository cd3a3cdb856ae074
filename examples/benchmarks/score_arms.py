"""The scores of ``own_loss.py``: what they are measured by, and searches for them.

A score is rewarded by ``scoring``, from which a search takes its losses. ``measure`` is
its value on test rows, the same for everybody. Squared error may predict what a
deviance or a logarithm is not defined for, so ``measure`` raises such predictions to
the least that makes sense, in their favour, and rounds numbers to ranks.

Outliers and wrong labels are in no score. With outliers a user compares candidates by
the absolute error, which bears them, and so names the losses that do. No score bears
wrong labels: who only says "log-loss" has told the search nothing. So there is a search
that is told, by losses that are named and by a score that knows how many are wrong;
whom it is compared to is told as well, and reckons them out of predictions.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn import metrics
from sklearn.metrics import make_scorer
from spoil import WRONG, add_outliers, flip_labels, thin_positives

LEVEL = 0.9
PLAIN = "cross_entropy:label_smoothing=0.0"


@dataclass(frozen=True)
class Search:
    """A search for a score.

    Attributes
    ----------
    scoring : str or callable
        What candidates are compared by.
    losses : dict
        From a loss to its knobs, as for ``LossSpace``; None is those of the score.
    change : callable
        What is made of predictions for test rows, if anything.
    """

    scoring: str | Callable
    losses: dict | None = None
    change: Callable | None = None

    def describe(self):
        """Return what it is, as text that a digest can be of."""
        change = "" if self.change is None else inspect.getsource(self.change)
        return f"{self.scoring!r} {self.losses!r} {change}"


@dataclass(frozen=True)
class Score:
    """One score, its tables, and what is compared on them.

    Attributes
    ----------
    measure : callable
        From y and predictions to the value on test rows.
    searches : dict of str to Search
        "own" has the losses of the score.
    compare : callable
        From y and predictions to what peers are compared by; None is ``measure``.
    reads : {"predict", "predict_proba"}
    higher : bool
        Whether higher is better; differences are reported then, not ratios.
    spoil : callable
        What is done to training rows.
    """

    measure: Callable
    searches: dict
    compare: Callable | None = None
    reads: str = "predict"
    higher: bool = False
    spoil: Callable | None = None

    def inner(self):
        """Return the scorer by which peers are tuned."""
        return make_scorer(
            self.compare or self.measure,
            greater_is_better=self.higher,
            response_method=self.reads,
        )

    def describe(self):
        """Return what measures and spoils, as text that a digest can be of."""
        used = filter(callable, [self.measure, self.compare, self.spoil])
        return "".join(map(inspect.getsource, used)) + self.reads

    def test(self, estimator, X, y, change=None):
        """Return the value on test rows, of what predictions are changed to."""
        predicted = getattr(estimator, self.reads)(X)
        return float(self.measure(y, change(predicted) if change else predicted))


def measure_pinball(y, predicted):
    return metrics.mean_pinball_loss(y, predicted, alpha=LEVEL)


def measure_poisson(y, predicted):
    """Return the deviance of means that are at least a twentieth of y's."""
    return metrics.mean_poisson_deviance(y, np.maximum(predicted, 0.05 * np.mean(y)))


def measure_msle(y, predicted):
    """Return the error of predictions that are at least 0."""
    return metrics.mean_squared_log_error(y, np.maximum(predicted, 0.0))


def measure_kappa(y, predicted):
    """Return quadratic kappa of ranks, to which numbers are rounded."""
    ranks = np.clip(np.rint(predicted), y.min(), y.max()).astype(int)
    return metrics.cohen_kappa_score(y, ranks, weights="quadratic")


def list_columns(predicted):
    """Return probabilities, a column each class: scorers give one of two classes."""
    if predicted.ndim == 2:
        return predicted
    return np.column_stack([1 - predicted, predicted])


def measure_log_loss(y, predicted):
    columns = list_columns(predicted)
    return metrics.log_loss(y, columns, labels=np.arange(columns.shape[1]))


def measure_flipped(y, predicted, share=WRONG):
    """Return the log-loss of labels of which a known share is wrong.

    The label is its class, or another one: the predictions are of the class.
    """
    columns = list_columns(predicted)
    others = share / (columns.shape[1] - 1)
    return measure_log_loss(y, others + (1 - share - others) * columns)


def undo_flips(predicted, share=WRONG, floor=0.01):
    """Return probabilities of classes from those of labels, a share of which is wrong.

    None is below ``floor``: what a model says of labels need not come from any classes.
    """
    others = share / (predicted.shape[1] - 1)
    columns = np.maximum((predicted - others) / (1 - share - others), floor)
    return columns / columns.sum(axis=1, keepdims=True)


def punish(measure, reads="predict"):
    return make_scorer(measure, greater_is_better=False, response_method=reads)


def against_squares(scoring, same=None):
    """Return the search with a score's own losses, and the one with squared error."""
    squares = Search(same or scoring, {"squared_error": {}})
    return {"own": Search(scoring), "squared_error": squares}


def against_entropy(scoring):
    """Return the search with a score's own losses, and the one with cross-entropy."""
    return {"own": Search(scoring), "cross_entropy": Search(scoring, {PLAIN: {}})}


MAE = Score(
    metrics.mean_absolute_error,
    against_squares("neg_mean_absolute_error"),
)
PINBALL = Score(
    measure_pinball,
    against_squares(
        make_scorer(metrics.mean_pinball_loss, alpha=LEVEL, greater_is_better=False)
    ),
)
POISSON = Score(
    measure_poisson,
    against_squares("neg_mean_poisson_deviance", punish(measure_poisson)),
)
MSLE = Score(
    measure_msle,
    against_squares("neg_mean_squared_log_error", punish(measure_msle)),
)
KAPPA = Score(
    measure_kappa,
    against_entropy(make_scorer(metrics.cohen_kappa_score, weights="quadratic")),
    higher=True,
)
BALANCED = Score(
    metrics.balanced_accuracy_score,
    against_entropy("balanced_accuracy")
    | {"weighted": Search("balanced_accuracy", {PLAIN: {"class_weight": "balanced"}})},
    higher=True,
    spoil=thin_positives,
)
TOLD_LABELS = {
    f"forward_correction:transition={WRONG}": {},
    "gce": {"q": (0.2, 0.8, "linear")},
    "sce": {"alpha": (0.05, 10.0, "log"), "beta": (0.05, 2.0, "log")},
    PLAIN: {},
}
KNOWS_WRONG = punish(measure_flipped, "predict_proba")
LABELS = Score(
    measure_log_loss,
    against_entropy("neg_log_loss")
    | {
        "told": Search(KNOWS_WRONG, TOLD_LABELS),
        "told_cross_entropy": Search("neg_log_loss", {PLAIN: {}}, undo_flips),
    },
    reads="predict_proba",
    spoil=flip_labels,
)
OUTLIERS = Score(
    metrics.root_mean_squared_error,
    against_squares("neg_mean_absolute_error"),
    compare=metrics.mean_absolute_error,
    spoil=add_outliers,
)

SCORES = {
    "mae": MAE,
    "pinball": PINBALL,
    "poisson": POISSON,
    "msle": MSLE,
    "kappa": KAPPA,
    "balanced": BALANCED,
    "labels": LABELS,
    "outliers": OUTLIERS,
}
