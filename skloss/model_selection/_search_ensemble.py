"""The ensemble in which a search can end, made of networks that it trained anyway."""

import time
from functools import partial

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone, is_classifier
from sklearn.utils import check_random_state

from skloss._sklearn import (
    check_method_params,
    get_scorers_by_name,
    is_multimetric,
    is_prediction_scorer,
    safe_indexing,
)
from skloss.estimators._class_codes import densify_target
from skloss.model_selection._candidates import find_net
from skloss.model_selection._ensemble import average_folds, find_ensemble
from skloss.model_selection._fold_votes import find_ordered_rule
from skloss.model_selection._folds import digest_earlier_steps
from skloss.model_selection._greedy import MOST_ROUNDS, choose_weights
from skloss.model_selection._last_step import get_earlier_steps
from skloss.model_selection._out_of_fold import KnownClassifier, KnownRegressor, Pool
from skloss.model_selection._scored import get_score, mean_score
from skloss.model_selection._structure_weights import weigh_structures

KINDS = (None, "greedy", "seeds")
# With fewer rows the weights themselves overfit (docs/design/search.md).
FEW_ROWS = 1_000
# More rows hardly choose other weights, and each addition scores them all.
MOST_ROWS = 5_000
SEEDS = 8


def check_ensemble(search, scorer):
    """Raise ValueError or TypeError for an ensemble that cannot be, before training.

    Parameters
    ----------
    search : FusedSearch
    scorer : callable
        The search's, of one metric or several.
    """
    kind, keep = search._ensemble_kind, search.keep
    if kind not in KINDS:
        raise ValueError(
            f"ensemble={kind!r} must be one of {', '.join(map(repr, KINDS))}."
        )
    if isinstance(keep, bool) or not isinstance(keep, int | np.integer) or keep < 1:
        raise ValueError(f"keep={keep!r} must be an integer >= 1.")
    if kind is None:
        return
    if find_ensemble(search.estimator) is None:
        raise ValueError(
            f"ensemble={kind!r} needs an estimator of one task that is a network, or "
            f"ends in one: others have no one mean. Set ensemble=None."
        )
    if kind == "seeds" and not search.refit:
        raise ValueError(
            f"ensemble='seeds' is made of refits of the winner, and refit="
            f"{search.refit!r} asks for none. Set refit=True, or ensemble='greedy'."
        )
    if kind == "seeds":
        return
    if is_multimetric(scorer) and not isinstance(search.refit, str):
        raise ValueError(
            f"ensemble='greedy' needs one metric to raise: let refit name it, one of "
            f"{sorted(get_scorers_by_name(scorer))}, not refit={search.refit!r}."
        )
    if not is_prediction_scorer(scorer):
        raise TypeError(
            f"ensemble='greedy' scores means of predictions, so scoring="
            f"{search.scoring!r} must be a name of scikit-learn's or made by "
            f"make_scorer. Set ensemble='seeds', which needs no score."
        )


