"""scikit-learn's callbacks (from 1.9) on a fit: a task for each epoch."""

from collections.abc import Callable

from skloss._engine import Outcome, Result
from skloss._sklearn import has_callbacks, open_callback_context, supports_callbacks

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # an older scikit-learn

    class CallbackSupportMixin:
        """Adds nothing, for there are no callbacks."""

    def with_callbacks(method):
        """Return the method as it is, for there are no callbacks."""
        return method


class EpochTasks:
    """Tells the callbacks of an estimator of its fit and of each epoch.

    Parameters
    ----------
    net : LossAwareClassifier or LossAwareRegressor
    X, y, sample_weight : array-like
        As given to ``fit``.
    """

    def __init__(self, net, X, y, sample_weight):
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.net, self.root, self.history = net, None, {}
        self.data = {"estimator": net, "X": X, "y": y, "metadata": metadata}
        self.fitted_after = None

    @property
    def wants_epochs(self) -> bool:
        """Tell whether anybody wants to be told of epochs."""
        return has_callbacks(self.net)

    def begin(self, epochs: int, fitted_after: Callable) -> None:
        """Tell that the fit begins.

        Parameters
        ----------
        epochs : int
        fitted_after : callable
            From a Result to what would remain of a fit that ended with it.
        """
        self.fitted_after = fitted_after
        if supports_callbacks(self.net):
            self.root = open_callback_context(self.net, max_subtasks=epochs)
            self.root.call_on_fit_task_begin(**self.data)

    def epoch_begin(self, network):
        """Tell that an epoch begins."""
        self.task = self.root.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(**self.data)

    def epoch_end(self, network):
        """Tell that an epoch ends, and stop the training if a callback says so."""
        for name, value in network.history.items():
            self.history.setdefault(name, []).append(value)
        stop = self.task.call_on_fit_task_end(
            # a function: most callbacks do not ask, and it copies all weights
            **self.data,
            reconstruction_attributes=lambda: self.make_attributes(network),
        )
        if stop:
            network.stop()

    def make_attributes(self, network) -> dict:
        """Return what a copy of the estimator must hold to predict as of now."""
        result = Result(
            weights=network.weights.copy(),
            stored=network.stored.copy(),
            history={name: list(values) for name, values in self.history.items()},
            n_epochs=network.epoch,
            best_epoch=network.epoch,
            outcome=Outcome.FINISHED,
            trained_by="",  # known when training has ended
        )
        return {"_fitted": self.fitted_after(result)}

    def end(self):
        """Tell that the fit has ended."""
        if self.root is not None:
            self.root.call_on_fit_task_end(**self.data, reconstruction_attributes={})


class InTurn:
    """Tells several callbacks of the epochs of a network, one after the other.

    Parameters
    ----------
    callbacks : list of object
        Each with ``epoch_begin`` and ``epoch_end``. Those that may change the network
        come first.
    """

    def __init__(self, callbacks):
        self.callbacks = callbacks

    def epoch_begin(self, network):
        """Tell that an epoch begins."""
        for callback in self.callbacks:
            callback.epoch_begin(network)

    def epoch_end(self, network):
        """Tell that an epoch ends."""
        for callback in self.callbacks:
            callback.epoch_end(network)
