"""Keras' callbacks at the epochs of the compiled loop."""

from __future__ import annotations

from collections.abc import Callable
from string import Formatter

from skloss import schedules
from skloss._callbacks._callback_copies import release_models
from skloss._callbacks._callback_names import name_callbacks
from skloss._engine import TrainingState
from skloss._keras import get_initial_epoch, get_monitor, traces_batches
from skloss.networks import python_random_untouched

IN_EPOCHS = (
    "on_train_batch_begin on_train_batch_end on_batch_begin on_batch_end"
    " on_test_batch_begin on_test_batch_end"
).split()


def find_plateaus(estimator) -> list[tuple[str, schedules.ReduceLROnPlateau]]:
    """Return what lowers an estimator's learning rate where a score stands still.

    Returns
    -------
    list of (str, ReduceLROnPlateau)
        The name of the parameter, and a schedule of the same ``patience`` and
        ``min_lr``: our own, and Keras' callbacks.
    """
    import keras

    schedule = schedules.get(estimator.lr_schedule)
    return [("lr_schedule", schedule)] * schedule.monitors + [
        (
            f"callbacks__{name}",
            schedules.ReduceLROnPlateau(patience=one.patience, min_lr=one.min_lr),
        )
        for name, one in name_callbacks(estimator.callbacks)
        if isinstance(one, keras.callbacks.ReduceLROnPlateau)
    ]


def acts_in_epochs(callback) -> bool:
    """Tell whether a callback asks for what happens inside an epoch.

    Keras' own are asked what they are set to, where they define such hooks but mostly
    do nothing in them.
    """
    from keras import callbacks as keras_callbacks

    if isinstance(callback, keras_callbacks.TerminateOnNaN):
        return False  # told once an epoch: a step that is not finite shows in the mean
    if isinstance(
        callback, keras_callbacks.ModelCheckpoint | keras_callbacks.BackupAndRestore
    ):
        return callback.save_freq != "epoch"
    if isinstance(callback, keras_callbacks.TensorBoard):
        steps = callback.update_freq != "epoch" or callback.write_steps_per_second
        return bool(steps or traces_batches(callback))
    base = keras_callbacks.Callback
    return any(
        getattr(getattr(callback, hook), "__func__", None) is not getattr(base, hook)
        for hook in IN_EPOCHS
    )


def settle_monitors(
    callbacks: list, recorded: list[str], direction: str, *, strict: bool
) -> None:
    """Refuse what is not recorded; say in which direction our own score improves.

    Parameters
    ----------
    callbacks : list of keras.callbacks.Callback
        This training's own.
    recorded : list of str
        Names of the history.
    direction : {"min", "max"}
        Of the monitored score; losses are known to Keras.
    strict : bool
        Whether nothing else can be recorded.
    """
    for callback in callbacks:
        name = get_monitor(callback)
        used = name is not None and getattr(callback, "save_best_only", True)
        if strict and used and name not in recorded:
            raise ValueError(
                f"callbacks: {type(callback).__name__} watches {name!r}, which is not "
                f"recorded. Recorded are {', '.join(map(repr, recorded))}; validation "
                f"scores need X_val and y_val, or early_stopping=True, and another one "
                f"validation_scoring: 'accuracy' records 'val_accuracy'."
            )
        unknown = find_path_fields(callback) - {"epoch", "batch", *recorded}
        if strict and unknown:
            raise ValueError(
                f"callbacks: {type(callback).__name__} writes {sorted(unknown)} into "
                f"the name {callback.filepath!r}, which is not recorded. Recorded are "
                f"{', '.join(map(repr, recorded))}."
            )
        ours = name in recorded[-1:] and name.startswith("val_")
        if getattr(callback, "mode", None) == "auto" and (ours or not used):
            callback.mode = direction


def find_path_fields(callback) -> set[str]:
    """Return the names in a checkpoint's path, such as that in ``{val_loss:.2f}``."""
    from keras.callbacks import ModelCheckpoint

    if not isinstance(callback, ModelCheckpoint):
        return set()
    fields = {name for _, name, _, _ in Formatter().parse(callback.filepath)}
    return fields - {None}


class EpochCallbacks:
    """Keras' callbacks of one training, told of its epochs.

    They see a compiled model that has the network's weights, optimiser's state and
    learning rate; what they do to weights and rate is done to the network.

    Parameters
    ----------
    callbacks : list of keras.callbacks.Callback
        This training's own.
    make_mirror : callable
        Returns a ``Mirror``; called where training begins.
    params : dict
        What ``set_params`` of the callbacks is told.
    """

    def __init__(self, callbacks: list, make_mirror: Callable, params: dict):
        self.callbacks, self.make_mirror, self.params = callbacks, make_mirror, params
        self.mirror, self.restorers, self.begun = None, [], False

    @python_random_untouched()
    def open(self, callbacks):
        """Make the model that callbacks see, and give it to them."""
        self.mirror = self.make_mirror()
        for callback in callbacks:
            callback.set_params(self.params)
            callback.set_model(self.mirror.model)

    def close(self):
        """Release the model, since a search has thousands of networks."""
        self.mirror = None
        release_models(self.callbacks)

    @property
    def fitted(self):
        """The callbacks as training left them.

        There are none if another process has trained.
        """
        return self.callbacks if self.begun else []

    def read_backup(self) -> TrainingState | None:
        """Return the state that a ``BackupAndRestore`` found, or None.

        It moves the first epoch, so it is asked while the training is planned.
        """
        import keras

        self.restorers = [
            callback
            for callback in self.callbacks
            if isinstance(callback, keras.callbacks.BackupAndRestore)
        ]
        if not self.restorers:
            return None
        self.open(self.restorers)
        for callback in self.restorers:
            callback.on_train_begin({})
        state = self.mirror.state() if get_initial_epoch(self.mirror.model) else None
        self.close()
        return state

    def begin(self, network):
        """Tell the callbacks that the training begins."""
        self.open(self.callbacks)
        self.begun = True
        self.mirror.show(network)
        for callback in self.callbacks:
            # these were told while the training was planned, and have read their file
            if not any(callback is one for one in self.restorers):
                callback.on_train_begin({})
        self.mirror.take_back(network)

    def call(self, hook, *arguments):
        """Call the same hook of each callback."""
        for callback in self.callbacks:
            getattr(callback, hook)(*arguments)

    def epoch_begin(self, network):
        """Tell the callbacks that an epoch of the network begins."""
        if self.mirror is None:
            self.begin(network)
        self.mirror.show(network)
        self.call("on_epoch_begin", network.epoch, {})
        self.mirror.take_back(network)

    def epoch_end(self, network):
        """Tell the callbacks that an epoch has ended, and perhaps the training."""
        import keras

        logs = dict(network.history)
        self.mirror.show(network)
        # in the order in which ``Model.fit`` calls: validation, then the epoch's end
        if "val_loss" in logs:
            scores = {k[4:]: v for k, v in logs.items() if k.startswith("val_")}
            self.call("on_test_begin", {})
            self.call("on_test_end", scores)
        for callback in self.callbacks:
            if isinstance(callback, keras.callbacks.TerminateOnNaN):
                callback.on_batch_end(self.params["steps"] - 1, logs)
        self.call("on_epoch_end", network.epoch - 1, logs)
        self.mirror.take_back(network)
        if self.mirror.model.stop_training:
            network.stop()
        if network.ended:
            # callbacks may exchange the weights once more, as EarlyStopping does
            self.mirror.show_weights(*network.final_weights)
            self.call("on_train_end", logs)
            network.final_weights = self.mirror.weights()
            self.close()
