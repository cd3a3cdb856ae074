"""The functions in which a program spends its time, and XLA that compiles them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, NamedTuple

from skloss._engine._blocks import take_steps
from skloss._engine._inputs import specify
from skloss._engine._template import Template
from skloss._engine._validate import score_rows
from skloss._tensorflow import tf


class Kernels(NamedTuple):
    """The functions of a program in which time is spent.

    Attributes
    ----------
    take_steps, score_rows : callable
        Those of ``_blocks`` and ``_validate``, without their first argument; a
        ``CompiledKernel`` where XLA compiles them.
    """

    take_steps: Callable
    score_rows: Callable


class CompiledKernel:
    """A function of tensors of static shapes, which XLA compiles.

    XLA compiles on one thread, and holds no lock of Python's: it begins as soon as the
    shapes are known, while the rest of the program is traced.

    Parameters
    ----------
    function : callable

    Attributes
    ----------
    error : OpError or None
        What XLA raised.
    """

    def __init__(self, function: Callable):
        self.function = tf.function(function, jit_compile=True, autograph=False)
        self.thread = self.error = None

    def __call__(self, *tensors: Any) -> Any:
        """Call the function in a graph."""
        results = self.function(*tensors)
        if self.thread is None:
            self.start_compiling(tf.nest.map_structure(specify, tensors))
        return results

    def start_compiling(self, specs: tuple) -> None:
        """Have XLA compile the function for tensors of these shapes, in a thread."""
        # XLA looks for what is compiled by how it is called: from a graph, here too
        with tf.init_scope():
            caller = tf.function(self.function, autograph=False)
            caller = caller.get_concrete_function(*specs)

        def compile_now():
            try:
                caller(*tf.nest.map_structure(make_zeros, specs))
            except tf.errors.OpError as error:
                self.error = error

        self.thread = threading.Thread(target=compile_now, name="XLA")
        self.thread.start()

    def is_refused(self) -> bool:
        """Tell, when XLA has ended, whether it lacks an operation of the function.

        Whatever else it raised will be raised again where the function is called.
        """
        if self.thread is not None:
            self.thread.join()
        return isinstance(self.error, tf.errors.InvalidArgumentError)


def make_zeros(spec: tf.TensorSpec) -> tf.Tensor:
    """Return a tensor as it is specified."""
    return tf.zeros(spec.shape, spec.dtype)


def make_kernels(template: Template, compiled: Collection[str]) -> Kernels:
    """Return the kernels of a program, those of the names ``compiled`` by XLA."""
    kernels = Kernels(partial(take_steps, template), partial(score_rows, template))
    made = {name: CompiledKernel(getattr(kernels, name)) for name in compiled}
    return kernels._replace(**made)
