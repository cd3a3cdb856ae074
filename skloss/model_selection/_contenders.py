"""The losses of a comparison, each with the settings that it is tuned over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from optuna.samplers import RandomSampler
from sklearn.metrics import check_scoring

from skloss import losses as catalogue
from skloss._sklearn import get_scorers_by_name, is_multimetric
from skloss.exceptions import LossTargetError
from skloss.losses import Loss
from skloss.model_selection._fitting_losses import (
    describe_target,
    explain_misfit,
    find_knobs,
    get_loss,
    loss_space,
)
from skloss.model_selection._last_step import get_last_step
from skloss.model_selection._metric_panel import explain_gap, make_panel
from skloss.model_selection._pruning import create_study_quietly
from skloss.model_selection._spaces import LossSpace
from skloss.model_selection._suggest import RANGES, find_prefix, suggest_from

TUNED = {name: RANGES[name] for name in ("learning_rate", "l2")}


@dataclass(frozen=True, eq=False)
class Contender:
    """A loss of a comparison.

    Attributes
    ----------
    name : str
    loss : Loss
        As it is before its numbers are tuned.
    settings : list of dict
        What it is tuned over: parameters of the estimator. The first are its defaults.
    scorers : dict of str to callable
        Those of the panel that it can be measured by.
    tuned_by : str
        Which of them chooses among the settings.
    gaps : dict of str to str
        Why it has none of the others.
    """

    name: str
    loss: Loss
    settings: list[dict[str, Any]]
    scorers: dict[str, Any]
    tuned_by: str
    gaps: dict[str, str] = field(default_factory=dict)

    @property
    def tuning(self):
        """The one scorer that chooses among the settings, by its name."""
        return {self.tuned_by: self.scorers[self.tuned_by]}


def make_contenders(estimator, y, losses, scoring, n_settings, ranges, seed):
    """Return the losses of a comparison; raise before anything trains.

    Parameters
    ----------
    estimator : estimator
    y : array-like
    losses : None, LossSpace or list
    scoring : None, str, callable, list or dict
    n_settings : int
    ranges : dict or None
    seed : int

    Returns
    -------
    contenders : list of Contender
    metrics : list of str
        Names of the scores; the first is the one that decides.
    """
    find_prefix(estimator)  # refuses what has no loss, or several
    family = get_last_step(estimator)._family
    task, Y, _ = describe_target(y, family)
    panel = read_panel(estimator, y, task, scoring)
    given = scoring if isinstance(scoring, str) or callable(scoring) else None
    space = read_losses(losses, y, task, given)
    named = {text: catalogue.get(text, family) for text in space}
    refuse_twins(named, space)
    contenders = []
    for text, loss in named.items():
        misfit = explain_misfit(loss, task, Y, None)
        if misfit:
            raise LossTargetError(
                f"losses holds {text!r}, which does not fit y. {misfit} Leave it out."
            )
        scorers, gaps = split_panel(loss, panel)
        if not scorers or (given is not None and gaps):
            reason = next(iter(gaps.values()))
            raise ValueError(
                f"losses holds {text!r}, which gives {reason}, and "
                f"scoring={scoring!r} reads them. Leave it out, or compare by a score "
                f"of decisions."
            )
        settings = draw_settings(estimator, text, space[text], n_settings, ranges, seed)
        contenders.append(
            Contender(str(text), loss, settings, scorers, next(iter(scorers)), gaps)
        )
    return contenders, list(panel)


def read_panel(estimator, y, task, scoring):
    """Return the scorers to compare by, by their names."""
    if scoring is None:
        return make_panel(task, np.unique(y) if task.kind == "binary" else None)
    scorer = check_scoring(estimator, scoring)
    if is_multimetric(scorer):
        return dict(get_scorers_by_name(scorer))
    name = scoring if isinstance(scoring, str) else "score"
    return {name: scorer}


def split_panel(loss, panel):
    """Return the scorers that a loss can be measured by, and why not by the others."""
    gaps = {name: explain_gap(loss, scorer) for name, scorer in panel.items()}
    gaps = {name: reason for name, reason in gaps.items() if reason}
    return {name: s for name, s in panel.items() if name not in gaps}, gaps


def read_losses(losses, y, task, scoring):
    """Return the losses of a comparison, each with the ranges of its knobs."""
    if losses is None:
        return dict(loss_space(y, scoring=scoring, family=task.family).losses)
    if isinstance(losses, LossSpace):
        losses.check()
        return dict(losses.losses)
    return {
        own: find_knobs(own, get_loss("losses", own, task), None)
        if isinstance(own, str)
        else {}
        for own in losses
    }


def refuse_twins(named, space):
    """Raise ValueError where two losses are the same, or there is only one."""
    seen = {}
    for text, loss in named.items():
        offer = loss, frozenset(space[text])
        if offer in seen:
            raise ValueError(
                f"losses holds {seen[offer]!r} and {text!r}, which are the same; a "
                f"comparison of a loss with itself says nothing. Leave one out."
            )
        seen[offer] = text
    if len(seen) < 2:
        raise ValueError(
            f"losses={list(named)!r} leaves nothing to compare; give two at least."
        )


def draw_settings(estimator, text, knobs, n_settings, ranges, seed):
    """Return the settings that a loss is tuned over: its defaults, and random ones.

    What all losses have is drawn alike for all of them.
    """
    prefix = find_prefix(estimator)
    shared = {prefix + n: r for n, r in (TUNED if ranges is None else ranges).items()}
    loss = f"{prefix}loss"
    settings = [{loss: text}]
    drawn = draw(shared, n_settings - 1, seed)
    own = [{loss: text}] * (n_settings - 1)
    if knobs:
        space = {loss: LossSpace({text: knobs})}
        own = draw(space, n_settings - 1, seed)
        settings = [{**settings[0], **pick_weight(prefix, knobs)}]
    return settings + [a | b for a, b in zip(drawn, own, strict=True)]


def pick_weight(prefix, knobs):
    """Return the class weight that goes with a loss, as a parameter."""
    return {f"{prefix}{n}": v for n, v in knobs.items() if n == "class_weight"}


def draw(space, n_draws, seed):
    """Return some random settings of a space."""
    study = create_study_quietly(sampler=RandomSampler(seed=seed))
    return [suggest_from(study.ask(), space) for _ in range(n_draws)]
