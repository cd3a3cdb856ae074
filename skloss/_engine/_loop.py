"""Epochs inside the graph: shuffling, schedules, validation, stopping, snapshots."""

import tensorflow as tf

from skloss._engine import _step as step_math
from skloss._engine._rows import take

HISTORY = ("loss", "learning_rate", "gradient_norm", "val_loss", "val_monitor")


def run_epochs(program, inputs, state):
    """Train from ``state["epoch"]`` until ``inputs["until"]`` or until all stopped.

    Parameters
    ----------
    program : Program
    inputs, state : dict of tensors
        See ``Program.inputs`` and ``Program.initial_state``.

    Returns
    -------
    state : dict of tensors
    history : tensor of shape (epochs, 5, networks)
    """
    count = inputs["until"] - state["epoch"]
    record = tf.TensorArray(program.dtype, size=count, element_shape=[5, program.size])
    first = state["epoch"]

    def going(state, record):
        return (state["epoch"] < inputs["until"]) & tf.reduce_any(state["active"])

    def epoch(state, record):
        new, row = one_epoch(program, inputs, state)
        return new, record.write(state["epoch"] - first, row)

    state, record = tf.while_loop(going, epoch, (state, record), parallel_iterations=1)
    return state, record.stack()


def one_epoch(program, inputs, state):
    """Train one epoch, validate, and update who goes on."""
    rates, scale = learning_rates(program, inputs, state)
    alive, loss, norm = train_epoch(program, inputs, state, rates)
    healthy = alive & tf.math.is_finite(loss)
    val_loss, score = validate(program, inputs)
    row = tf.stack([loss, rates[0], norm, val_loss, score])
    state = dict(state, alive=alive, scale=scale)
    state = stop_and_snapshot(program, inputs, state, healthy, loss, score)
    state = plateau(program, inputs, state, score)
    return dict(state, epoch=state["epoch"] + 1), row


def learning_rates(program, inputs, state):
    """Return the learning rates of this epoch's steps, (steps, networks)."""
    steps = tf.cast(inputs["steps"], program.dtype)
    first = tf.cast(state["epoch"], program.dtype) * steps
    index = (first + tf.range(steps, dtype=program.dtype))[:, None]
    horizon = tf.cast(inputs["horizon"], program.dtype) * steps
    curves = []
    for group, knobs in zip(program.groups, inputs["schedule_knobs"], strict=True):
        curve = group.schedule.bind(knobs).multiplier(index, steps, horizon)
        curve = tf.cast(curve, program.dtype)
        curves.append(tf.broadcast_to(curve, [inputs["steps"], group.count]))
    rates = tf.concat(curves, axis=1) * inputs["learning_rate"] * state["scale"]
    return rates, state["scale"]


def batches(program, inputs, state):
    """Return row numbers and weights of this epoch's batches, step first.

    Networks of one fold share the permutation. Positions past the end of a fold wrap
    round with weight zero: real rows, so that batch statistics stay sane.
    """
    rows, n_rows, size = inputs["rows"], inputs["n_rows"], program.batch_size
    longest = tf.shape(rows)[1]
    seed = tf.stack([inputs["seed"], state["epoch"]])
    draw = tf.random.stateless_uniform([longest], seed=seed)
    padding = tf.range(longest)[None] >= n_rows[:, None]
    order = tf.argsort(tf.where(padding, 2.0, draw[None]), axis=1, stable=True)
    position = tf.range(inputs["steps"] * size)
    index = tf.gather(order, position[None] % n_rows[:, None], batch_dims=1)
    real = tf.cast(position[None] < n_rows[:, None], program.dtype)
    weight = tf.gather(inputs["weight"], index, batch_dims=1) * real
    weight = tf.reshape(weight, [-1, inputs["steps"], size])
    # the rows of a step, not of the batch, divide: the last batch may be short
    count = tf.reduce_sum(tf.reshape(real, tf.shape(weight)), axis=2)
    index = tf.gather(rows, index, batch_dims=1)
    index = tf.reshape(index, tf.shape(weight))
    own = inputs["stream"]
    share = tf.gather(count / tf.cast(n_rows, program.dtype)[:, None], own)
    return (
        tf.transpose(tf.gather(index, own), [1, 0, 2]),
        tf.transpose(tf.gather(weight / count[:, :, None], own), [1, 0, 2]),
        tf.transpose(share),
    )


def train_epoch(program, inputs, state, rates):
    """Take all steps of an epoch; return who is finite, mean loss and mean norm."""
    index, weight, share = batches(program, inputs, state)
    epoch_rows = (index, weight, rates)  # one slice of each belongs to a step
    zero = tf.zeros([program.size], program.dtype)

    def body(i, alive, loss, norm):
        value, own_norm, finite = program_step(
            program, inputs, state, *(tf.gather(a, i) for a in epoch_rows), alive, i
        )
        alive = alive & finite
        return i + 1, alive, loss + value * tf.gather(share, i), norm + own_norm

    _, alive, loss, norm = tf.while_loop(
        lambda i, *_: i < inputs["steps"],
        body,
        (tf.constant(0), state["alive"], zero, zero),
        parallel_iterations=1,
    )
    return alive, loss, norm / tf.cast(inputs["steps"], program.dtype)


