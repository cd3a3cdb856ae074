"""A compiled program: one structure, traced once, without variables of its own."""

import threading
from collections import OrderedDict
from contextlib import contextmanager
from functools import partial

import numpy as np

from skloss import networks
from skloss._engine import _annealing
from skloss._engine._loop import HISTORY, run_epochs, take_steps
from skloss._engine._optimizers import Positive, slots, state_variables
from skloss._engine._plan import steps_of
from skloss._engine._record import RECORDED, indicators
from skloss._engine._rows import table_specs
from skloss._engine._step import Layout, no_dropout, stacked_dropout
from skloss._tensorflow import keras, quietly, start_compiler, tf
from skloss.exceptions import NotFusibleError

MAX_PROGRAMS = 64
MAX_STEPS = 16  # in a block
BLOCK_NUMBERS = 1_000_000  # of the table in a block, at most
SMALL_STEP = 2_000_000  # multiplications in the forward passes of one step
_traces = 0
_lock = threading.Lock()
# Tracing is Python: two traces at once take longer than one after the other.
_tracing = threading.Lock()
_programs = OrderedDict()


def trace_count():
    """Return how many programs were traced in this process."""
    return _traces


class Program:
    """The traced function for one structure.

    Parameters
    ----------
    structure : Structure
    network : MLP or Body
    member : Member
        Supplies the objects behind the structure; no number of it is kept.
    """

    def __init__(self, structure, network, member):
        self.structure = structure
        self.size = structure.size
        self.batch_size = structure.batch_size
        self.dtype = tf.as_dtype(structure.dtype)
        numbers = structure.task.kind == "regression"
        self.dtype_of_targets = "float64" if numbers else structure.dtype
        self.loss, self.schedule = member.loss, member.schedule
        dropout = stacked_dropout(structure.batch_size, structure.dtype)
        self.network = network.bind({})
        self.remake = partial(
            networks.build,
            self.network,
            structure.n_features,
            structure.n_raw,
            structure.dtype,
            dropout if structure.drops else no_dropout,
        )
        self.model = self.remake()
        with explained(network):
            self.loops = isinstance(network, networks.Body) and loops(self.model)
        self.layout = Layout(self.model)
        self.zeros = self.layout.of_globals(structure.n_global, "kernel")
        self.pace = np.ones(len(self.zeros), structure.dtype)
        own = self.layout.of_globals(structure.n_global, "bias")
        self.pace[own] = self.loss.global_pace(structure.task)
        kernels = [
            np.full(size, name.endswith("kernel"), structure.dtype)
            for name, size in zip(self.layout.names, self.layout.sizes, strict=True)
        ]
        self.kernels = np.concatenate(kernels)
        self.n_rows = len(HISTORY)
        if structure.recorded:
            self.indicators = indicators(self.layout)
            self.n_rows += len(RECORDED) * self.indicators[0].shape[1]
        self.make_optimizer(member.optimizer)
        numbers = self.size * self.batch_size * structure.n_features
        self.block_length = int(np.clip(BLOCK_NUMBERS // numbers, 1, MAX_STEPS))
        self.compiled = structure.compiled
        self.function = None

    def make_optimizer(self, optimizer):
        """Build the optimiser for the matrix of weights, one row per network."""
        shape = (self.size, len(self.kernels))
        self.weights = keras.Variable(np.zeros(shape), dtype=self.structure.dtype)
        self.optimizer = optimizer.pure()
        self.optimizer.build([self.weights])
        self.fresh_slots = slots(self.optimizer)

    def update(self, variables, gradient, rate, going, inputs):
        """Apply decay and the optimiser; networks that stopped or failed stay put.

        ``variables`` are the weights, and the optimiser's step counter and moments.
        """
        given, *moments = variables
        rate = rate[:, None]
        decay = rate * inputs["weight_decay"][:, None] * self.kernels
        variables = [given * (1 - decay), *moments]
        if self.structure.n_global:
            rate = rate * self.pace
        own = [self.weights, *state_variables(self.optimizer)]
        with keras.StatelessScope(zip(own, variables, strict=True)) as scope:
            for name, value in inputs["optimizer_knobs"].items():
                value = value[:, None]
                value = Positive(value) if name == "momentum" else value
                setattr(self.optimizer, name, value)
            self.optimizer.update_step(gradient, self.weights, rate)
            self.optimizer.iterations.assign_add(1)
            for name in inputs["optimizer_knobs"]:  # no graph tensor stays behind
                setattr(self.optimizer, name, None)
        weights, *moments = [scope.get_current_value(variable) for variable in own]
        # a rate of zero would not do: momentum moves weights without a gradient
        return [tf.where(going[:, None], weights, given), *moments]

    def run(self, inputs, state):
        """Train until ``inputs["until"]``; trace on first use."""
        compiled = self.compiled  # other threads may find out at the same moment
        try:
            return self.run_as_traced(inputs, state)
        except tf.errors.InvalidArgumentError:
            # XLA says so before it runs anything, if it lacks an operation of a loss
            if not compiled:
                raise
            with _tracing:
                if self.compiled:
                    self.compiled, self.function = False, None
            return self.run_as_traced(inputs, state)

    def run_as_traced(self, inputs, state):
        """Train with the present function, traced if there is none."""
        function = self.trace(inputs, state)
        with self.executor():
            return function(inputs, state)

    def executor(self):
        """Return TensorFlow's context for tracing and for running."""
        # handing small operations from thread to thread costs more than they do; but a
        # single thread waits for ever in stacked loops
        small = self.size * len(self.kernels) * self.batch_size < SMALL_STEP
        alone = (small or self.compiled) and not self.loops
        return tf.experimental.function_executor_type(
            "SINGLE_THREADED_EXECUTOR" if alone else None
        )

    def trace(self, inputs, state):
        """Return the function, traced if that was not done.

        Raises
        ------
        NotFusibleError
            If TensorFlow cannot make a graph of a user's own network.
        """
        function = self.function
        if function is not None:
            return function
        with _tracing, self.executor():
            if self.function is None:
                with explained(self.network):
                    self.function = self.traced(inputs, state)
            return self.function

    def traced(self, inputs, state):
        """Return the traced function for any number of rows."""
        self.take_steps = partial(take_steps, self)
        if self.compiled:
            start_compiler()
            self.take_steps = tf.function(
                self.take_steps, jit_compile=True, autograph=False
            )

        def train(inputs, state):
            global _traces
            _traces += 1
            return run_epochs(self, inputs, state)

        signature = self.signature(inputs), tf.nest.map_structure(spec_of, state)
        function = tf.function(train, autograph=False, input_signature=signature)
        function = function.get_concrete_function()
        if self.dtype == tf.float64:
            # no more epochs: its graph is optimised, and nobody's training is held
            with quietly():
                function(dict(inputs, until=state["epoch"]), state)
        return function

    def signature(self, inputs):
        """Return the specifications of ``inputs``: data sizes are unknown."""
        s = self.structure
        specs = tf.nest.map_structure(spec_of, inputs)
        specs["table"] = table_specs(s.sparse, s.n_features, self.dtype)
        specs["Y"] = tf.TensorSpec([None, s.task.size], self.dtype_of_targets)
        for name in ("rows", "val_rows"):
            specs[name] = tf.TensorSpec([None, None], tf.int32)
        for name in ("weight", "val_weight"):
            specs[name] = tf.TensorSpec([None, None], self.dtype)
        specs["n_rows"] = tf.TensorSpec([None], tf.int32)
        if s.annealed:
            specs["annealed"] = _annealing.specs(inputs["annealed"])
        return specs

    def inputs(self, plan, data, members):
        """Return everything numeric as tensors, one row per network."""
        dtype = self.structure.dtype
        streams = list(dict.fromkeys(member.stream for member in members))
        used = [data.streams[i] for i in streams]
        table, Y = data.table(dtype, self.dtype_of_targets)
        inputs = {
            "table": table,
            "Y": Y,
            "rows": padded([s.rows for s in used], np.int32),
            "weight": padded([s.weight for s in used], dtype),
            "val_rows": padded([s.val_rows for s in used], np.int32),
            "val_weight": padded([normalised(s.val_weight) for s in used], dtype),
            "n_rows": np.array([len(s.rows) for s in used], np.int32),
            "stream": np.array([streams.index(m.stream) for m in members], np.int32),
            "steps": np.int32(steps_of(plan, used[0])),
            "horizon": np.int32(plan.horizon or plan.epochs),
            "seed": np.int32(plan.seed),
            "loss_knobs": self.knob_rows([m.loss for m in members]),
            "schedule_knobs": self.knob_rows([m.schedule for m in members]),
            "optimizer_knobs": self.knob_rows([m.optimizer for m in members]),
        }
        for name in (
            *"learning_rate l1 l2 weight_decay dropout clip_norm patience".split(),
            "class_weight",
            *self.structure.cures,
        ):
            values = [np.asarray(getattr(m, name), dtype=dtype) for m in members]
            inputs[name] = np.stack(values)
        for name in ("loc", "scale"):
            values = [np.asarray(getattr(m, name), np.float64) for m in members]
            inputs[name] = np.stack(values)
        if self.structure.annealed:
            names = self.structure.annealed
            inputs["annealed"] = _annealing.tables(members, names, dtype)
        return tf.nest.map_structure(tf.convert_to_tensor, inputs)

    def knob_rows(self, objects):
        """Return each knob's values, stacked over networks."""
        own = [o.knobs() for o in objects]
        return {
            name: np.array([k[name] for k in own], self.structure.dtype)
            for name in own[0]
        }

    def initial_state(self, plan, members):
        """Return the state before the first epoch: fresh, or one to go on from."""
        ones = np.ones(self.size)
        fresh = networks.initial_values(
            self.model, self.network, self.remake, plan.seed
        )
        begin = [self.begin(fresh, member) for member in members]
        weights, stored = (np.stack(rows) for rows in zip(*begin, strict=True))
        state = {
            "variables": [weights, stored, *self.first_slots(members, weights)],
            "kept": [weights, stored],
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
        return tf.nest.map_structure(tf.convert_to_tensor, state)

    def begin(self, fresh, member):
        """Return a network's first weights and moving statistics, flat."""
        if member.start is not None:
            return member.start["weights"], member.start["stored"]
        stored = [np.ravel(fresh[id(v)]) for v in self.layout.stored]
        stored = np.concatenate(stored) if stored else np.zeros(0)
        dtype = self.structure.dtype
        return self.first_row(fresh, member).astype(dtype), stored.astype(dtype)

    def first_row(self, fresh, member):
        """Return fresh weights whose output bias is the loss's best constant."""
        values, head = [], networks.head_of(self.model)
        for variable in self.model.trainable_variables:
            value = fresh[id(variable)]
            if variable is head.bias:
                value = member.head_bias
            elif variable is head.kernel:
                value = value * member.loss.head_scale * member.head_scale
            values.append(np.ravel(value))
        return np.where(self.zeros, 0.0, np.concatenate(values))

    def first_slots(self, members, weights):
        """Return the optimiser's step counter, and moments with a row per network.

        With averaged weights their average comes last; it begins at the weights where
        an earlier training left none.
        """
        given = [m.start["slots"] for m in members if m.start and m.start["slots"]]
        count, slots = len(self.fresh_slots), self.fresh_slots
        if given:
            moments = zip(*(slots[1:] for slots in given), strict=True)
            slots = [given[0][0], *map(np.stack, moments)]
        if "weight_averaging" in self.structure.cures:
            return [*slots[:count], *(slots[count:] or [weights])]
        return slots[:count]


@contextmanager
def explained(network):
    """Say of what fails in a user's network that TensorFlow cannot make a graph."""
    try:
        yield
    except Exception as error:
        if isinstance(network, networks.MLP):
            raise
        raise NotFusibleError(
            f"network={network!r} cannot be trained in a compiled graph: {error}. "
            f"Build it of Keras layers and keras.ops only."
        ) from error


def loops(model):
    """Tell whether a model holds a loop, such as a recurrent layer over time."""
    specs = [spec_of(x) for x in model.inputs]
    graph = tf.function(model, autograph=False).get_concrete_function(*specs).graph
    return any("While" in operation.type for operation in graph.get_operations())


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


def program_for(structure, network, member):
    """Return the program of a structure, made once.

    The ``MAX_PROGRAMS`` most recently used ones are kept. A program has no state, so
    that several threads can train with one.
    """
    with _lock:
        if structure not in _programs:
            _programs[structure] = Program(structure, network, member)
            if len(_programs) > MAX_PROGRAMS:
                _programs.popitem(last=False)
        _programs.move_to_end(structure)
        return _programs[structure]
