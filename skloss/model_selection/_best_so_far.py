"""Which candidates of a search are the best so far."""

from collections import Counter

import numpy as np

from skloss.model_selection._scored import mean_score


class BestSoFar:
    """Compares candidates as they are finished, so that only the best are kept.

    Where several are kept for an ensemble, structures take turns: the best of each
    comes before the second best of any. Hundreds of trials end with dozens of the best
    structure that hardly differ, and to average these brings nothing.

    Parameters
    ----------
    metric : str or None
        Which of several scores decides.
    count : int, default=1
        How many are kept.
    name_structure : callable, optional
        ``name_structure(candidate, folds)``. By default all are alike.
    """

    def __init__(self, metric, count=1, name_structure=lambda *_: None):
        self.metric, self.count = metric, count
        self.name_structure, self.kept = name_structure, []

    def find_loser(self, candidate, folds):
        """Compare a candidate with those before; return the number of one to drop.

        None as long as there are no more than are kept. The best is scikit-learn's, in
        whichever order candidates are finished: of equal ones the lower number, of
        those without a score too.
        """
        score = mean_score(folds, self.metric)
        score = -np.inf if np.isnan(score) else score
        self.kept.append((-score, candidate, self.name_structure(candidate, folds)))
        if len(self.kept) <= self.count:
            return None
        self.kept.sort(key=lambda own: own[:2])
        seen, turns = Counter(), []
        for loss, _, structure in self.kept:
            turns.append(seen[structure] if loss < np.inf else np.inf)
            seen[structure] += 1
        last = len(turns) - 1 - turns[::-1].index(max(turns))
        return self.kept.pop(last)[1]