def program_step(program, inputs, state, index, weight, rate, alive, i):
    """Take one optimiser step with every network."""
    size, batch, task = program.size, program.batch_size, program.structure.task
    index = tf.ensure_shape(index, [size, batch])
    x = take(inputs["table"], index, program.structure.n_features)
    y = tf.ensure_shape(tf.gather(inputs["Y"], index), [size, batch, task.size])
    count = tf.cast(state["epoch"] * inputs["steps"] + i, tf.int32)
    key = tf.stack([inputs["seed"], count])
    weights, stored = program.weights.value, program.stored_rows()
    value, gradient, stored = step_math.gradients(
        program.layout,
        program.groups,
        task,
        inputs["loss_knobs"],
        (
            program.layout.cut(weights),
            program.layout.cut_stored(stored),
            x,
            dropout_masks(program, inputs, key),
            y,
            tf.ensure_shape(weight, [size, batch]),
            inputs["loc"],
            inputs["scale"],
        ),
        tf.cast(key, tf.int64),
    )
    gradient = step_math.join(gradient, size)
    gradient = step_math.penalised(
        gradient, weights, program.kernels, inputs["l1"], inputs["l2"]
    )
    if program.structure.n_global:
        gradient = tf.where(program.zeros, tf.zeros_like(gradient), gradient)
    gradient, norm, finite = step_math.clipped(gradient, inputs["clip_norm"])
    going = state["active"] & alive & finite & tf.math.is_finite(value)
    program.update(gradient, stored, rate, going, inputs)
    return value, norm, finite & tf.math.is_finite(value)


def dropout_masks(program, inputs, key):
    """Return each dropout layer's masks, (networks, batch, units).

    Where no network drops anything one row of noise serves the whole batch: the rate
    stays a run-time number, and networks without dropout hardly pay for it.
    """
    rate = inputs["dropout"][:, None, None]
    masks = []
    for j, variable in enumerate(program.layout.masks):
        shape = tf.stack([inputs["noise_rows"], variable.shape[1]])
        seed = key + tf.constant([7919 * j, 0])
        noise = tf.random.stateless_uniform(shape, seed=seed, dtype=program.dtype)
        noise = tf.broadcast_to(noise, variable.shape)
        masks.append(tf.where(noise >= rate, 1 / (1 - rate), 0.0))
    return masks


def validate(program, inputs):
    """Return validation loss and monitored score per network; NaN without data."""
    if not program.structure.validation:
        missing = tf.fill([program.size], tf.constant(float("nan"), program.dtype))
        return missing, missing
    size, batch, task = program.size, program.batch_size, program.structure.task
    n_rows = tf.shape(inputs["val_rows"])[1]
    steps = (n_rows + batch - 1) // batch
    padding = [[0, 0], [0, steps * batch - n_rows]]
    rows = tf.reshape(tf.pad(inputs["val_rows"], padding), [-1, steps, batch])
    weight = tf.reshape(tf.pad(inputs["val_weight"], padding), [-1, steps, batch])
    rows = tf.transpose(tf.gather(rows, inputs["stream"]), [1, 0, 2])
    weight = tf.transpose(tf.gather(weight, inputs["stream"]), [1, 0, 2])
    parts = program.layout.cut(program.weights.value)
    stored = program.layout.cut_stored(program.stored_rows())
    zero = tf.zeros([size], program.dtype)

    def body(i, loss, score):
        index = tf.ensure_shape(rows[i], [size, batch])
        x = take(inputs["table"], index, program.structure.n_features)
        y = tf.ensure_shape(tf.gather(inputs["Y"], index), [size, batch, task.size])
        raw = step_math.forward(program.layout, parts, stored, x)
        common = (
            program.groups,
            task,
            y,
            raw,
            tf.ensure_shape(weight[i], [size, batch]),
            inputs["loss_knobs"],
            inputs["loc"],
            inputs["scale"],
        )
        value = step_math.losses(*common)
        own = step_math.monitors(*common, inputs["class_weight"])
        return i + 1, loss + value, score + own

    _, loss, score = tf.while_loop(
        lambda i, *_: i < steps, body, (tf.constant(0), zero, zero)
    )
    return loss, score


def stop_and_snapshot(program, inputs, state, healthy, loss, score):
    """Keep the best weights; stop who ran out of patience.

    Without early stopping the training loss tells which are best: a network that
    diverges has usually trained some epochs in vain before its loss overflows.
    """
    stopping = tf.math.is_finite(inputs["patience"])
    active = state["active"]
    merit = tf.where(stopping, score, loss)
    better = (merit < state["best"]) & healthy & active
    program.snapshot(better)
    wait = tf.where(better, 0.0, state["wait"] + 1.0)
    out_of_patience = stopping & (wait >= tf.cast(inputs["patience"], tf.float32))
    number = state["epoch"] + 1
    return dict(
        state,
        best=tf.where(better, merit, state["best"]),
        wait=wait,
        best_epoch=tf.where(better, number, state["best_epoch"]),
        n_epochs=tf.where(active, number, state["n_epochs"]),
        diverged=state["diverged"] | (active & ~healthy),
        active=active & healthy & ~out_of_patience,
    )


def plateau(program, inputs, state, score):
    """Let the schedules that watch the score change their scale."""
    pieces = {name: [] for name in ("scale", "best", "wait", "cooldown")}
    start = 0
    for group, knobs in zip(program.groups, inputs["schedule_knobs"], strict=True):
        piece = slice(start, start + group.count)
        start += group.count
        own = {
            "scale": state["scale"][piece],
            "best": state["plateau_best"][piece],
            "wait": state["plateau_wait"][piece],
            "cooldown": state["plateau_cooldown"][piece],
        }
        if group.schedule.monitors:
            own = group.schedule.bind(knobs).plateau(
                own, score[piece], inputs["learning_rate"][piece]
            )
        for name, value in own.items():
            pieces[name].append(tf.cast(value, program.dtype))
    joined = {name: tf.concat(parts, axis=0) for name, parts in pieces.items()}
    return dict(
        state,
        scale=joined["scale"],
        plateau_best=joined["best"],
        plateau_wait=joined["wait"],
        plateau_cooldown=joined["cooldown"],
    )
