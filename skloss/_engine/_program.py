"""A compiled program: one structure, traced once, without variables of its own."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from skloss._engine._blocks import take_steps
from skloss._engine._inputs import Inputs, specify, specify_inputs
from skloss._engine._loop import run_epochs
from skloss._engine._plan import Member
from skloss._engine._state import HistoryRow, State
from skloss._engine._structure import Structure
from skloss._engine._template import Template, explain_failure, make_template
from skloss._tensorflow import quietly, start_compiler, tf
from skloss._tensorflow._program_cache import name_for_cache

MAX_PROGRAMS = 64
SMALL_STEP = 2_000_000  # multiplications in the forward passes of one step
_traces = 0
_computed, _trained = 0, 0
_lock = threading.Lock()
# Tracing is Python: two traces at once take longer than one after the other.
_tracing = threading.Lock()
_programs = OrderedDict()


def trace_count() -> int:
    """Return how many programs were traced in this process."""
    return _traces


def count_steps_computed() -> tuple[int, int]:
    """Return how many network-steps were needed in this process, and how many computed.

    Not needed are those of networks that have ended, and of empty places.
    """
    return _trained, _computed


def note_steps(computed: int, trained: int) -> None:
    """Count network-steps."""
    global _computed, _trained
    with _lock:
        _computed, _trained = _computed + computed, _trained + trained


class Program:
    """The traced function of a template.

    Several threads may train with it at once.

    Parameters
    ----------
    template : Template

    Attributes
    ----------
    compiled : bool
        Whether XLA compiles the steps: as the structure says, until it is found that
        it cannot.
    function : ConcreteFunction, or None
        From inputs and a state to the state and the history after some epochs; None
        before it is traced.
    """

    def __init__(self, template: Template):
        self.template = template
        self.compiled = template.structure.compiled
        self.function = None

    def run(self, inputs: Inputs, state: State) -> tuple[State, HistoryRow]:
        """Train for ``inputs.count`` epochs; trace on first use."""
        compiled = self.compiled  # other threads may find out at the same moment
        try:
            return self.run_function(inputs, state)
        except tf.errors.InvalidArgumentError:
            # XLA says so before it runs anything, if it lacks an operation of a loss
            if not compiled:
                raise
            with _tracing:
                if self.compiled:
                    self.compiled, self.function = False, None
            return self.run_function(inputs, state)

    def run_function(self, inputs: Inputs, state: State) -> tuple[State, HistoryRow]:
        """Train with the present function, traced if there is none."""
        function = self.trace(inputs, state)
        with self.choose_executor():
            return function(inputs, state)

    def choose_executor(self) -> AbstractContextManager:
        """Return TensorFlow's context for tracing and for running.

        Handing small operations from thread to thread costs more than they do, so a
        program of small steps runs on the thread that calls it. So does one whose steps
        XLA compiles: what is left to TensorFlow are few operations. But a single thread
        waits for ever in stacked loops. It is chosen where a program is traced, too,
        for a concrete function remembers it.
        """
        numbers = self.template.size * self.template.n_weights
        small = numbers * self.template.batch_size < SMALL_STEP
        alone = (small or self.compiled) and not self.template.loops
        return tf.experimental.function_executor_type(
            "SINGLE_THREADED_EXECUTOR" if alone else None
        )

    def trace(self, inputs: Inputs, state: State) -> Callable:
        """Return the function, traced if that was not done.

        Raises
        ------
        NotFusibleError
            If TensorFlow cannot make a graph of a user's own network.
        """
        function = self.function
        if function is not None:
            return function
        if self.compiled:
            start_compiler()
        name = repr(self.template.structure)
        with _tracing, self.choose_executor(), name_for_cache(name):
            if self.function is None:  # another thread may have traced it meanwhile
                with explain_failure(self.template.network):
                    self.function = self.make_function(inputs, state)
            return self.function

    def make_function(self, inputs: Inputs, state: State) -> Callable:
        """Return the traced function for any number of rows."""
        template = self.template
        steps = partial(take_steps, template)
        if self.compiled:
            steps = tf.function(steps, jit_compile=True, autograph=False)

        def train(inputs, state):
            global _traces
            _traces += 1
            return run_epochs(template, steps, inputs, state)

        signature = specify_inputs(template, inputs)
        signature = signature, tf.nest.map_structure(specify, state)
        function = tf.function(train, autograph=False, input_signature=signature)
        function = function.get_concrete_function()
        if template.dtype == tf.float64:
            # no more epochs: its graph is optimised, and nobody's training is held
            with quietly():
                function(inputs, state)
        return function


def program_for(structure: Structure, network: Any, member: Member) -> Program:
    """Return the program of a structure, made once.

    The ``MAX_PROGRAMS`` most recently used ones are kept. A program has no state, so
    that several threads can train with one.
    """
    with _lock:
        if structure not in _programs:
            with name_for_cache(repr(structure)):
                _programs[structure] = Program(
                    make_template(structure, network, member)
                )
            if len(_programs) > MAX_PROGRAMS:
                _programs.popitem(last=False)
        _programs.move_to_end(structure)
        return _programs[structure]
