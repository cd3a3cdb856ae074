"""What to train, on which data, and what training leaves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from skloss._engine._optimizers import Optimizer
from skloss._engine._rows import table_arrays
from skloss._engine._state import Slots, Weights
from skloss._tensorflow import tf
from skloss.losses import Loss, Task
from skloss.schedules import Schedule

# What a step may do besides, by the number with which it does not happen.
REGULARIZERS = {
    "clip_value": np.inf,
    "max_norm": np.inf,
    "input_noise": 0.0,
    "mixup": 0.0,
    "weight_averaging": 0.0,
    "body_pace": 1.0,
    "copy_period": 0.0,
}


class Outcome(Enum):
    """How the training of one network ended."""

    FINISHED = "trained for all epochs"
    STOPPED_EARLY = "stopped early: the monitored score no longer improved"
    DIVERGED = "diverged: a value that is not finite; lower the rate or clip gradients"

    def __reduce__(self):
        """Travel by value, as formats want it that know no enumerations."""
        return type(self), (self.value,)


@dataclass(frozen=True, eq=False)
class Stream:
    """The rows that a network trains on, shared by the candidates of a fold.

    Attributes
    ----------
    rows, weight : ndarray of shape (n,)
        Row numbers in the table; weights of mean 1.
    val_rows, val_weight : ndarray of shape (m,)
        The same for validation; empty without.
    others, others_weight : ndarray of shape (o,)
        The same for rows without a label, that train besides; empty without.
    """

    rows: np.ndarray
    weight: np.ndarray
    val_rows: np.ndarray
    val_weight: np.ndarray
    others: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    others_weight: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def repeats(self) -> int:
        """How often each row with a label comes in an epoch, others coming once.

        As often as makes both about as many: a batch should hold enough of either.
        """
        return max(1, round(len(self.others) / len(self.rows)))

    @property
    def n_drawn(self) -> int:
        """The number of rows of an epoch, repeated ones each time."""
        return self.repeats * len(self.rows) + len(self.others)

    def list_drawn(self) -> tuple[np.ndarray, np.ndarray]:
        """Return number and weight of each row of an epoch.

        In the mean over all of them, rows with a label have the mean of their own, and
        others too, where there are as many: fewer count by their number.
        """
        if not len(self.others):
            return self.rows, self.weight
        rows = np.concatenate([np.tile(self.rows, self.repeats), self.others])
        weight = np.tile(self.weight, self.repeats) / self.repeats / len(self.rows)
        others = self.others_weight / max(len(self.rows), len(self.others))
        return rows, len(rows) * np.concatenate([weight, others])


@dataclass(frozen=True, eq=False)
class Data:
    """The table, held once, and the streams drawn from it.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n, features)
    Y : ndarray of shape (n, task.size)
        Encoded targets: 0/1, one-hot, or numbers.
    streams : list of Stream
    facts : ndarray of shape (n, facts), optional
        What else a loss knows of a row: columns behind the target's, never scaled.
    tensors : dict
        What ``as_tensors`` has made, by dtypes.
    """

    X: Any
    Y: np.ndarray
    streams: list[Stream]
    facts: np.ndarray | None = None
    # of this X and Y alone: ``replace`` begins with none
    tensors: dict = field(default_factory=dict, init=False, repr=False)

    def as_tensors(self, dtype: str, dtype_of_targets: str) -> tuple:
        """Return table and targets as tensors, made once for all pools."""
        key = dtype, dtype_of_targets
        if key not in self.tensors:
            Y = self.Y if self.facts is None else np.hstack([self.Y, self.facts])
            Y = np.asarray(Y, dtype=dtype_of_targets)
            arrays = table_arrays(self.X, dtype), Y
            tensors = tf.nest.map_structure(tf.convert_to_tensor, arrays)
            self.tensors.setdefault(key, tensors)  # threads may make them together
        return self.tensors[key]

    @property
    def n_facts(self) -> int:
        """The number of columns behind the target's."""
        return 0 if self.facts is None else self.facts.shape[1]

    def __getstate__(self):
        # tensors do not travel between processes, and a pickle would hold them twice
        return {**self.__dict__, "tensors": {}}


