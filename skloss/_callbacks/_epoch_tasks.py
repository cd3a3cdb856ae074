"""scikit-learn's callbacks (from 1.9) on a fit: a task for each epoch."""

import copy

from skloss._engine import Outcome, Result
from skloss._sklearn import has_callbacks, open_callback_context, supports_callbacks

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # an older scikit-learn

    class CallbackSupportMixin:
        """Adds nothing: there are no callbacks."""

    def with_callbacks(method):
        """Return the method: there are no callbacks."""
        return method


class EpochTasks:
    """Tells the callbacks of an estimator of its fit and of each epoch.

    Parameters
    ----------
    net : LossAwareClassifier or LossAwareRegressor
    job : Job
        Its member tells of the epochs, if there is anybody to be told.
    X, y, sample_weight : array-like
        As given to ``fit``.
    """

    def __init__(self, net, job, X, y, sample_weight):
        self.net, self.job, self.root = net, job, None
        if not supports_callbacks(net):
            return
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.data = {"estimator": net, "X": X, "y": y, "metadata": metadata}
        self.root = open_callback_context(net, max_subtasks=job.plan.epochs)
        self.root.call_on_fit_task_begin(**self.data)
        if has_callbacks(net):
            self.history = {}
            self.keras = job.plan.members[0].callback
            job.plan.members[0].callback = self

    def epoch_begin(self, network):
        """Tell that an epoch begins; Keras' callbacks first, they may change it."""
        if self.keras is not None:
            self.keras.epoch_begin(network)
        self.task = self.root.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(**self.data)

    def epoch_end(self, network):
        """Tell that an epoch ends; stop if a callback says so."""
        if self.keras is not None:
            self.keras.epoch_end(network)
        for name, value in network.history.items():
            self.history.setdefault(name, []).append(value)
        stop = self.task.call_on_fit_task_end(
            **self.data, reconstruction_attributes=lambda: self.fitted(network)
        )
        if stop:
            network.stop()

    def fitted(self, network):
        """Return the attributes of the estimator if training ended now."""
        result = Result(
            weights=network.weights.copy(),
            stored=network.stored.copy(),
            history={name: list(values) for name, values in self.history.items()},
            n_epochs=network.epoch,
            best_epoch=network.epoch,
            outcome=Outcome.FINISHED,
            trained_by="",  # known when training has ended
        )
        view = copy.copy(self.net)
        view._keep(result, network.member, self.job.plan.seed)
        return vars(view)

    def end(self):
        """Tell that the fit has ended."""
        if self.root is not None:
            self.root.call_on_fit_task_end(**self.data, reconstruction_attributes={})