class EnsembleBuilder:
    """Chooses, of what a search has trained, what is averaged.

    Parameters
    ----------
    scoring : Scoring
    metric : str or None
        Which of several scores is raised.
    estimator : estimator
        The search's.
    """

    def __init__(self, scoring, metric, estimator):
        self.scoring, self.metric, self.estimator = scoring, metric, estimator
        self.y = scoring.folds.y
        self.classes = None
        if is_classifier(estimator):
            y = densify_target(self.y if issparse(self.y) else np.asarray(self.y))
            self.classes = np.unique(y) if y.ndim == 1 else None
        self.pool = Pool(scoring.folds.splits, self.y, self.classes)

    def build(self, candidates):
        """Return the ensemble's fitted attributes.

        Parameters
        ----------
        candidates : list of list of Scored
            All that are finished, their folds.

        Returns
        -------
        dict
        """
        pooled = self.pool_candidates(candidates)
        fitted = {"oof_predictions_": self.list_predictions(pooled)}
        library, score = self.select_library(candidates, pooled), -np.inf
        if library:
            weights, score = self.weigh(candidates, pooled, library)
        alone = self.find_alone(candidates, pooled, score)
        if alone is not None:
            return fitted | self.make_alone(candidates, alone)
        if not library:
            return {**fitted, "_ensemble_": "a network with predictions for each fold"}
        members, shares = [], []
        for candidate, weight in zip(library, weights, strict=True):
            if weight > 0:
                folds = candidates[candidate]
                members += [fold.estimator for fold in folds]
                shares += [weight / len(folds)] * len(folds)
        all_weights = np.zeros(len(candidates))
        all_weights[library] = weights
        kind = find_ensemble(self.estimator)
        return {
            **fitted,
            "_ensemble_": kind(members, weights=shares),
            "ensemble_weights_": all_weights,
            "ensemble_score_": score,
        }

    def find_alone(self, candidates, pooled, score):
        """Return the best candidate that is not pooled, if it beats a score, or None.

        Of some scores the best losses give no probabilities.
        """
        found = None
        for i, folds in enumerate(candidates):
            own = mean_score(folds, self.metric)
            trained = all(fold.estimator is not None for fold in folds)
            if i not in pooled and trained and own > score:
                found, score = i, own
        return found

    def make_alone(self, candidates, alone):
        """Return the attributes of an ensemble of one candidate's folds."""
        folds = candidates[alone]
        return {
            "_ensemble_": average_folds(self.estimator, folds),
            "ensemble_weights_": np.eye(len(candidates))[alone],
            "ensemble_score_": mean_score(folds, self.metric),
        }

    def pool_candidates(self, candidates):
        """Return the pooled predictions of candidates that have some of all folds."""
        return {
            i: self.pool.join([fold.predictions for fold in folds])
            for i, folds in enumerate(candidates)
            if all(fold.predictions is not None for fold in folds)
        }

    def list_predictions(self, pooled):
        """Return predictions for all rows, NaN for those that were never tested."""
        found = {}
        for i, own in pooled.items():
            shape = len(self.pool.counts), *own.values.shape[1:]
            found[i] = np.full(shape, np.nan)
            found[i][self.pool.tested] = own.values
        return found

    def select_library(self, candidates, pooled):
        """Return the candidates that can be averaged with the best, itself first."""
        scores = {i: mean_score(candidates[i], self.metric) for i in pooled}
        ranked = [i for i in pooled if not np.isnan(scores[i])]
        ranked.sort(key=lambda i: -scores[i])
        if not ranked:
            return []
        rule = name_rule(candidates[ranked[0]])
        return [i for i in ranked if name_rule(candidates[i]) == rule]

    def weigh(self, candidates, pooled, library):
        """Return the weights of a library, and the score that they promise.

        That score is cross-fitted: the weights that a fold is scored with were chosen
        without its rows. Where the choice of one network promises more, it is made.

        Parameters
        ----------
        candidates : list of list of Scored
        pooled : dict of int to Pooled
        library : list of int
            Candidates, the best first.
        """
        firsts = [candidates[i][0] for i in library]
        values = np.stack([[pooled[i].values, pooled[i].at_cost] for i in library])
        if len(self.pool.tested) < FEW_ROWS:
            scores = [self.list_scores(candidates[i]) for i in library]
            structures = [name_structure(candidates[i][0].estimator) for i in library]
            choose = partial(weigh_structures, np.array(scores), structures)
            return choose(None), self.cross_fit(firsts, values, choose)

        def choose(left_out, **rounds):
            rows = thin_out(self.pool.choose_others(left_out))
            score = self.make_score(firsts, rows)
            return choose_weights(score, values[:, :, rows], **rounds)

        # weights that are worth less than the choice of one network are left out
        alone = partial(choose, rounds=1)
        promised = [self.cross_fit(firsts, values, rule) for rule in (choose, alone)]
        if promised[0] >= promised[1]:
            return choose(None), promised[0]
        return np.eye(len(library))[0], promised[1]

    def list_scores(self, folds):
        """Return a candidate's scores of the metric, fold by fold."""
        return [get_score(fold.test_scores, self.metric) for fold in folds]

    def time_score(self, folds):
        """Return the seconds that weighing takes for the score of one mean.

        Parameters
        ----------
        folds : list of Scored
            Of any candidate; None of its predictions, and the seconds are zero.
        """
        if any(fold.predictions is None for fold in folds):
            return 0.0
        own = self.pool.join([fold.predictions for fold in folds])
        rows = thin_out(np.ones(len(self.pool.tested), bool))
        score = self.make_score(folds[:1], rows)
        values = np.stack([own.values, own.at_cost])[:, rows]
        seconds = []
        for _ in range(2):  # the first time more is loaded
            begin = time.perf_counter()
            score(values)
            seconds.append(time.perf_counter() - begin)
        return min(seconds)

    def count_scores(self, count):
        """Return how many means are scored at most, of a library of so many models."""
        if len(self.pool.tested) < FEW_ROWS:
            return len(self.pool.splits)
        return (len(self.pool.splits) + 1) * MOST_ROUNDS * count

    def cross_fit(self, firsts, values, choose):
        """Return the mean over folds of the score of weights chosen without each.

        Parameters
        ----------
        firsts : list of Scored
        values : ndarray of shape (models, 2, tested rows, ...)
        choose : callable
            Returns weights, chosen without the fold of a number.
        """
        scores = []
        for fold in range(len(self.pool.splits)):
            tests = self.pool.tests(fold)
            mean = np.tensordot(choose(fold), values[:, :, tests], axes=1)
            scores.append(self.make_score(firsts, tests)(mean))
        return float(np.mean(scores))

    def make_score(self, firsts, rows):
        """Return the score of mean predictions for some rows, as a function of these.

        Parameters
        ----------
        firsts : list of Scored
        rows : ndarray of bool
            Which of the tested rows.
        """
        scorer, folds = self.scoring.scorer, self.scoring.folds
        if self.metric is not None:
            scorer = get_scorers_by_name(scorer)[self.metric]
        numbers = self.pool.tested[rows]
        X, y = (safe_indexing(part, numbers) for part in (folds.X, self.y))
        params = check_method_params(
            folds.X, params=self.scoring.params, indices=numbers
        )
        stand_ins = [fold.estimator for fold in firsts]

        def score(values):
            known = KnownRegressor(stand_ins, values[0])
            if is_classifier(self.estimator):
                known = KnownClassifier(stand_ins, self.classes, *values)
            return scorer(known, X, y, **params)

        return score


