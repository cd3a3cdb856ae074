"""Losses to choose from, with what goes with each: what a search draws from."""

from skloss._params import Params, freeze, parse_spec
from skloss._params._checks import check_count
from skloss.model_selection._ranges import (
    check_search_range,
    draw_number,
    spread_numbers,
)

WEIGHT = "class_weight"  # the one parameter of an estimator that goes with a loss


class LossSpace(Params):
    """Losses to choose from, each with the ranges of its own knobs.

    Usually made by :func:`loss_space`; it prints as the code that makes it, to be
    edited, with the reasons as comments. Spaces that offer the same are equal, whatever
    their reasons.

    Parameters
    ----------
    losses : dict
        From a loss as a string, ``"focal"`` or, with numbers that are not searched,
        ``"hl_gauss:bins=16"``, to a dict from knob to ``(low, high, scale)`` with the
        scale "linear" or "log". Between two ints an int is drawn. Beside the knobs
        ``"class_weight"`` may stand, the estimator's for this loss; it is None for
        losses without, once one has it.
    prefix : str, default="loss"
        Name of the parameter; ``"net__loss"`` for the step "net" of a pipeline.
    reasons : dict, default=None
        From a loss as in ``losses`` to a sentence that says why it is there.

    Examples
    --------
    >>> from skloss.model_selection import LossSpace
    >>> space = LossSpace({"brier": {}, "focal": {"gamma": (0.25, 4.0, "log")}})
    >>> space.grid(n=3)
    [{'loss': ['brier']}, {'loss': ['focal'], 'loss__gamma': [0.25, 1.0, 4.0]}]

    An Optuna objective, and what a trial holds afterwards:

    >>> from optuna.trial import FixedTrial
    >>> space.suggest(FixedTrial({"loss": "focal", "loss__focal__gamma": 2.0}))
    'focal:gamma=2.0'
    """

    def __init__(self, losses, *, prefix="loss", reasons=None):
        self.losses = losses
        self.prefix = prefix
        self.reasons = reasons

    def __repr__(self):
        reasons, lines = self.reasons or {}, []
        for text, knobs in self.losses.items():
            if text in reasons:
                lines.append(f"    # {' '.join(reasons[text].split())}\n")
            lines.append(f"    {text!r}: {knobs!r},\n")
        prefix = "" if self.prefix == "loss" else f", prefix={self.prefix!r}"
        return f"LossSpace({{\n{''.join(lines)}}}{prefix})"

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return self._offer() == other._offer()

    def __hash__(self):
        return hash(self._offer())

    def _offer(self):
        """Return what is drawn from, without the reasons for it."""
        return self.prefix, freeze(self.losses)

    def check(self):
        """Raise ValueError or TypeError unless there are losses, and ranges."""
        if not isinstance(self.losses, dict) or not self.losses:
            raise ValueError(
                f"LossSpace: losses={self.losses!r} must be a dict that is not empty, "
                f"such as {{'focal': {{'gamma': (0.25, 5.0, 'log')}}}}."
            )
        for text in self.losses:
            for knob, value in self._knobs(text).items():
                check_search_range(f"LossSpace: {text} {knob}", value)
        if self._has_weights() and not self.prefix.endswith("loss"):
            raise ValueError(
                f"LossSpace: prefix={self.prefix!r} must end in 'loss', since "
                f"class_weight is the name of a parameter beside it."
            )

    def renamed(self, prefix):
        """Return the same space for a parameter of another name.

        Parameters
        ----------
        prefix : str

        Returns
        -------
        LossSpace
        """
        return LossSpace(self.losses, prefix=prefix, reasons=self.reasons)

    def suggest(self, trial):
        """Return a loss as a string; its own knobs are drawn, and no other's.

        The choice has the name ``prefix`` in the trial, a knob
        ``<prefix>__<loss>__<knob>``. Given a finished trial, such as
        ``study.best_trial``, it returns what that trial drew.

        Parameters
        ----------
        trial : optuna.trial.Trial, FrozenTrial or FixedTrial

        Returns
        -------
        str
            For example ``"focal:gamma=2.0"``, exact to the last digit. What else goes
            with it is in ``suggest_params``.
        """
        return self.suggest_params(trial)[self.prefix]

    def suggest_params(self, trial):
        """Return parameters for ``set_params``: a loss, and what goes with it.

        Parameters
        ----------
        trial : optuna.trial.Trial, FrozenTrial or FixedTrial

        Returns
        -------
        dict
            The loss as of ``suggest``, and ``class_weight`` where a loss of the space
            has one.
        """
        self.check()
        text = trial.suggest_categorical(self.prefix, list(self.losses))
        drawn = [
            f"{knob}={draw_number(trial, self._name_knob(text, knob), value)!r}"
            for knob, value in self._knobs(text).items()
        ]
        joint = "," if ":" in text else ":"
        loss = f"{text}{joint}{','.join(drawn)}" if drawn else text
        return {self.prefix: loss, **self._weights(text)}

    def grid(self, n=3):
        """Return a list of dicts for a grid search.

        Parameters
        ----------
        n : int, default=3
            Number of values a knob, from the low end of its range to the high one, even
            on its scale; for ``n=1`` the middle.

        Returns
        -------
        list of dict
            Some ``{"loss": ["focal"], "loss__gamma": [...]}`` for each loss, and
            ``class_weight`` where a loss of the space has one.
        """
        self.check()
        check_count("n", n)
        return [
            {
                self.prefix: [text],
                **{
                    f"{self.prefix}__{knob}": spread_numbers(knob, value, n)
                    for knob, value in self._knobs(text).items()
                },
                **{name: [weight] for name, weight in self._weights(text).items()},
            }
            for text in self.losses
        ]

    def middles(self):
        """Return what a trial draws for each loss whose knobs are in the middle.

        Returns
        -------
        list of dict
            By the names of the trial, which may be queued
            (``study.enqueue_trial``).
        """
        self.check()
        return [
            {
                self.prefix: text,
                **{
                    self._name_knob(text, knob): spread_numbers(knob, value, 1)[0]
                    for knob, value in self._knobs(text).items()
                },
            }
            for text in self.losses
        ]

    def _name_knob(self, text, knob):
        """Return the name that a loss's knob has in a trial."""
        return f"{self.prefix}__{parse_spec(text)[0]}__{knob}"

    def _knobs(self, text):
        """Return the ranges of a loss's own knobs."""
        return {k: value for k, value in self.losses[text].items() if k != WEIGHT}

    def _has_weights(self):
        """Tell whether some loss comes with class weights."""
        return any(WEIGHT in knobs for knobs in self.losses.values())

    def _weights(self, text):
        """Return the class weights that go with a loss, under the estimator's name.

        Where some loss has them each has: an estimator may be set by trial after trial.
        """
        if not self._has_weights():
            return {}
        name = self.prefix.removesuffix("loss") + WEIGHT
        return {name: self.losses[text].get(WEIGHT)}
