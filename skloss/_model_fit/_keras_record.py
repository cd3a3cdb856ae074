"""What ``Model.fit`` leaves, recorded as the compiled loop records it."""

import numpy as np

from skloss._engine import (
    Data,
    Outcome,
    Plan,
    Result,
    TrainingState,
    predict_raw,
)
from skloss._engine._predict import read_weights
from skloss._engine._step import Layout
from skloss._tensorflow import keras


def make_network_targets(plan: Plan, data: Data, rows: np.ndarray) -> np.ndarray:
    """Return the targets of some rows as the network sees them."""
    return plan.members[0].scaled_target(data.Y[rows]).astype(plan.dtype)


class KerasRecord(keras.callbacks.Callback):
    """Records what the compiled loop records, and keeps what it would keep.

    To scikit-learn's callbacks it is what ``Network`` is in the compiled loop.

    Parameters
    ----------
    plan : Plan
        Of one member.
    data : Data
    layout : Layout
        Of the weights of the model that is trained.
    penalised : bool
        Whether Keras' losses hold penalties, which are taken out again.
    why : str
        What the compiled loop cannot hold.
    """

    def __init__(
        self, plan: Plan, data: Data, layout: Layout, penalised: bool, why: str
    ):
        super().__init__()
        self.why = why
        self.plan, self.data, self.layout = plan, data, layout
        self.member, self.stream = plan.members[0], data.streams[0]
        self.rows, self.best, self.diverged = [], np.inf, False
        self.kept, self.best_epoch = read_weights(layout), 0
        self.penalised = penalised
        self.name = self.member.monitor_name

    def make_early_stopping(self, patience: float) -> keras.callbacks.EarlyStopping:
        """Return Keras' early stopping by our score."""
        return keras.callbacks.EarlyStopping(
            f"val_{self.name}",
            mode="max" if self.member.scorer else "min",
            patience=patience,
            restore_best_weights=True,
        )

    @property
    def weights(self):
        """The present weights, flat."""
        return read_weights(self.layout).weights

    @property
    def stored(self):
        """The present moving statistics, flat."""
        return read_weights(self.layout).stored

    def stop(self):
        """End the training."""
        self.model.stop_training = True

    def on_epoch_begin(self, epoch, logs=None):
        """Tell scikit-learn's callbacks."""
        if self.member.callback is not None:
            self.member.callback.epoch_begin(self)

    def on_train_batch_begin(self, batch, logs=None):
        """Note the rate of an epoch's first step, and the penalty at each step."""
        if batch == 0:
            self.rate, self.penalties = float(self.model.optimizer.learning_rate), []
        if self.penalised:
            self.penalties.append(self.penalty())

    def penalty(self):
        """Return the present penalty."""
        return sum(
            float(variable.regularizer(variable))
            for variable in self.layout.model.trainable_variables
            if variable.regularizer is not None
        )

    def on_epoch_end(self, epoch, logs=None):
        """Add rate and score for the callbacks that follow, and stop what diverged."""
        if self.penalised:
            # Keras averages the loss over batches by their rows, penalty included
            size, n_rows = self.plan.batch_size, len(self.stream.rows)
            sizes = np.diff([*range(0, n_rows, size), n_rows])
            logs["loss"] -= np.average(self.penalties, weights=sizes)
            if "val_loss" in logs:
                logs["val_loss"] -= self.penalty()
        logs["learning_rate"] = self.rate
        if len(self.stream.val_rows):
            logs[f"val_{self.name}"] = self.score()
        self.rows.append(dict(logs))
        self.n_epochs = epoch + 1
        weights = read_weights(self.layout)
        # Keras' mean of an epoch may be finite where its last step was not
        finite = np.isfinite(logs["loss"]) and np.isfinite(weights.weights).all()
        if finite and logs["loss"] < self.best:
            self.best, self.kept, self.best_epoch = logs["loss"], weights, epoch + 1
        if not finite:
            self.diverged = self.model.stop_training = True
        if self.member.callback is not None:
            self.epoch, self.history = self.n_epochs, self.rows[-1]
            self.member.callback.epoch_end(self)

    def score(self):
        """Return the monitored score of the validation rows."""
        X = self.data.X[self.stream.val_rows]
        Y = make_network_targets(self.plan, self.data, self.stream.val_rows)
        raw = predict_raw(
            self.plan.network,
            X,
            *read_weights(self.layout),
            self.member.loss.n_raw(self.plan.task),
            is_sparse=not isinstance(X, np.ndarray),
        )
        if self.member.scorer:
            return float(self.member.scorer(raw.astype(np.float64)))
        undo = np.asarray(self.member.class_weight, self.plan.dtype)
        rows = self.member.loss.monitor(self.plan.task, Y, raw, undo)
        return float(np.average(np.asarray(rows), weights=self.stream.val_weight))

    def make_result(self, stopped: bool) -> Result:
        """Return what training left."""
        weights, stored = self.kept if self.diverged else read_weights(self.layout)
        history = {name: [row[name] for row in self.rows] for name in self.rows[0]}
        score = np.array(history.get(f"val_{self.name}", []))
        curve = (-score if self.member.scorer else score).tolist()
        best = self.n_epochs
        if np.isfinite(self.member.patience):
            best = int(np.argmin(curve)) + 1
        outcome = Outcome.STOPPED_EARLY if stopped else Outcome.FINISHED
        return Result(
            weights=weights,
            stored=stored,
            history=history,
            curve=curve,
            n_epochs=self.n_epochs,
            best_epoch=self.best_epoch if self.diverged else best,
            outcome=Outcome.DIVERGED if self.diverged else outcome,
            trained_by=f"keras.Model.fit: {self.why}",
            state=TrainingState(weights, stored, self.n_epochs),
        )