def thin_out(rows):
    """Return a mask of at most ``MOST_ROWS`` of some rows, evenly spread over them."""
    numbers = np.flatnonzero(rows)
    places = np.linspace(0, len(numbers) - 1, min(len(numbers), MOST_ROWS))
    thinned = np.zeros_like(rows)
    thinned[numbers[places.astype(int)]] = True
    return thinned


def name_rule(folds):
    """Return how a candidate decides on ordered classes; None for all others.

    Losses that decide differently have no common decision.
    """
    net = find_net(folds[0].estimator)
    rule = find_ordered_rule(net.loss_) if net._family == "classification" else None
    return rule and rule.decision


def name_structure(estimator):
    """Return what the network of a candidate is, and what stands before it."""
    steps = get_earlier_steps(estimator) and digest_earlier_steps(estimator)
    return name_network(estimator), str(steps)


def name_network(estimator):
    """Return what the network of a candidate is."""
    return find_net(estimator)._fitted.outputs.network.structure()


def name_kind(steps, candidate, folds):
    """Return what a candidate takes turns with others as: its structure.

    Those that cannot be averaged are of another kind than those that can.

    Parameters
    ----------
    steps : dict of int to str
        Digests of the earlier steps of candidates, where there are any.
    candidate : int
    folds : list of Scored
    """
    if any(fold.estimator is None for fold in folds):
        return None
    pooled = all(fold.predictions is not None for fold in folds)
    return name_network(folds[0].estimator), steps.get(candidate), pooled


def average_seeds(best, fit, seconds, end):
    """Return the average of the winner and of networks of other seeds.

    Parameters
    ----------
    best : estimator
        Fitted on all rows.
    fit : callable
        Returns a clone of the winner, given, fitted on all rows.
    seconds : float
        What the winner took; others that would not end in time are left out.
    end : float
        When the time is over, of ``time.perf_counter()``.
    """
    seed = find_net(best).random_state
    seeds = check_random_state(seed).randint(np.iinfo(np.int32).max, size=SEEDS - 1)
    members = [best]
    for other in seeds.tolist():
        begin = time.perf_counter()
        if begin + seconds > end:
            break
        again = clone(best)
        find_net(again).set_params(random_state=other)
        members.append(fit(again))
        seconds = time.perf_counter() - begin
    return find_ensemble(best)(members)
