"""What to train: members, their data, and which of them can share a graph."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from scipy import sparse

from skloss import networks
from skloss._engine._annealing import annealed
from skloss._engine._optimizers import Optimizer
from skloss._engine._rows import table_tensors
from skloss._tensorflow import tf
from skloss.losses import Loss, Task
from skloss.schedules import Schedule

# What a step may do besides, by its number in a network without it.
CURES = {
    "clip_value": np.inf,
    "max_norm": np.inf,
    "input_noise": 0.0,
    "mixup": 0.0,
    "weight_averaging": 0.0,
}


class Outcome(Enum):
    """How the training of one network ended."""

    FINISHED = "trained for all epochs"
    STOPPED_EARLY = "stopped early: the monitored score no longer improved"
    DIVERGED = "diverged: a value that is not finite; lower the rate or clip gradients"

    def __reduce__(self):
        """Travel by value, as formats want it that know no enumerations."""
        return type(self), (self.value,)


@dataclass
class Stream:
    """The rows that a network trains on, shared by the candidates of a fold.

    Attributes
    ----------
    rows, weight : ndarray of shape (n,)
        Row numbers in the table; weights of mean 1.
    val_rows, val_weight : ndarray of shape (m,)
        The same for validation; empty without.
    """

    rows: np.ndarray
    weight: np.ndarray
    val_rows: np.ndarray
    val_weight: np.ndarray


@dataclass
class Data:
    """The table, held once, and the streams drawn from it.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n, features)
    Y : ndarray of shape (n, task.size)
        Encoded targets: 0/1, one-hot, or numbers.
    streams : list of Stream
    """

    X: Any
    Y: np.ndarray
    streams: list
    tensors: dict = field(default_factory=dict, repr=False, compare=False)

    def table(self, dtype, dtype_of_targets):
        """Return table and targets as tensors, made once for all chunks of networks."""
        key = dtype, dtype_of_targets
        if key not in self.tensors:
            Y = np.asarray(self.Y, dtype=dtype_of_targets)
            arrays = table_tensors(self.X, dtype), Y
            tensors = tf.nest.map_structure(tf.convert_to_tensor, arrays)
            self.tensors.setdefault(key, tensors)
        return self.tensors[key]

    def __getstate__(self):
        return {**self.__dict__, "tensors": {}}


@dataclass
class Member:
    """One network's own hyperparameters: every number here is a run-time tensor.

    Attributes
    ----------
    loss : Loss
    schedule : Schedule
    optimizer : Optimizer
    learning_rate, l1, l2, weight_decay, dropout, clip_norm : float
    clip_value, max_norm, input_noise, mixup, weight_averaging : float
        See ``_cures.py``; without effect at their defaults.
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
    start : tuple, optional
        ``Result.state`` of an earlier training, to go on from.
    judge : callable, optional
        ``judge(raw)`` scores the raw outputs of the validation rows, greater is better,
        in place of the loss's own monitor; ``judge.name`` is its name.
    annealed : dict of str to ndarray of shape (epochs, ...)
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
    clip_value: float = CURES["clip_value"]
    max_norm: float = CURES["max_norm"]
    input_noise: float = CURES["input_noise"]
    mixup: float = CURES["mixup"]
    weight_averaging: float = CURES["weight_averaging"]
    head_scale: Any = 1.0
    patience: float = np.inf
    stream: int = 0
    loc: np.ndarray = field(default_factory=lambda: np.zeros(1))
    scale: np.ndarray = field(default_factory=lambda: np.ones(1))
    class_weight: np.ndarray = field(default_factory=lambda: np.ones(1))
    start: Any = None
    judge: Any = None
    annealed: dict = field(default_factory=dict)
    callback: Any = None

    def values(self, name):
        """Return all values that a number has during training."""
        return self.annealed.get(name, getattr(self, name))


@dataclass
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
    report : callable, optional
        Called as ``report(epoch, history)`` with (4 or more, members) arrays.
    """

    members: list
    network: Any
    task: Task
    batch_size: int
    epochs: int
    dtype: str
    seed: int
    horizon: int | None = None
    record: bool = False
    report: Any = None


@dataclass
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
    state : dict, optional
        Everything needed to go on training.
    error : Exception, optional
        What the callback raised.
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
    state: dict | None = None
    error: Exception | None = None


@dataclass(frozen=True)
class Structure:
    """What must be equal for networks to share a compiled program: no numbers."""

    network: Any
    n_features: int
    n_raw: int
    n_global: int  # of the raw outputs, the last: the same for every row
    task: Task
    loss: tuple
    schedule: tuple
    optimizer: tuple
    drops: bool  # any network has dropout
    cures: tuple  # those of CURES that any network uses
    annealed: tuple  # names of the numbers that change by epoch in any network
    size: int  # networks
    batch_size: int
    dtype: str
    sparse: bool
    validation: bool
    compiled: bool  # by XLA
    judged_outside: bool  # Python scores each epoch
    recorded: bool  # each layer's norms


def kind_of(plan, data, member):
    """Return what must be equal for members to share a program.

    The number of steps of an epoch is part of it: a step on padding alone would still
    move an optimiser with momentum. So is whether the weights are averaged, since the
    averages are part of the state.
    """
    stream = data.streams[member.stream]
    return (
        member.loss.structure(),
        member.loss.n_raw(plan.task),
        member.loss.n_global(plan.task),
        member.schedule.structure(),
        member.optimizer.structure(),
        steps_of(plan, stream),
        len(stream.val_rows) > 0,
        member.weight_averaging > 0,
        member.start and (member.start["epoch"], len(member.start["slots"] or ())),
        member.judge is not None,
    )


def steps_of(plan, stream):
    """Return the number of steps of an epoch."""
    return -(-len(stream.rows) // plan.batch_size)


def partition(plan, data):
    """Split the members' numbers into lists of one kind each."""
    kinds = {}
    for i, member in enumerate(plan.members):
        kinds.setdefault(kind_of(plan, data, member), []).append(i)
    return list(kinds.values())


def structure_of(plan, data, members, compiled):
    """Return the structure of a program for ``members``, all of one kind."""
    first = members[0]
    return Structure(
        network=networks.structure(plan.network),
        n_features=data.X.shape[1],
        n_raw=first.loss.n_raw(plan.task),
        n_global=first.loss.n_global(plan.task),
        task=plan.task,
        loss=first.loss.structure(),
        schedule=first.schedule.structure(),
        optimizer=first.optimizer.structure(),
        drops=any(np.any(member.values("dropout") > 0) for member in members),
        cures=tuple(
            name
            for name, off in CURES.items()
            if any(np.any(member.values(name) != off) for member in members)
        ),
        annealed=annealed(members),
        size=len(members),
        batch_size=plan.batch_size,
        dtype=plan.dtype,
        sparse=sparse.issparse(data.X),
        validation=len(data.streams[first.stream].val_rows) > 0,
        compiled=compiled,
        judged_outside=first.judge is not None,
        recorded=plan.record,
    )
