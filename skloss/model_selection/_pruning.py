"""Who leaves a search early: rungs, and what is decided there."""

import numpy as np


class SuccessiveHalving:
    """Keep the best part of the candidates at each rung, with epochs as resource.

    All folds of all candidates are in step: at ``min_epochs``, ``factor * min_epochs``,
    ... epochs the best ``1 / factor`` by mean score over the folds go on (Jamieson and
    Talwalkar 2016, successive halving).

    Parameters
    ----------
    min_epochs : int, default=5
        Epochs that every candidate gets.
    factor : float, default=3.0
        Greater than 1.
    """

    def __init__(self, min_epochs=5, factor=3.0):
        self.min_epochs, self.factor = min_epochs, factor

    def __repr__(self):
        return f"SuccessiveHalving(min_epochs={self.min_epochs}, factor={self.factor})"


def pruning(pruner, metric):
    """Return what watches a run for a pruner, or None.

    Raises
    ------
    TypeError, ValueError
        If ``pruner`` is none of the kinds that can be, or its numbers cannot be.
    """
    if pruner is None:
        return None
    if isinstance(pruner, SuccessiveHalving):
        return Halving(pruner, metric)
    from optuna.pruners import BasePruner

    if isinstance(pruner, BasePruner):
        return OptunaPruning(pruner, metric)
    raise TypeError(
        f"pruner={pruner!r} must be None, SuccessiveHalving(...) or a pruner of "
        f"optuna.pruners."
    )


class Halving:
    """Watches a run for :class:`SuccessiveHalving`."""

    def __init__(self, rule, metric):
        if not rule.min_epochs >= 1 or not rule.factor > 1:
            raise ValueError(f"{rule} needs min_epochs >= 1 and factor > 1.")
        self.rule, self.metric = rule, metric

    def rungs(self, last):
        """Return the epochs at which candidates are compared, and the last."""
        rungs, epoch = [], float(self.rule.min_epochs)
        while epoch < last:
            rungs.append(int(epoch))
            epoch *= self.rule.factor
        return [*sorted(set(rungs)), last]

    def __call__(self, epoch, scores):
        """Return the candidates that leave."""
        kept = max(1, int(np.ceil(len(scores) / self.rule.factor)))
        order = sorted(scores, key=lambda c: (np.nan_to_num(-scores[c], nan=np.inf), c))
        return set(order[kept:])


class OptunaPruning:
    """Watches a run for one of Optuna's pruners: a rung each epoch."""

    def __init__(self, pruner, metric):
        import optuna

        self.metric = metric
        self.study = optuna.study.create_study(direction="maximize", pruner=pruner)
        self.trials = {}

    def rungs(self, last):
        """Return all epochs."""
        return range(1, last + 1)

    def __call__(self, epoch, scores):
        """Report all scores, then ask who leaves."""
        for candidate, score in scores.items():
            if candidate not in self.trials:
                self.trials[candidate] = self.study.ask()
            self.trials[candidate].report(score, epoch)
        return {c for c in scores if self.trials[c].should_prune()}
