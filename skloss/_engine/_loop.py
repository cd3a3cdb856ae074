"""Epochs inside the graph: shuffling, schedules, validation, stopping, snapshots.

All functions are pure: weights and optimiser state come and go in ``state``, so that
one traced program serves several trainings at the same time.
"""

from skloss._engine import _cures as cures
from skloss._engine import _step as step_math
from skloss._engine._annealing import at_epoch
from skloss._engine._noise import noise_of
from skloss._engine._record import layer_rows
from skloss._engine._rows import take
from skloss._tensorflow import tf

HISTORY = ("loss", "learning_rate", "gradient_norm", "val_loss", "val_monitor")
IN_STEPS = (
    "seed loss_knobs optimizer_knobs l1 l2 weight_decay dropout clip_norm"
).split()


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
    history : tensor of shape (epochs, 5 or more, networks)
        ``HISTORY``, and the record of the layers.
    """
    if program.structure.judged_outside:
        state, row = one_epoch(program, inputs, state)
        return state, row[None]
    count = inputs["until"] - state["epoch"]
    shape = [program.n_rows, program.size]
    record = tf.TensorArray(program.dtype, size=count, element_shape=shape)
    first = state["epoch"]

    def going(state, record):
        return (state["epoch"] < inputs["until"]) & tf.reduce_any(state["active"])

    def epoch(state, record):
        new, row = one_epoch(program, inputs, state)
        new = judged(program, inputs, new, row)
        return new, record.write(state["epoch"] - first, row)

    state, record = tf.while_loop(going, epoch, (state, record), parallel_iterations=1)
    return state, record.stack()


def one_epoch(program, inputs, state):
    """Train one epoch and validate; return the state and the row of the history."""
    rates = learning_rates(program, inputs, state)
    now = at_epoch(inputs, state["epoch"])
    variables, alive, loss, norm, *squares = train_epoch(program, now, state, rates)
    val_loss, score = validate(program, inputs, variables)
    norm = norm / tf.cast(inputs["steps"], program.dtype)
    row = tf.stack([loss, rates[0], norm, val_loss, score])
    if squares:
        ends = state["variables"][0], variables[0]
        layers = layer_rows(program, *ends, *squares, inputs["steps"])
        row = tf.concat([row, layers], axis=0)
    return dict(state, variables=variables, alive=alive), row


def judged(program, inputs, state, row):
    """Return the state after an epoch: who goes on, and at what rate.

    ``row`` is the epoch's history. It is the graph that judges, or Python where a
    score comes from there.
    """
    loss, score = row[HISTORY.index("loss")], row[HISTORY.index("val_monitor")]
    state = stop_and_snapshot(inputs, state, loss, score)
    state = plateau(program, inputs, state, score)
    return dict(state, epoch=state["epoch"] + 1)


def predicting(variables, averaged):
    """Return the weights that predict, averaged or the last, and the statistics."""
    return [variables[-1] if averaged else variables[0], variables[1]]


def learning_rates(program, inputs, state):
    """Return the learning rates of this epoch's steps, (steps, networks)."""
    steps = tf.cast(inputs["steps"], program.dtype)
    first = tf.cast(state["epoch"], program.dtype) * steps
    index = (first + tf.range(steps, dtype=program.dtype))[:, None]
    horizon = tf.cast(inputs["horizon"], program.dtype) * steps
    schedule = program.schedule.bind(inputs["schedule_knobs"])
    curve = tf.cast(schedule.multiplier(index, steps, horizon), program.dtype)
    curve = tf.broadcast_to(curve, [inputs["steps"], program.size])
    return curve * inputs["learning_rate"] * state["scale"]


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
    """Take all steps of an epoch.

    Rows are gathered and noise is drawn outside the blocks of steps: a block that XLA
    compiles has static shapes, and random numbers of its own.

    Returns
    -------
    variables : list of tensors
    alive : tensor of shape (networks,)
        Who is finite.
    *sums : tensors
        See ``first_sums``; over the steps of the epoch.
    """
    index, weight, share = batches(program, inputs, state)
    length, steps = program.block_length, inputs["steps"]
    blocks = (steps + length - 1) // length
    constants = {name: inputs[name] for name in (*IN_STEPS, *program.structure.cures)}

    def body(i, variables, alive, *sums):
        begin = i * length
        first = state["epoch"] * steps + begin
        # the last block may be short: its last step stands where none is taken
        own = tf.minimum(begin + tf.range(length), steps - 1)
        rows = tf.gather(index, own)
        batch = {
            "x": take(inputs["table"], rows, program.structure.n_features),
            "y": targets(program, inputs, rows),
            "noise": noise_of(program, inputs["seed"], first),
            "weight": tf.gather(weight, own),
            "share": tf.gather(share, own),
            "rate": tf.gather(rates, own),
        }
        count = tf.minimum(steps - begin, length)
        going = state["active"], alive
        return i + 1, *program.take_steps(
            variables, batch, count, first, going, constants, sums
        )

    start = tf.constant(0), state["variables"], state["alive"], *first_sums(program)
    return tf.while_loop(lambda i, *_: i < blocks, body, start, parallel_iterations=1)[
        1:
    ]


