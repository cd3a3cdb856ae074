"""The space that a search draws from unless told: of the estimator, data and score.

But for the losses, which follow from the score, what it holds was measured
(docs/design/search.md).
"""

from itertools import product

import numpy as np

from skloss._sklearn import count_rows
from skloss.model_selection._auto_steps import add_steps, make_encoders
from skloss.model_selection._fitting_losses import loss_space
from skloss.model_selection._last_step import get_last_step
from skloss.model_selection._ranges import is_range, spread_numbers
from skloss.model_selection._spaces import LossSpace
from skloss.model_selection._suggest import find_prefix, make_storable
from skloss.networks import MLP

# What an estimator's own `score` is.
OWN_SCORES = {"classification": "accuracy", "regression": "r2"}
# Rows that train for the most epochs; with n times as many for sqrt(n) times fewer.
FEW_ROWS, MOST_EPOCHS, LEAST_EPOCHS, LONGER = 1500, 60, 8, 4
COMMENTS = {
    "network": "Wide with the features beside, linear, and deep.",
    "loss": "What the score rewards.",
    "lr_schedule": "To the end: the rate falls to 0, and nothing stops early.",
    "l2": "Encoded columns need more of it.",
}


def auto_space(estimator, X, y, *, scoring=None):
    """Return the space of an automatic search, which prints as code to be edited.

    ``FusedOptunaSearchCV(pipeline, "auto")`` draws from it. Losses are those that the
    score rewards (:func:`loss_space`); a linear, a wide and a deep network, each with
    and without a :class:`~skloss.preprocessing.PiecewiseLinearEncoder` directly before
    it; short and long trainings, to the end, by a learning rate that falls to 0; rate,
    l2 and dropout.

    Parameters
    ----------
    estimator : Pipeline
        Ends in a LossAwareClassifier or LossAwareRegressor. Its steps stay as they are,
        and come first. Where X is a DataFrame with text or dates that they do not
        encode, ``TableVectorizer`` of skrub is put before them, and where values are
        missing ``SimpleImputer``.
    X : array-like of shape (n, n_features)
    y : array-like of shape (n,)
    scoring : str or callable, default=None
        What candidates are compared by. None: the estimator's own score.

    Returns
    -------
    AutoSpace
        A dict, to be changed as any other. "steps" are those of the Pipeline with what
        is added, so that ``set_params`` with what a search finds works on a clone of
        ``estimator``.

    Raises
    ------
    TypeError, ValueError
        If the estimator is no such Pipeline, or no loss fits.
    ImportError
        If skrub is needed, and missing.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skloss import LossAwareRegressor
    >>> from skloss.model_selection import auto_space
    >>> X, y = load_diabetes(return_X_y=True)
    >>> pipeline = make_pipeline(StandardScaler(), LossAwareRegressor())
    >>> space = auto_space(pipeline, X, y, scoring="neg_mean_absolute_error")
    >>> list(space["lossawareregressor__loss"].losses)
    ['absolute_error', 'huber', 'log_cosh']
    >>> space["lossawareregressor__learning_rate"]
    (0.0005, 0.03, 'log')
    >>> space["piecewiselinearencoder"]
    [PiecewiseLinearEncoder(n_bins=8), 'passthrough', PiecewiseLinearEncoder(n_bins=32)]
    """
    prefix, net = find_prefix(estimator), get_last_step(estimator)
    steps, encoder = add_steps(estimator, X, y)
    score = OWN_SCORES[net._family] if scoring is None else scoring
    short = find_epochs(count_rows(X))
    space = {}
    if list(dict(steps)) != list(dict(estimator.steps)):
        space["steps"] = [steps]
    if encoder is not None:
        space[encoder] = make_encoders(dict(steps)[encoder])
    own = {
        "network": [MLP((128,), activation="mish", skip=True), MLP(()), MLP((64, 64))],
        "loss": loss_space(
            y, scoring=score, family=net._family, prefix=f"{prefix}loss"
        ),
        "epochs": [short, LONGER * short],
        "lr_schedule": ["cosine"],
        "early_stopping": [False],
        "learning_rate": (5e-4, 0.03, "log"),
        "l2": (3e-6, 0.03, "log"),
        "dropout": (0.0, 0.5, "linear"),
    }
    space |= {f"{prefix}{name}": value for name, value in own.items()}
    return AutoSpace(space, encoder=encoder, prefix=prefix)


def find_epochs(n_rows):
    """Return for how many epochs the shorter trainings go."""
    epochs = MOST_EPOCHS * np.sqrt(FEW_ROWS / max(n_rows, FEW_ROWS))
    return max(LEAST_EPOCHS, round(epochs))


class AutoSpace(dict):
    """A space as :func:`auto_space` makes it, which prints as code to be edited.

    Parameters
    ----------
    space : dict
        From the name of a parameter to what is drawn.
    encoder : str or None
        The name of the step that may encode.
    prefix : str
        What stands before the names of the network's parameters.
    """

    def __init__(self, space, *, encoder, prefix):
        super().__init__(space)
        self.encoder, self.prefix = encoder, prefix

    def __or__(self, other):
        return _restore({**self, **other}, self.encoder, self.prefix)

    def copy(self):
        """Return a copy."""
        return self | {}

    def __reduce__(self):
        return _restore, (dict(self), self.encoder, self.prefix)

    def __repr__(self):
        lines = []
        for name, value in self.items():
            comment = self._explain(name)
            if comment:
                lines.append(f"# {comment}")
            lines += f"{name!r}: {value!r},".splitlines()
        return "\n".join(["{", *(f"    {line}" for line in lines), "}"])

    def _explain(self, name):
        """Return why a parameter has these values, or None."""
        if name == "steps":
            return "Your own steps, with what is added."
        if name == self.encoder:
            return "Directly before the network."
        return COMMENTS.get(name.removeprefix(self.prefix))

    def list_starts(self):
        """Return what the first trials of a study draw: each network, each encoder.

        Losses take turns. All else is in the middle of its range, or the first of its
        choices: a search that has time for few trials has then seen what differs most.

        Returns
        -------
        list of dict
            Values as Optuna stores them.
        """
        kinds = [k for k in (self.encoder, f"{self.prefix}network") if k in self]
        choices = [[make_storable(kind, v) for v in self[kind]] for kind in kinds]
        starts = []
        for turn, drawn in enumerate(product(*choices)):
            start = {}
            for name, values in self.items():
                start |= find_middle(name, values, turn)
            starts.append(start | dict(zip(kinds, drawn, strict=True)))
        return starts


def _restore(space, encoder, prefix):
    """Return a space that was pickled or copied."""
    return AutoSpace(space, encoder=encoder, prefix=prefix)


def find_middle(name, values, turn):
    """Return the middle of a range, or the first choice, by the names of a trial.

    Of losses it is the one whose turn it is; distributions of other libraries, which an
    edited space may have, are left to the sampler.
    """
    if isinstance(values, LossSpace):
        middles = values.renamed(name).middles()
        return middles[turn % len(middles)]
    if is_range(values):
        return {name: spread_numbers(name, values, 1)[0]}
    if not isinstance(values, list | tuple):
        return {}
    return {name: make_storable(name, values[0], alone=len(values) == 1)}
