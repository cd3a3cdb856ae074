"""A compiled program: one structure, its variables, lent to one fit at a time."""

import threading
from collections import OrderedDict
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from skloss import networks
from skloss._engine._loop import run_epochs
from skloss._engine._optimizers import Positive, slots, state_variables
from skloss._engine._rows import table_specs, table_tensors
from skloss._engine._step import Layout, stacked_dropout

MAX_IDLE = 64
SMALL_STEP = 2_000_000  # multiplications in the forward passes of one step
_traces = 0
_lock = threading.Lock()
_idle = OrderedDict()


class Group(NamedTuple):
    """Neighbouring networks of one loss and one schedule."""

    loss: Any
    schedule: Any
    count: int


def trace_count():
    """Return how many programs were traced in this process."""
    return _traces


class Program:
    """Variables and the traced function for one structure.

    Parameters
    ----------
    structure : Structure
    plan : Plan
        Supplies the objects behind the structure; no number of it is kept.
    members : list of Member
        In the structure's order.
    """

    def __init__(self, structure, plan, members):
        self.structure = structure
        self.size = structure.size
        self.batch_size = structure.batch_size
        self.dtype = tf.as_dtype(structure.dtype)
        self.groups, start = [], 0
        for _, _, count in structure.groups:
            member = members[start]
            self.groups.append(Group(member.loss, member.schedule, count))
            start += count
        self.model = networks.build(
            plan.network,
            structure.n_features,
            structure.n_raw,
            structure.dtype,
            stacked_dropout(structure.batch_size, structure.dtype),
        )
        self.layout = Layout(self.model)
        self.zeros = self.layout.of_globals(structure.n_global, "kernel")
        self.globals = self.layout.of_globals(structure.n_global, "bias")
        self.pace = [[member.loss.global_pace] for member in members]
        self.make_variables(plan.optimizer)
        # handing small operations from thread to thread costs more than they do
        small = self.size * len(self.kernels) * self.batch_size < SMALL_STEP
        self.executor = "SINGLE_THREADED_EXECUTOR" if small else None
        self.function = None

    def make_variables(self, optimizer):
        """Create weights, snapshot and optimiser state, one row per network."""
        kernels = [
            np.full(size, name == "kernel", self.structure.dtype)
            for name, size in zip(self.layout.names, self.layout.sizes, strict=True)
        ]
        self.kernels = tf.constant(np.concatenate(kernels))
        shape = (self.size, len(self.kernels))
        self.weights = keras.Variable(np.zeros(shape), dtype=self.structure.dtype)
        self.kept = tf.Variable(np.zeros(shape), dtype=self.dtype)
        stored = (self.size, sum(self.layout.stored_sizes))
        self.stored = tf.Variable(np.zeros(stored), dtype=self.dtype)
        self.kept_stored = tf.Variable(np.zeros(stored), dtype=self.dtype)
        self.optimizer = optimizer.make()
        self.optimizer.build([self.weights])
        self.fresh_slots = slots(self.optimizer)

    def stored_rows(self):
        """Return the moving statistics, one row per network."""
        return tf.convert_to_tensor(self.stored)

    def update(self, gradient, stored, rate, going, inputs):
        """Apply decay and the optimiser; networks that stopped or failed stay put."""
        rate = tf.where(going, rate, 0.0)[:, None]
        for name, value in inputs["optimizer_knobs"].items():
            value = value[:, None]
            value = Positive(value) if name == "momentum" else value
            setattr(self.optimizer, name, value)
        gradient = tf.where(going[:, None], gradient, 0.0)
        decay = rate * inputs["weight_decay"][:, None] * self.kernels
        self.weights.assign(self.weights.value * (1 - decay))
        if self.structure.n_global:
            rate = tf.where(self.globals, rate * self.pace, rate)
        self.optimizer.update_step(gradient, self.weights, rate)
        self.optimizer.iterations.assign_add(1)
        if self.layout.stored:
            rows = tf.concat([tf.reshape(s, [self.size, -1]) for s in stored], axis=1)
            self.stored.assign(tf.where(going[:, None], rows, self.stored))

    def snapshot(self, better):
        """Keep the present weights of the networks in ``better``."""
        mask = better[:, None]
        self.kept.assign(tf.where(mask, self.weights.value, self.kept))
        if self.layout.stored:
            self.kept_stored.assign(tf.where(mask, self.stored, self.kept_stored))

    def run(self, inputs, state):
        """Train until ``inputs["until"]``; trace on first use."""
        with tf.experimental.function_executor_type(self.executor):
            if self.function is None:
                self.function = self.traced(inputs, state)
            return self.function(inputs, state)

    def traced(self, inputs, state):
        """Return the compiled function for any number of rows."""

        def train(inputs, state):
            global _traces
            _traces += 1
            try:
                return run_epochs(self, inputs, state)
            finally:
                for name in inputs["optimizer_knobs"]:  # no graph tensor stays behind
                    setattr(self.optimizer, name, None)

        signature = self.signature(inputs), tf.nest.map_structure(spec_of, state)
        compiled = tf.function(train, autograph=False, input_signature=signature)
        return compiled.get_concrete_function()

    def signature(self, inputs):
        """Return the specifications of ``inputs``: data sizes are unknown."""
        s = self.structure
        specs = tf.nest.map_structure(spec_of, inputs)
        specs["table"] = table_specs(s.sparse, s.n_features, self.dtype)
        specs["Y"] = tf.TensorSpec([None, s.task.size], self.dtype)
        for name in ("rows", "val_rows"):
            specs[name] = tf.TensorSpec([None, None], tf.int32)
        for name in ("weight", "val_weight"):
            specs[name] = tf.TensorSpec([None, None], self.dtype)
        specs["n_rows"] = tf.TensorSpec([None], tf.int32)
        return specs

    def inputs(self, plan, data, members):
        """Return everything numeric as tensors, one row per network."""
        dtype = self.structure.dtype
        streams = list(dict.fromkeys(member.stream for member in members))
        used = [data.streams[i] for i in streams]
        inputs = {
            "table": table_tensors(data.X, dtype),
            "Y": np.asarray(data.Y, dtype=dtype),
            "rows": padded([s.rows for s in used], np.int32),
            "weight": padded([s.weight for s in used], dtype),
            "val_rows": padded([s.val_rows for s in used], np.int32),
            "val_weight": padded([normalised(s.val_weight) for s in used], dtype),
            "n_rows": np.array([len(s.rows) for s in used], np.int32),
            "stream": np.array([streams.index(m.stream) for m in members], np.int32),
            "steps": np.int32(-(-len(used[0].rows) // plan.batch_size)),
            "horizon": np.int32(plan.horizon or plan.epochs),
            "seed": np.int32(plan.seed),
            "noise_rows": np.int32(
                self.batch_size if any(m.dropout > 0 for m in members) else 1
            ),
            "loss_knobs": self.knob_rows([m.loss for m in members]),
            "schedule_knobs": self.knob_rows([m.schedule for m in members]),
            "optimizer_knobs": {
                name: np.full(self.size, value, dtype)
                for name, value in plan.optimizer.knobs().items()
            },
        }
        for name in (
            "learning_rate l1 l2 weight_decay dropout clip_norm patience"
            " loc scale class_weight"
        ).split():
            values = [np.asarray(getattr(m, name), dtype=dtype) for m in members]
            inputs[name] = np.stack(values)
        return tf.nest.map_structure(tf.convert_to_tensor, inputs)

    def knob_rows(self, objects):
        """Return, group by group, each knob's values stacked over networks."""
        rows, start = [], 0
        for group in self.groups:
            own = [o.knobs() for o in objects[start : start + group.count]]
            start += group.count
            rows.append(
                {
                    name: np.array([k[name] for k in own], self.structure.dtype)
                    for name in own[0]
                }
            )
        return rows

    def load(self, plan, members):
        """Set weights and optimiser state: fresh ones, or those to go on from."""
        fresh = networks.initial_values(self.model, plan.seed)
        rows, stored = [], []
        for member in members:
            start = member.start
            rows.append(
                self.first_row(fresh, member) if start is None else start["weights"]
            )
            own = [np.ravel(fresh[id(v)]) for v in self.layout.stored]
            own = np.concatenate(own) if own else np.zeros(0)
            stored.append(own if start is None else start["stored"])
        self.weights.assign(np.stack(rows))
        self.kept.assign(np.stack(rows))
        self.stored.assign(np.stack(stored))
        self.kept_stored.assign(np.stack(stored))
        begin = self.fresh_slots
        given = [m.start["slots"] for m in members if m.start and m.start["slots"]]
        if given:  # the step counter first, then one row per network
            begin = [
                given[0][0],
                *map(np.stack, zip(*(g[1:] for g in given), strict=True)),
            ]
        for variable, value in zip(state_variables(self.optimizer), begin, strict=True):
            variable.assign(value)

    def first_row(self, fresh, member):
        """Return fresh weights whose output bias is the loss's best constant."""
        values = []
        for variable in self.model.trainable_variables:
            value = fresh[id(variable)]
            if variable.path.endswith("head/bias"):
                value = member.head_bias
            elif variable.path.endswith("head/kernel"):
                value = value * member.loss.head_scale
            values.append(np.ravel(value))
        return np.where(self.zeros, 0.0, np.concatenate(values))

    def initial_state(self, members):
        """Return the loop's state before the first epoch."""
        ones = np.ones(self.size)
        state = {
            "epoch": np.int32(members[0].start["epoch"] if members[0].start else 0),
            "active": ones > 0,
            "alive": ones > 0,
            "diverged": ones < 0,
            "wait": np.zeros(self.size, np.float32),
            "best_epoch": np.zeros(self.size, np.int32),
            "n_epochs": np.zeros(self.size, np.int32),
        }
        for name, value in {
            "best": np.inf,
            "scale": 1.0,
            "plateau_best": np.inf,
            "plateau_wait": 0.0,
            "plateau_cooldown": 0.0,
        }.items():
            state[name] = np.full(self.size, value, self.structure.dtype)
        return {name: tf.convert_to_tensor(value) for name, value in state.items()}


def spec_of(value):
    """Return the specification of a tensor of exactly this shape."""
    return tf.TensorSpec(value.shape, value.dtype)


def padded(arrays, dtype):
    """Stack arrays of different lengths, padded with zeros."""
    out = np.zeros((len(arrays), max(len(a) for a in arrays)), dtype)
    for row, array in zip(out, arrays, strict=True):
        row[: len(array)] = array
    return out


def normalised(weight):
    """Return weights that sum to one."""
    return weight / weight.sum() if len(weight) else weight


@contextmanager
def lent(structure, plan, members):
    """Lend a program of this structure; it goes back to the shelf afterwards.

    The shelf holds the ``MAX_IDLE`` most recently used programs. A program owns
    variables, so two fits at the same time get two programs.
    """
    with _lock:
        shelf = _idle.get(structure, [])
        program = shelf.pop() if shelf else None
    if program is None:
        program = Program(structure, plan, members)
    yield program
    with _lock:
        _idle.setdefault(structure, []).append(program)
        _idle.move_to_end(structure)
        while sum(map(len, _idle.values())) > MAX_IDLE:
            oldest = next(iter(_idle))
            if _idle[oldest]:
                _idle[oldest].pop(0)
            if not _idle[oldest]:
                del _idle[oldest]
