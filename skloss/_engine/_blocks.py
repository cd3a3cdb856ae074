"""The steps of an epoch, taken in blocks: what XLA may compile, and what it is given.

Rows are gathered and noise is drawn outside the blocks of steps: a block that XLA
compiles has static shapes, and random numbers of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from skloss._engine import _regularize as regularize
from skloss._engine import _step as step_math
from skloss._engine._inputs import Inputs, StepNumbers
from skloss._engine._noise import Noise, draw_masks, draw_noise
from skloss._engine._row_order import order_rows
from skloss._engine._rows import take_rows
from skloss._engine._state import Slots, State, Variables
from skloss._engine._template import Template
from skloss._engine._views import make_views
from skloss._tensorflow import tf


class Batch(NamedTuple):
    """What belongs to each step of a block, the steps on the first axis.

    In ``noise`` they are on the second.

    Attributes
    ----------
    x : tensor of shape (steps, networks, batch, features)
    y : tensor of shape (steps, networks, batch, columns)
    weight : tensor of shape (steps, networks, batch)
        Divided by the number of the step's real rows.
    noise : Noise
    share : tensor of shape (steps, networks)
        Of the stream's rows, those of the step.
    rate : tensor of shape (steps, networks)
    """

    x: Any
    y: Any
    weight: Any
    noise: Noise
    share: Any
    rate: Any


class Sums(NamedTuple):
    """What is summed over the steps of an epoch.

    Attributes
    ----------
    loss, norm : tensor of shape (networks,)
        Shares of the mean loss; norms of the gradient.
    squares : tensor of shape (networks, weights)
        Squared gradients; empty where layers are not recorded.
    """

    loss: Any
    norm: Any
    squares: Any = ()


class Going(NamedTuple):
    """Which networks take steps, both of shape (networks,).

    Attributes
    ----------
    trains, alive : bool tensor
        Who takes part in this epoch; who is still finite.
    """

    trains: Any
    alive: Any


def train_epoch(
    template: Template,
    take_steps: Callable,
    inputs: Inputs,
    state: State,
    rates: tf.Tensor,
) -> tuple[Variables, tf.Tensor, Sums]:
    """Take all steps of an epoch.

    Parameters
    ----------
    template : Template
    take_steps : callable
        The function of this module, without its first argument; compiled, perhaps.
    inputs : Inputs
    state : State
    rates : tensor of shape (steps, networks)

    Returns
    -------
    variables : Variables
    alive : bool tensor of shape (networks,)
        Who is finite.
    sums : Sums
    """
    structure = template.structure
    index, weight, share = order_rows(template, inputs, state.epoch)
    length, steps = template.block_length, inputs.steps
    blocks = (steps + length - 1) // length
    numbers = inputs.numbers_at(state.epoch)
    trains = inputs.trains(state)

    def body(i, variables, alive, sums):
        begin = i * length
        first = state.epoch * steps + begin
        # the last block may be short: its last step stands where none is taken
        positions = tf.minimum(begin + tf.range(length), steps - 1)
        rows = tf.gather(index, positions)
        y = tf.gather(inputs.Y, rows)
        units = inputs.loc, inputs.scale
        batch = Batch(
            x=take_rows(inputs.table, rows, structure.data.n_features),
            y=step_math.scale_targets(structure.plan.task, y, *units, template.dtype),
            weight=tf.gather(weight, positions),
            noise=draw_noise(template, inputs.seed, first),
            share=tf.gather(share, positions),
            rate=tf.gather(rates, positions),
        )
        count = tf.minimum(steps - begin, length)
        going = Going(trains, alive)
        return i + 1, *take_steps(
            variables, batch, count, first, going, inputs.seed, numbers, sums
        )

    start = tf.constant(0), state.variables, state.alive, zero_sums(template)
    _, *trained = tf.while_loop(
        lambda i, *_: i < blocks, body, start, parallel_iterations=1
    )
    return tuple(trained)


def zero_sums(template: Template) -> Sums:
    """Return the sums before the first step."""
    zero = tf.zeros([template.size], template.dtype)
    if not template.structure.plan.recorded:
        return Sums(zero, zero)
    squares = tf.zeros([template.size, template.n_weights], template.dtype)
    return Sums(zero, zero, squares)


def take_steps(
    template: Template,
    variables: Variables,
    batch: Batch,
    count: tf.Tensor,
    first: tf.Tensor,
    going: Going,
    seed: tf.Tensor,
    numbers: StepNumbers,
    sums: Sums,
) -> tuple[Variables, tf.Tensor, Sums]:
    """Take the first ``count`` steps of a block; all shapes are static.

    Parameters
    ----------
    template : Template
    variables : Variables
    batch : Batch
    count : int tensor
        Steps to take.
    first : int tensor of shape (networks,)
        Number of the first among all steps of a network.
    going : Going
    seed : int tensor
    numbers : StepNumbers
    sums : Sums
        Of the epoch's earlier blocks.

    Returns
    -------
    variables : Variables
    alive : bool tensor of shape (networks,)
        Who is still finite.
    sums : Sums
    """
    trains, alive = going
    # a user's layers draw for all networks at once, which are then as far as each other
    lead = tf.reduce_max(tf.where(trains, first, 0))

    def body(i, variables, alive, sums):
        noise = batch.noise.of_step(i)
        of_step = tf.nest.map_structure(lambda a: a[i], batch._replace(noise=()))
        of_step = of_step._replace(noise=noise)
        key = tf.stack([seed, lead + i])
        variables, finite, terms = take_step(
            template, variables, of_step, key, first + i, trains & alive, numbers
        )
        sums = tf.nest.map_structure(lambda total, term: total + term, sums, terms)
        return i + 1, variables, alive & finite, sums

    _, *taken = tf.while_loop(
        lambda i, *_: i < count,
        body,
        (tf.constant(0), variables, alive, sums),
        parallel_iterations=1,
    )
    return tuple(taken)


def take_step(
    template: Template,
    variables: Variables,
    batch: Batch,
    key: tf.Tensor,
    number: tf.Tensor,
    going: tf.Tensor,
    numbers: StepNumbers,
) -> tuple[Variables, tf.Tensor, Sums]:
    """Take one optimiser step; return variables, who is finite, terms of the sums."""
    used, layout, columns = (
        template.structure.regularizers,
        template.layout,
        template.columns,
    )
    x, y, row_weight = regularize.regularize_rows(
        used, batch.x, batch.y, batch.weight, batch.noise, numbers
    )
    x = make_views(template, x, key[0], number, numbers.loss_knobs)
    value, gradient, new_stored = step_math.differentiate(
        layout,
        template.loss,
        template.structure.plan.task,
        (
            numbers.loss_knobs,
            layout.cut(variables.weights),
            layout.cut_stored(variables.stored),
            x,
            draw_masks(template, key[0], number, numbers.dropout),
            y,
            row_weight,
            layout.cut(variables.average) if template.has_teacher else [],
        ),
        tf.cast(key, tf.int64),
    )
    gradient = step_math.join_columns(gradient, template.size)
    squares = tf.square(gradient) if template.structure.plan.recorded else ()
    gradient = step_math.add_penalties(
        gradient, variables.weights, columns.kernels, numbers.l1, numbers.l2
    )
    if template.structure.member.n_global:
        gradient = tf.where(columns.global_kernels, tf.zeros_like(gradient), gradient)
    gradient, norm, finite = step_math.clip_by_norm(gradient, numbers.clip_norm)
    if "clip_value" in used:
        gradient = regularize.clip_by_value(gradient, numbers.clip_value)
    finite = finite & tf.math.is_finite(value)
    going = going & finite
    stored, average = variables.stored, variables.average
    if new_stored:
        rows = step_math.join_columns(new_stored, template.size)
        stored = tf.where(going[:, None], rows, stored)
    weights, slots = update_weights(
        template, variables, gradient, batch.rate, going, numbers
    )
    if "max_norm" in used:
        weights = regularize.bound_norms(layout, weights, numbers.max_norm, going)
    if variables.averages:
        both = average, weights
        average = regularize.update_average(used, both, numbers, number, going)
    terms = Sums(value * batch.share, norm, squares)
    return Variables(weights, stored, slots, average), finite, terms


def update_weights(
    template: Template,
    variables: Variables,
    gradient: tf.Tensor,
    rate: tf.Tensor,
    going: tf.Tensor,
    numbers: StepNumbers,
) -> tuple[tf.Tensor, Slots]:
    """Apply decay and the optimiser; networks that stopped or failed stay put."""
    before, columns, rate = variables.weights, template.columns, rate[:, None]
    if "body_pace" in template.structure.regularizers:
        rate = tf.where(columns.body, rate * numbers.body_pace[:, None], rate)
    decay = rate * numbers.weight_decay[:, None] * columns.kernels
    if template.structure.member.n_global:
        rate = rate * columns.pace
    weights, slots = template.optimizer.update(
        before * (1 - decay), variables.slots, gradient, rate, numbers.optimizer_knobs
    )
    # A choice, not a product: a rate of zero would not do, since momentum moves weights
    # without a gradient, nor would a mask that multiplies, since zero times NaN is NaN.
    return tf.where(going[:, None], weights, before), slots
