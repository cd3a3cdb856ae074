"""What a program is fed: data and numbers as tensors, and the state to begin with."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skloss import networks
from skloss._engine._plan import Data, Member, Plan, TrainingState, count_steps
from skloss._engine._rates import plateau_of
from skloss._engine._rows import specify_table
from skloss._engine._state import (
    Plateau,
    Slots,
    State,
    Variables,
    Weights,
    as_tensors,
)
from skloss._engine._template import Template
from skloss._engine._varying_numbers import (
    read_tables,
    specify_tables,
    stack_tables,
)
from skloss._params import split_names
from skloss._tensorflow import tf


class StepNumbers(NamedTuple):
    """The networks' numbers as steps see them, each with a row per network.

    Those of ``REGULARIZERS`` are empty where no network uses one.
    """

    loss_knobs: dict
    optimizer_knobs: dict
    l1: Any
    l2: Any
    weight_decay: Any
    dropout: Any
    clip_norm: Any
    clip_value: Any = ()
    max_norm: Any = ()
    input_noise: Any = ()
    mixup: Any = ()
    weight_averaging: Any = ()
    body_pace: Any = ()
    copy_period: Any = ()


class Inputs(NamedTuple):
    """All that a training is fed and does not change; a row is one of a network.

    Attributes
    ----------
    table, Y : tensors
        The table as ``take_rows`` reads it, and the targets.
    rows, weight, val_rows, val_weight : tensor of shape (streams, longest stream)
        Padded with zeros. Validation weights sum to one.
    n_rows : int tensor of shape (streams,)
    stream : int tensor of shape (networks,)
        Whose rows a network trains on.
    steps, seed : int tensor
        Steps of an epoch.
    learning_rate, patience : tensor of shape (networks,)
    class_weight, loc, scale : tensor of shape (networks, ...)
        Location and scale are in double precision.
    plateau_knobs : dict of str to tensor of shape (networks,)
        Those of ``ReduceLROnPlateau``.
    step_numbers : StepNumbers
        As they are at the horizon's end.
    varying : dict of str to tensor of shape (networks, epochs, ...)
        The values of those that vary.
    curve : tensor of shape (steps of the call, networks)
        What schedules multiply the learning rate by.
    count : int tensor
        Epochs after which a call of the program ends.
    last : int tensor of shape (networks,)
        Epochs after which the training of a network ends.
    """

    table: tuple
    Y: Any
    rows: Any
    weight: Any
    val_rows: Any
    val_weight: Any
    n_rows: Any
    stream: Any
    steps: Any
    seed: Any
    learning_rate: Any
    patience: Any
    class_weight: Any
    loc: Any
    scale: Any
    plateau_knobs: dict
    step_numbers: StepNumbers
    varying: dict
    curve: Any
    count: Any
    last: Any

    def trains(self, state: State) -> tf.Tensor:
        """Tell which networks have neither stopped nor come to their end."""
        return state.active & (state.epoch < self.last)

    def numbers_at(self, epoch: tf.Tensor) -> StepNumbers:
        """Return the numbers that steps see in the networks' epochs."""
        direct, nested = split_names(read_tables(self.varying, epoch))
        knobs = {**self.step_numbers.loss_knobs, **nested.get("loss", {})}
        return self.step_numbers._replace(loss_knobs=knobs, **direct)


def make_inputs(
    template: Template, plan: Plan, data: Data, members: list[Member]
) -> Inputs:
    """Return everything numeric as tensors, one row per network.

    What differs from call to call, ``curve`` and ``count``, is that of no epochs.

    Parameters
    ----------
    template : Template
    plan : Plan
    data : Data
    members : list of Member
        Of one kind, as many as the template has networks.
    """
    dtype, structure = template.structure.plan.dtype, template.structure
    numbers = list(dict.fromkeys(member.stream for member in members))
    streams = [data.streams[i] for i in numbers]
    drawn = [stream.list_drawn() for stream in streams]
    table, Y = data.as_tensors(dtype, template.dtype_of_targets)

    def stack(name, dtype=dtype):
        return np.stack([np.asarray(getattr(m, name), dtype=dtype) for m in members])

    plain = ("l1", "l2", "weight_decay", "dropout", "clip_norm")
    step_numbers = StepNumbers(
        loss_knobs=stack_knobs([m.loss for m in members], dtype),
        optimizer_knobs=stack_knobs([m.optimizer for m in members], dtype),
        **{name: stack(name) for name in (*plain, *structure.regularizers)},
    )
    inputs = Inputs(
        table=table,
        Y=Y,
        rows=pad([rows for rows, _ in drawn], np.int32),
        weight=pad([weight for _, weight in drawn], dtype),
        val_rows=pad([s.val_rows for s in streams], np.int32),
        val_weight=pad([normalise(s.val_weight) for s in streams], dtype),
        n_rows=np.array([s.n_drawn for s in streams], np.int32),
        stream=np.array([numbers.index(m.stream) for m in members], np.int32),
        steps=np.int32(count_steps(plan, streams[0])),
        seed=np.int32(plan.seed),
        learning_rate=stack("learning_rate"),
        patience=stack("patience"),
        class_weight=stack("class_weight"),
        loc=stack("loc", np.float64),
        scale=stack("scale", np.float64),
        plateau_knobs=stack_knobs([plateau_of(m.schedule) for m in members], dtype),
        step_numbers=step_numbers,
        varying=stack_tables(members, structure.varying, dtype),
        curve=np.ones((0, len(members)), dtype),
        count=np.int32(0),
        last=np.zeros(len(members), np.int32),
    )
    return as_tensors(inputs)


