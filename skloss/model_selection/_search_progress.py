"""A bar that tells how far a search has come."""

import threading

import numpy as np

from skloss._callbacks._fit_progress import make_bar
from skloss.model_selection._candidates import Refused, find_net


class SearchProgress:
    """A tqdm bar over the epochs of all networks; silent at 0.

    It shows the candidates that are done, the best score so far, and the time left.

    Parameters
    ----------
    verbose : int
    n_splits : int
    begin : float
        ``time.perf_counter()`` when the search began.
    """

    def __init__(self, verbose, n_splits, begin):
        self.verbose, self.n_splits, self.begin = verbose, n_splits, begin
        self.bar, self.best = None, -np.inf
        self.left, self.announced = {}, 0  # epochs of candidates that are not done
        self.lock = threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.bar is not None:
            self.bar.close()

    def start(self, estimators, first=0):
        """Begin, or announce more candidates, numbered from ``first`` on."""
        if not self.verbose:
            return
        if self.bar is None:
            self.bar = make_bar(total=0, unit="epoch", unit_scale=True)
        networks = [
            0 if isinstance(own, Refused) else find_net(own).epochs * self.n_splits
            for own in estimators
        ]
        self.left |= dict(enumerate(networks, first))
        self.announced += len(networks)
        self.bar.total += sum(networks)
        self.show_counts()

    def show_counts(self):
        """Show how many candidates are done."""
        done = self.announced - len(self.left)
        text = f"{done}/{self.announced} candidates x {self.n_splits} folds"
        self.bar.set_description_str(text, refresh=False)
        self.bar.refresh()

    def make_reporter(self, candidates):
        """Return what training reports to, from networks' numbers to candidates."""
        return None if self.bar is None else Reporter(self.add_epochs, candidates)

    def add_epochs(self, candidate, epochs):
        """Tell that a network of a candidate trained for so many epochs more."""
        with self.lock:
            self.left[candidate] -= epochs
            self.bar.update(epochs)

    def complete(self, candidate, score):
        """Tell that a candidate is finished, whether or not it trained to the end."""
        if self.bar is None:
            return
        self.best = np.nanmax([self.best, score])
        with self.lock:
            self.bar.set_postfix(best=f"{self.best:.4g}", refresh=False)
            self.bar.update(self.left.pop(candidate))
            self.show_counts()


class Reporter:
    """Tells a bar of epochs, from threads; silent where it was sent elsewhere."""

    def __init__(self, add_epochs, candidates):
        self.add_epochs, self.candidates = add_epochs, candidates

    def __call__(self, number, epoch, history):
        """Tell of the epochs that a network just trained."""
        if self.add_epochs is not None:
            self.add_epochs(self.candidates[number], len(history.loss))

    def __getstate__(self):
        return {"add_epochs": None, "candidates": self.candidates}
