"""What the graph of a program is made of: its model, and what is known of its columns.

Everything here is fixed when a program is traced. What changes from call to call are
``Inputs`` and ``State``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from skloss import networks
from skloss._engine._plan import Member
from skloss._engine._record import LayerMarks, mark_layers
from skloss._engine._stacked_optimizer import StackedOptimizer
from skloss._engine._step import Layout, make_stacked_dropout, no_dropout
from skloss._engine._structure import Structure
from skloss._tensorflow import keras, tf
from skloss.exceptions import NotFusibleError
from skloss.losses import Loss
from skloss.losses._core._view import count_inputs, count_own

MAX_STEPS = 16  # in a block
BLOCK_NUMBERS = 250_000  # of the table in a block of a network, at most


@dataclass(frozen=True, eq=False)
class Columns:
    """What is known of the columns of the matrix of weights, each (weights,).

    Attributes
    ----------
    kernels : ndarray
        1 in kernels, which penalties and decay act on, else 0.
    global_kernels : ndarray of bool
        Weights that stay 0, so that a global output does not depend on the row.
    pace : ndarray
        How many times faster than the learning rate a weight moves: the biases of
        global outputs may.
    body : ndarray of bool
        Weights that are not the head's.
    layers : LayerMarks, or None
        None where layers are not recorded.
    """

    kernels: np.ndarray
    global_kernels: np.ndarray
    pace: np.ndarray
    body: np.ndarray
    layers: LayerMarks | None


@dataclass(frozen=True, eq=False)
class Template:
    """The objects behind a structure; no number of a member is kept.

    Attributes
    ----------
    structure : Structure
    network : MLP or Body
    loss : Loss
        Its numbers are bound in the graph.
    make_model : callable
        Makes ``model`` anew, with weights drawn by the seed ``seed``.
    model : keras.Model
    layout : Layout
    columns : Columns
    optimizer : StackedOptimizer
    loops : bool
        Whether the model holds a loop, such as a recurrent layer over time.
    """

    structure: Structure
    network: Any
    loss: Loss
    make_model: Callable
    model: keras.Model
    layout: Layout
    columns: Columns
    optimizer: StackedOptimizer
    loops: bool

    @property
    def size(self) -> int:
        """The number of networks."""
        return self.structure.size

    @property
    def batch_size(self) -> int:
        """The number of rows of a step."""
        return self.structure.plan.batch_size

    @property
    def dtype(self) -> tf.DType:
        """The dtype of weights and features."""
        return tf.as_dtype(self.structure.plan.dtype)

    @property
    def dtype_of_targets(self) -> str:
        """The dtype of targets in the table: numbers are scaled in double precision."""
        numbers = self.structure.plan.task.has_numbers
        return "float64" if numbers else self.structure.plan.dtype

    @property
    def n_columns(self) -> int:
        """The number of columns of the targets, facts included."""
        return self.structure.plan.task.size + self.structure.data.n_facts

    @property
    def has_teacher(self) -> bool:
        """Whether the loss sees outputs by the averaged weights."""
        return any(view.averaged for view in self.loss.views)

    @property
    def draws_for_all(self) -> bool:
        """Whether layers of a user's draw random numbers, which networks then share."""
        variables = self.model.non_trainable_variables
        return any(variable.name == "seed_generator_state" for variable in variables)

    @property
    def n_weights(self) -> int:
        """The number of trainable weights of a network."""
        return len(self.columns.kernels)

    @property
    def n_layers(self) -> int:
        """The number of layers that are recorded; 0 where they are not."""
        layers = self.columns.layers
        return 0 if layers is None else layers.weights.shape[1]

    @property
    def block_length(self) -> int:
        """The number of steps in a block, whatever the number of networks."""
        numbers = self.batch_size * self.structure.data.n_features
        return int(np.clip(BLOCK_NUMBERS // numbers, 1, MAX_STEPS))


def make_template(structure: Structure, network: Any, member: Member) -> Template:
    """Return the template of a structure.

    Parameters
    ----------
    structure : Structure
    network : MLP or Body
    member : Member
        Any that has the structure.
    """
    plan = structure.plan
    rows = plan.batch_size * count_own(member.loss.views)
    dropout = make_stacked_dropout(rows, plan.dtype)
    bound = network.bind({})
    make_model = partial(
        networks.build,
        bound,
        count_inputs(structure.data.n_features, member.loss, plan.task),
        structure.member.n_raw,
        plan.dtype,
        dropout if structure.drops else no_dropout,
    )
    model = make_model()
    with explain_failure(network):
        loops = isinstance(network, networks.Body) and holds_loop(model)
    layout = Layout(model)
    columns = describe_columns(structure, layout, member.loss)
    shape = structure.size, len(columns.kernels)
    return Template(
        structure=structure,
        network=bound,
        loss=member.loss,
        make_model=make_model,
        model=model,
        layout=layout,
        columns=columns,
        optimizer=StackedOptimizer(member.optimizer, shape, plan.dtype),
        loops=loops,
    )


def describe_columns(structure: Structure, layout: Layout, loss: Loss) -> Columns:
    """Return what is known of the columns of the matrix of weights."""
    dtype, n_global = structure.plan.dtype, structure.member.n_global
    global_kernels = layout.mark_globals(n_global, "kernel")
    pace = np.ones(len(global_kernels), dtype)
    pace[layout.mark_globals(n_global, "bias")] = loss.global_pace(structure.plan.task)
    kernels = [
        np.full(size, is_kernel, dtype)
        for is_kernel, size in zip(layout.kernels, layout.sizes, strict=True)
    ]
    layers = mark_layers(layout) if structure.plan.recorded else None
    n_head = structure.member.n_raw
    head = layout.mark_globals(n_head, "kernel") | layout.mark_globals(n_head, "bias")
    return Columns(np.concatenate(kernels), global_kernels, pace, ~head, layers)


@contextmanager
def explain_failure(network: Any) -> Iterator[None]:
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


def holds_loop(model: keras.Model) -> bool:
    """Tell whether a model holds a loop, such as a recurrent layer over time."""
    specs = [tf.TensorSpec(x.shape, x.dtype) for x in model.inputs]
    graph = tf.function(model, autograph=False).get_concrete_function(*specs).graph
    return any("While" in operation.type for operation in graph.get_operations())
