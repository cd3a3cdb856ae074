"""A compiled program: one structure, traced once, without variables of its own."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from skloss._engine._inputs import Inputs, specify, specify_inputs
from skloss._engine._kernels import CompiledKernel, Kernels, make_kernels
from skloss._engine._loop import run_epochs
from skloss._engine._plan import Member
from skloss._engine._state import HistoryRow, State
from skloss._engine._structure import Structure
from skloss._engine._template import Template, explain_failure, make_template
from skloss._engine._validate import specify_rows
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


class Traced(NamedTuple):
    """A function that TensorFlow has traced.

    Attributes
    ----------
    function : ConcreteFunction
        From inputs and a state to the state and the history after some epochs.
    kernels : Kernels
        Those that it calls.
    """

    function: Callable
    kernels: Kernels

    def list_refused(self) -> set[str]:
        """Return which kernels XLA cannot compile, when it has tried."""
        kernels = self.kernels._asdict().items()
        compiled = {n: k for n, k in kernels if isinstance(k, CompiledKernel)}
        return {name for name, kernel in compiled.items() if kernel.is_refused()}


class Program:
    """The traced function of a template.

    Several threads may train with it at once.

    Parameters
    ----------
    template : Template

    Attributes
    ----------
    compiled : frozenset of str
        The kernels that XLA compiles: as the structure says, until it is found that it
        cannot.
    traced : Traced, or None
        None before it is traced.
    """

    def __init__(self, template: Template):
        self.template = template
        names = Kernels._fields if template.structure.compiled else ()
        self.compiled = frozenset(names)
        self.traced = None

    def run(self, inputs: Inputs, state: State) -> tuple[State, HistoryRow]:
        """Train for ``inputs.count`` epochs; trace and compile on first use."""
        function = self.prepare(inputs, state)
        with self.choose_executor():
            return function(inputs, state)

    def prepare(self, inputs: Inputs, state: State) -> Callable:
        """Return the function, when XLA has compiled what it can."""
        while True:
            traced = self.trace(inputs, state)
            refused = traced.list_refused()
            if not refused:
                return traced.function
            with _tracing:
                if self.traced is traced:  # other threads find out at the same moment
                    self.compiled, self.traced = self.compiled - refused, None

    def choose_executor(self) -> AbstractContextManager:
        """Return TensorFlow's context for tracing and for running.

        Handing small operations from thread to thread costs more than they do, so a
        program of small steps runs on the thread that calls it. So does one whose steps
        XLA compiles: what is left to TensorFlow are few operations. But a single thread
        waits for ever in stacked loops. It is chosen where a program is traced, too,
        for a concrete function remembers it.
        """
        numbers = self.template.size * self.template.n_weights
        rows = self.template.batch_size * len(self.template.loss.views)
        small = numbers * rows < SMALL_STEP
        alone = (small or "take_steps" in self.compiled) and not self.template.loops
        return tf.experimental.function_executor_type(
            "SINGLE_THREADED_EXECUTOR" if alone else None
        )

    def trace(self, inputs: Inputs, state: State) -> Traced:
        """Return the traced function, traced now if that was not done.

        Raises
        ------
        NotFusibleError
            If TensorFlow cannot make a graph of a user's own network.
        """
        traced = self.traced
        if traced is not None:
            return traced
        if self.compiled:
            start_compiler()
        name = repr(self.template.structure)
        with _tracing, self.choose_executor(), name_for_cache(name):
            if self.traced is None:  # another thread may have traced it meanwhile
                with explain_failure(self.template.network):
                    self.traced = self.make_function(inputs, state)
            return self.traced

    def make_function(self, inputs: Inputs, state: State) -> Traced:
        """Trace the function for any number of rows."""
        template = self.template
        kernels = make_kernels(template, self.compiled)
        if "score_rows" in self.compiled and template.structure.member.validation:
            # XLA is done with it, where there are two cores, when the rest is traced
            kernels.score_rows.start_compiling(specify_rows(template, inputs, state))

        def train(inputs, state):
            global _traces
            _traces += 1
            return run_epochs(template, kernels, inputs, state)

        signature = specify_inputs(template, inputs)
        signature = signature, tf.nest.map_structure(specify, state)
        function = tf.function(train, autograph=False, input_signature=signature)
        function = function.get_concrete_function()
        if not template.structure.member.scored_outside:
            # TensorFlow optimises the graph in the first call: here one of no epochs,
            # while XLA compiles the kernels
            with quietly() if template.dtype == tf.float64 else nullcontext():
                function(inputs._replace(count=tf.constant(0)), state)
        return Traced(function, kernels)


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