def targets(program, inputs, rows):
    """Return the targets of rows, (..., networks, batch), as the networks see them."""
    task, y = program.structure.task, tf.gather(inputs["Y"], rows)
    units = inputs["loc"], inputs["scale"]
    return step_math.target_seen(task, y, *units, program.dtype)


def first_sums(program):
    """Return zeros for what is summed over the steps of an epoch.

    The shares of the mean loss and the norms of the gradient, both (networks,); squared
    gradients, (networks, weights), if layers are recorded.
    """
    zero = tf.zeros([program.size], program.dtype)
    if not program.structure.recorded:
        return [zero, zero]
    return [zero, zero, tf.zeros([program.size, len(program.kernels)], program.dtype)]


def take_steps(program, variables, batch, count, first, going, inputs, sums):
    """Take the first ``count`` steps of a block; all shapes are static.

    Parameters
    ----------
    program : Program
    variables : list of tensors
        Weights, moving statistics and the optimiser's state.
    batch : dict of tensors
        What belongs to each step, on the first axis.
    count, first : int tensors
        Steps to take; number of the first among all steps of the training.
    going : tuple of two bool tensors of shape (networks,)
        Who has not stopped early, and who is still finite.
    inputs : dict of tensors
    sums : sequence of tensors
        See ``first_sums``.

    Returns
    -------
    variables : list of tensors
    alive : tensor of shape (networks,)
        Who is still finite.
    *sums : tensors
    """
    active, alive = going

    def body(i, variables, alive, *sums):
        own = tf.nest.map_structure(lambda a: a[i], batch)
        variables, finite, *terms = one_step(
            program, variables, own, first + i, active & alive, inputs
        )
        sums = [total + term for total, term in zip(sums, terms, strict=True)]
        return i + 1, variables, alive & finite, *sums

    return tf.while_loop(
        lambda i, *_: i < count,
        body,
        (tf.constant(0), variables, alive, *sums),
        parallel_iterations=1,
    )[1:]


