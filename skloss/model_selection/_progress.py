"""A bar that tells how far a search has come."""

import numpy as np

from skloss._progress import new_bar


class Progress:
    """A tqdm bar over candidates, with the best score so far; silent at 0.

    Parameters
    ----------
    verbose : int
    n_splits : int
    """

    def __init__(self, verbose, n_splits):
        self.verbose, self.n_splits = verbose, n_splits
        self.bar, self.best = None, -np.inf

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.bar is not None:
            self.bar.close()

    def start(self, n_candidates):
        """Begin, or announce more candidates."""
        if not self.verbose:
            return
        if self.bar is None:
            self.bar = new_bar(total=0, unit="candidate", desc=f"{self.n_splits} folds")
        self.bar.total += n_candidates
        self.bar.refresh()

    def update(self, score):
        """Tell that a candidate is finished."""
        self.best = np.nanmax([self.best, score])
        if self.bar is not None:
            self.bar.set_postfix(best=f"{self.best:.4g}", refresh=False)
            self.bar.update()