def stack_knobs(objects: list, dtype: str) -> dict:
    """Return the values of each knob that objects have, stacked over networks."""
    knobs = [o.knobs() for o in objects]
    return {name: np.array([k[name] for k in knobs], dtype) for name in knobs[0]}


def pad(arrays: list[np.ndarray], dtype: Any) -> np.ndarray:
    """Stack arrays of different lengths, padded with zeros."""
    out = np.zeros((len(arrays), max(len(a) for a in arrays)), dtype)
    for row, array in zip(out, arrays, strict=True):
        row[: len(array)] = array
    return out


def normalise(weight: np.ndarray) -> np.ndarray:
    """Return weights that sum to one."""
    return weight / weight.sum() if len(weight) else weight


def specify_inputs(template: Template, inputs: Inputs) -> Inputs:
    """Return the specifications of inputs for any number of rows and of epochs."""
    data, dtype = template.structure.data, template.dtype
    numbers = tf.TensorSpec([None, None], tf.int32)
    weights = tf.TensorSpec([None, None], dtype)
    n_columns = template.n_columns
    return tf.nest.map_structure(specify, inputs)._replace(
        table=specify_table(data.sparse, data.n_features, dtype),
        Y=tf.TensorSpec([None, n_columns], template.dtype_of_targets),
        rows=numbers,
        val_rows=numbers,
        weight=weights,
        val_weight=weights,
        n_rows=tf.TensorSpec([None], tf.int32),
        varying=specify_tables(inputs.varying),
        curve=tf.TensorSpec([None, template.size], dtype),
    )


def specify(value: tf.Tensor) -> tf.TensorSpec:
    """Return the specification of a tensor of exactly this shape."""
    return tf.TensorSpec(value.shape, value.dtype)


def draw_fresh_values(template: Template, plan: Plan) -> dict:
    """Return what the variables of a template's model begin with, by their ``id``."""
    return networks.initial_values(
        template.model, template.network, template.make_model, plan.seed
    )


def make_first_state(template: Template, fresh: dict, member: Member) -> State:
    """Return a network's state before its first epoch: fresh, or one to go on from.

    Of arrays with one row. ``fresh`` is what ``draw_fresh_values`` returned.
    """
    dtype, start = template.structure.plan.dtype, member.start
    weights, stored = first_weights(template, fresh, member)
    plateau = plateau_of(member.schedule).initial_state(1, dtype)
    return State(
        variables=Variables(
            weights[None],
            stored[None],
            first_slots(template, start),
            first_average(template, start, weights),
        ),
        kept=Weights(weights[None], stored[None]),
        epoch=np.full(1, member.first_epoch, np.int32),
        active=np.ones(1, dtype=bool),
        alive=np.ones(1, dtype=bool),
        diverged=np.zeros(1, dtype=bool),
        best=np.full(1, np.inf, dtype),
        wait=np.zeros(1, np.float32),
        best_epoch=np.zeros(1, np.int32),
        plateau=Plateau(**plateau),
    )


def first_weights(template: Template, fresh: dict, member: Member) -> Weights:
    """Return a network's first weights and moving statistics, flat."""
    dtype = template.structure.plan.dtype
    if member.start is not None:
        weights, stored = member.start.weights, member.start.stored
        return Weights(weights.astype(dtype), stored.astype(dtype))
    stored = [np.ravel(fresh[id(v)]) for v in template.layout.stored]
    stored = np.concatenate(stored) if stored else np.zeros(0)
    weights = fresh_weights(template, fresh, member)
    if member.body is not None:  # the head's weights are the last
        weights[: len(member.body.weights)] = member.body.weights
        stored = member.body.stored
    return Weights(weights.astype(dtype), stored.astype(dtype))


def fresh_weights(template: Template, fresh: dict, member: Member) -> np.ndarray:
    """Return fresh weights whose output bias is the loss's best constant."""
    values, head = [], networks.head_of(template.model)
    for variable in template.model.trainable_variables:
        value = fresh[id(variable)]
        if variable is head.bias:
            value = member.head_bias[: variable.shape[-1]]  # latent outputs have none
        elif variable is head.kernel:
            value = value * member.loss.head_scale * member.head_scale
        values.append(np.ravel(value))
    return np.where(template.columns.global_kernels, 0.0, np.concatenate(values))


def first_slots(template: Template, start: TrainingState | None) -> Slots:
    """Return what the optimiser remembers, fresh or of an earlier training."""
    if start is None or start.slots is None:
        fresh = template.optimizer.fresh
        return Slots(fresh.count[:1], tuple(moment[:1] for moment in fresh.moments))
    count, moments = start.slots
    return Slots(np.reshape(count, 1), tuple(moment[None] for moment in moments))


def first_average(
    template: Template, start: TrainingState | None, weights: np.ndarray
) -> np.ndarray | tuple:
    """Return the averaged weights, which begin at the weights; empty without any."""
    if not template.structure.member.averages:
        return ()
    earlier = None if start is None else start.average
    return weights[None] if earlier is None else earlier[None]
