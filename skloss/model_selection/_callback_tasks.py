"""scikit-learn's callbacks (from 1.9) on a search: a task for each network."""

from skloss._sklearn import open_callback_context, supports_callbacks


class CallbackTasks:
    """Tells the callbacks of a search what begins and ends.

    Parameters
    ----------
    search : estimator
    n_splits : int
    X, y : array-like
    sample_weight : array-like or None
    """

    def __init__(self, search, n_splits, X, y, sample_weight):
        self.search, self.n_splits = search, n_splits
        self.root = self.training = None
        if not supports_callbacks(search):
            return
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.data = {"X": X, "y": y, "metadata": metadata}
        self.root = open_callback_context(
            search, max_subtasks=1 + (search.refit is not False)
        )
        self.root.call_on_fit_task_begin(estimator=search, **self.data)

    def begin_training(self, n_candidates):
        """Tell that candidates will be trained; None where their number is open."""
        if self.root is not None:
            count = None if n_candidates is None else n_candidates * self.n_splits
            self.training = self.root.subcontext(
                task_name="search", max_subtasks=count, sequential_subtasks=False
            )
            self.training.call_on_fit_task_begin(estimator=self.search)

    def complete(self, candidate):
        """Tell that a candidate's networks are trained and scored."""
        for fold in range(self.n_splits if self.training is not None else 0):
            task = self.training.subcontext(
                task_name="candidate-split-evaluation",
                task_id=candidate * self.n_splits + fold,
            )
            task.call_on_fit_task_begin(estimator=self.search)
            task.call_on_fit_task_end(estimator=self.search)

    def end_training(self):
        """Tell that all candidates are done."""
        if self.training is not None:
            self.training.call_on_fit_task_end(estimator=self.search)

    def run_refit(self, fit):
        """Call ``fit`` as the task of the refit."""
        if self.root is None:
            return fit()
        task = self.root.subcontext(task_name="refit-with-best-params")
        task.call_on_fit_task_begin(estimator=self.search, **self.data)
        result = fit()
        task.call_on_fit_task_end(estimator=self.search, **self.data)
        return result

    def end(self):
        """Tell that the search has ended."""
        if self.root is not None:
            self.root.call_on_fit_task_end(estimator=self.search, **self.data)