@dataclass(frozen=True, eq=False)
class TrainingState:
    """What a training goes on from.

    Attributes
    ----------
    weights, stored : ndarray
        The latest trainable weights of one network, flat, and the stored ones.
    epoch : int
        How many epochs came before.
    slots : Slots, optional
        What the optimiser remembers, moments flat; None: it begins afresh.
    average : ndarray, optional
        The averaged weights; None: the average begins at the weights.
    """

    weights: np.ndarray
    stored: np.ndarray
    epoch: int = 0
    slots: Slots | None = None
    average: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Member:
    """One network's own hyperparameters: every number here is a run-time tensor.

    Attributes
    ----------
    loss : Loss
    schedule : Schedule
    optimizer : Optimizer
    learning_rate, l1, l2, weight_decay, dropout, clip_norm : float
    clip_value, max_norm, input_noise, mixup, weight_averaging : float
    body_pace, copy_period : float
        See ``_regularize.py``; without effect at their defaults.
    patience : float
        Epochs without improvement; infinite without early stopping.
    stream : int
    loc, scale : ndarray of shape (targets,)
        The target is seen as (y - loc) / scale, taken in double precision.
    class_weight : ndarray of shape (classes,)
        What the link must undo in the monitored score.
    head_bias : ndarray of shape (n_raw,), or None
        Where the output bias starts; None: where ``start`` has it.
    head_scale : float or ndarray of shape (n_raw,)
        Factor on the initial weights of the output layer, besides the loss's own.
    body : Weights, optional
        First weights of all but the head, and stored ones; None: fresh ones.
    start : TrainingState, optional
        ``Result.state`` of an earlier training, to go on from.
    scorer : callable, optional
        ``scorer(raw)`` scores the raw outputs of the validation rows, greater is
        better, in place of the loss's own monitor; ``scorer.name`` is its name.
    varying : dict of str to ndarray of shape (epochs, ...)
        Values, epoch by epoch, of numbers that change: of those above, and of the
        loss's knobs ("loss__gamma"). Steps see these; validation, and what is left
        after training, see the numbers above, which are those of the horizon's end.
    callback : object, optional
        Its ``epoch_begin`` and ``epoch_end`` are called with a ``Network``. If one
        raises, the training of that network ends, and that of the others does not.
    """

    loss: Loss
    schedule: Schedule
    optimizer: Optimizer
    learning_rate: float
    head_bias: Any
    l1: float = 0.0
    l2: float = 0.0
    weight_decay: float = 0.0
    dropout: float = 0.0
    clip_norm: float = np.inf
    clip_value: float = REGULARIZERS["clip_value"]
    max_norm: float = REGULARIZERS["max_norm"]
    input_noise: float = REGULARIZERS["input_noise"]
    mixup: float = REGULARIZERS["mixup"]
    weight_averaging: float = REGULARIZERS["weight_averaging"]
    body_pace: float = REGULARIZERS["body_pace"]
    copy_period: float = REGULARIZERS["copy_period"]
    head_scale: Any = 1.0
    patience: float = np.inf
    stream: int = 0
    loc: np.ndarray = field(default_factory=lambda: np.zeros(1))
    scale: np.ndarray = field(default_factory=lambda: np.ones(1))
    class_weight: np.ndarray = field(default_factory=lambda: np.ones(1))
    body: Weights | None = None
    start: TrainingState | None = None
    scorer: Callable | None = None
    varying: dict = field(default_factory=dict)
    callback: Any = None

    def all_values(self, name: str) -> Any:
        """Return the values that a number has in the epochs of training, or its one."""
        return self.varying.get(name, getattr(self, name))

    def scaled_target(self, Y: np.ndarray) -> np.ndarray:
        """Return encoded targets as the network sees them, in double precision.

        Single precision would round away what is small beside the location.
        """
        return (np.asarray(Y, dtype=np.float64) - self.loc) / self.scale

    @property
    def first_epoch(self) -> int:
        """How many epochs came before this training."""
        return self.start.epoch if self.start else 0

    @property
    def monitor_name(self) -> str:
        """The name of the score that is monitored on the validation rows."""
        return self.scorer.name if self.scorer else self.loss.monitor_name()


@dataclass(frozen=True, eq=False)
class Plan:
    """What a population has in common.

    Attributes
    ----------
    members : list of Member
    network : MLP or Body
    task : Task
    batch_size, epochs : int
    horizon : int
        Epochs that the schedules reckon with.
    dtype : {"float32", "float64"}
    seed : int
        Of initial weights, batches and dropout noise, common to all members.
    record : bool, default=False
        Whether to record each layer's norms.
    """

    members: list[Member]
    network: Any
    task: Task
    batch_size: int
    epochs: int
    dtype: str
    seed: int
    horizon: int | None = None
    record: bool = False


@dataclass(frozen=True, eq=False)
class Result:
    """What training left of one network.

    Attributes
    ----------
    weights, stored : ndarray
        The kept trainable weights, flat, and the stored ones (moving statistics).
    history : dict of str to list
    n_epochs, best_epoch : int
        Epochs trained; the epoch (from 1) whose weights were kept.
    outcome : Outcome
    trained_by : str
        Which way, and why.
    curve : list of float
        The monitored score of each epoch, lower is better; empty without validation.
    layers : dict of str to ndarray of shape (epochs, layers)
        By the names of ``RECORDED``; empty where nothing was recorded.
    state : TrainingState, optional
        Everything needed to go on training.
    error : Exception, optional
        What the callback raised, or what training the network raised.
    seconds : float
        The network's share, by epochs, of the time that it trained with others.
    """

    weights: np.ndarray
    stored: np.ndarray
    history: dict
    n_epochs: int
    best_epoch: int
    outcome: Outcome
    trained_by: str
    curve: list = field(default_factory=list)
    layers: dict = field(default_factory=dict)
    state: TrainingState | None = None
    error: Exception | None = None
    seconds: float = 0.0


def count_steps(plan: Plan, stream: Stream) -> int:
    """Return the number of steps of an epoch."""
    return -(-stream.n_drawn // plan.batch_size)