def one_step(program, variables, batch, number, going, inputs):
    """Take one optimiser step; return variables, who is finite, terms of the sums."""
    key = tf.stack([inputs["seed"], tf.cast(number, tf.int32)])
    weights, stored, *slots = variables
    used, noise = program.structure.cures, batch["noise"]
    average = slots.pop() if "weight_averaging" in used else None
    x, y, row_weight = cures.rows_seen(used, batch, noise, inputs)
    rate = inputs["dropout"][:, None, None]
    value, gradient, new_stored = step_math.gradients(
        program.layout,
        program.loss,
        program.structure.task,
        (
            inputs["loss_knobs"],
            program.layout.cut(weights),
            program.layout.cut_stored(stored),
            x,
            [tf.where(own >= rate, 1 / (1 - rate), 0.0) for own in noise["dropout"]],
            y,
            row_weight,
        ),
        tf.cast(key, tf.int64),
    )
    gradient = step_math.join(gradient, program.size)
    squares = [tf.square(gradient)] if program.structure.recorded else []
    gradient = step_math.penalised(
        gradient, weights, program.kernels, inputs["l1"], inputs["l2"]
    )
    if program.structure.n_global:
        gradient = tf.where(program.zeros, tf.zeros_like(gradient), gradient)
    gradient, norm, finite = step_math.clipped(gradient, inputs["clip_norm"])
    if "clip_value" in used:
        gradient = cures.clipped_by_value(gradient, inputs["clip_value"])
    finite = finite & tf.math.is_finite(value)
    going = going & finite
    if new_stored:
        rows = step_math.join(new_stored, program.size)
        stored = tf.where(going[:, None], rows, stored)
    weights, *slots = program.update(
        [weights, *slots], gradient, batch["rate"], going, inputs
    )
    if "max_norm" in used:
        weights = cures.within_norm(program.layout, weights, inputs["max_norm"], going)
    if "weight_averaging" in used:
        momentum = inputs["weight_averaging"]
        slots.append(cures.averaged(average, weights, momentum, number, going))
    terms = value * batch["share"], norm, *squares
    return [weights, stored, *slots], finite, *terms


def validate(program, inputs, variables):
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
    weights, stored = predicting(variables, "weight_averaging" in inputs)
    parts = program.layout.cut(weights)
    stored = program.layout.cut_stored(stored)
    zero = tf.zeros([size], program.dtype)

    def body(i, loss, score):
        index = tf.ensure_shape(rows[i], [size, batch])
        x = take(inputs["table"], index, program.structure.n_features)
        y = targets(program, inputs, index)
        y = tf.ensure_shape(y, [size, batch, task.size])
        raw = step_math.forward(program.layout, parts, stored, x)
        common = (
            program.loss,
            task,
            y,
            raw,
            tf.ensure_shape(weight[i], [size, batch]),
            inputs["loss_knobs"],
        )
        value = step_math.losses(*common)
        own = step_math.monitors(*common, inputs["class_weight"])
        return i + 1, loss + value, score + own

    _, loss, score = tf.while_loop(
        lambda i, *_: i < steps, body, (tf.constant(0), zero, zero)
    )
    return loss, score


def stop_and_snapshot(inputs, state, loss, score):
    """Keep the best weights; stop who ran out of patience.

    Without early stopping the training loss tells which are best: a network that
    diverges has usually trained some epochs in vain before its loss overflows.
    """
    stopping = tf.math.is_finite(inputs["patience"])
    healthy = state["alive"] & tf.math.is_finite(loss)
    active = state["active"]
    merit = tf.where(stopping, score, loss)
    better = (merit < state["best"]) & healthy & active
    wait = tf.where(better, 0.0, state["wait"] + 1.0)
    out_of_patience = stopping & (wait >= tf.cast(inputs["patience"], tf.float32))
    number = state["epoch"] + 1
    seen = predicting(state["variables"], "weight_averaging" in inputs)
    kept = zip(state["kept"], seen, strict=True)
    return dict(
        state,
        kept=[tf.where(better[:, None], new, old) for old, new in kept],
        best=tf.where(better, merit, state["best"]),
        wait=wait,
        best_epoch=tf.where(better, number, state["best_epoch"]),
        n_epochs=tf.where(active, number, state["n_epochs"]),
        diverged=state["diverged"] | (active & ~healthy),
        active=active & healthy & ~out_of_patience,
    )


def plateau(program, inputs, state, score):
    """Let a schedule that watches the score change its scale."""
    if not program.schedule.monitors:
        return state
    names = {
        "scale": "scale",
        "best": "plateau_best",
        "wait": "plateau_wait",
        "cooldown": "plateau_cooldown",
    }
    own = {name: state[ours] for name, ours in names.items()}
    schedule = program.schedule.bind(inputs["schedule_knobs"])
    new = schedule.plateau(own, score, inputs["learning_rate"])
    new = {names[k]: tf.cast(value, program.dtype) for k, value in new.items()}
    return {**state, **new}
