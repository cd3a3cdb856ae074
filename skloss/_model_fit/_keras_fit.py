"""Training by ``Model.fit``, through scikeras, of what the compiled loop cannot hold.

Callbacks that act inside an epoch, and bodies with a ``train_step`` of their own.
"""

import itertools
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from skloss import networks
from skloss._callbacks._callback_copies import release_models
from skloss._engine import (
    Data,
    Plan,
    Result,
    Stream,
    build_plain_model,
    count_steps,
    make_pools,
)
from skloss._engine._plan import REGULARIZERS
from skloss._engine._predict import assign_weights
from skloss._engine._step import Layout
from skloss._model_fit._keras_record import KerasRecord, make_network_targets
from skloss._tensorflow import keras, quietly, tf
from skloss._tensorflow._kept_state import keep_seed_and_determinism
from skloss.losses import Loss, Task
from skloss.networks._body import defines_training
from skloss.schedules import Constant

PATCHED = (
    (keras.Model, "__reduce__"),
    (keras.Model, "__deepcopy__"),
    (keras.losses.Loss, "__reduce__"),
    (keras.metrics.Metric, "__reduce__"),
    (keras.optimizers.Optimizer, "__reduce__"),
)


def import_wrappers():
    """Return ``scikeras.wrappers``, with Keras left as it was.

    Importing scikeras changes how Keras' objects are copied; ours need none of that.
    """
    before = [(cls, name, cls.__dict__.get(name)) for cls, name in PATCHED]
    import scikeras.wrappers

    for cls, name, method in before:
        if method is not None:
            setattr(cls, name, method)
        elif name in cls.__dict__:
            delattr(cls, name)
    return scikeras.wrappers


def find_body_with_train_step(plan: Plan, data: Data) -> keras.Model | None:
    """Return the part of a user's network that says itself how to train, or None.

    The model is that of the compiled loop, which is made anyway, and kept.
    """
    if isinstance(plan.network, networks.MLP):
        return None
    template = make_pools(plan, data)[0].program().template.model
    return find_layer_with_train_step(template)


def find_layer_with_train_step(model: keras.Model) -> keras.Layer | None:
    """Return the layer of a model whose class defines ``train_step``, or None."""
    return next((layer for layer in model.layers if defines_training(layer)), None)


class KerasFit:
    """Trains one network by ``Model.fit``.

    Parameters
    ----------
    why : str
        What the compiled loop cannot hold.
    callbacks : list of keras.callbacks.Callback
        This training's own.
    verbose : int
    """

    def __init__(self, why: str, callbacks: list, verbose: int):
        self.why, self.callbacks, self.verbose = why, callbacks, verbose

    def check(self, plan: Plan, stream: Stream, calibration: str | None) -> None:
        """Raise ValueError for what ``Model.fit`` cannot do, before training."""
        member = plan.members[0]
        loss, schedule, start = member.loss, member.schedule, member.start
        for fails, what in (
            (
                not loss.decomposable,
                f"loss={loss!r} is the value of a batch, not a sum over its rows",
            ),
            (
                loss.n_global(plan.task) > 0,
                f"loss={loss!r} trains numbers that do not depend on X",
            ),
            (
                schedule.monitors,
                f"lr_schedule={schedule!r} watches a score; use "
                f"keras.callbacks.ReduceLROnPlateau",
            ),
            (
                any(getattr(member, name) != off for name, off in REGULARIZERS.items()),
                f"{', '.join(REGULARIZERS)} are for the compiled loop",
            ),
            (
                member.varying,
                f"schedules in place of {', '.join(member.varying)} are for the "
                f"compiled loop",
            ),
            (
                start is not None and start.epoch > 0,
                "partial_fit would lose the optimiser's state; use warm_start=True",
            ),
            (
                calibration is not None and not len(stream.val_rows),
                f"calibration={calibration!r} would train five more networks without "
                f"it; give X_val and y_val",
            ),
        ):
            if fails:
                raise ValueError(
                    f"{self.why}, so keras.Model.fit must train the network, but "
                    f"{what}."
                )

    def __call__(self, plan: Plan, data: Data) -> Result:
        """Return the Result of training ``plan`` on ``data``."""
        (member,), (stream,) = plan.members, data.streams
        model, layout = make_trainee(plan, data)
        plan = replace(plan, batch_size=adapt_batch_size(plan, stream, model))
        row_loss = RowLoss(member.loss, plan.task, plan.dtype)
        model.compile(optimizer=make_optimizer(plan, stream, layout), loss=row_loss)
        # a train_step of the user's may call its loss what it likes, penalty or not
        penalised = (
            find_layer_with_train_step(layout.model) is None
            and member.l1 + member.l2 > 0
        )
        record = KerasRecord(plan, data, layout, penalised, self.why)
        callbacks = [record, *self.callbacks]
        if np.isfinite(member.patience):
            callbacks.append(record.make_early_stopping(member.patience))
        X, Y = make_dense_table(plan, data, stream.rows)
        held = {}
        if len(stream.val_rows):
            weight = stream.val_weight / stream.val_weight.mean()
            held["validation_data"] = (
                *make_dense_table(plan, data, stream.val_rows),
                weight,
            )
        # until the first batch TensorFlow speaks of itself, then the user's callbacks
        with ExitStack() as before_first_batch:
            before_first_batch.enter_context(quietly())
            wrapper = import_wrappers().BaseWrapper(
                model=model,
                epochs=plan.epochs,
                batch_size=plan.batch_size,
                callbacks=[AtFirstBatch(before_first_batch.close), *callbacks],
                random_state=plan.seed,
                verbose=2 if self.verbose else 0,
            )
            with keep_seed_and_determinism():
                wrapper.fit(X, Y, sample_weight=stream.weight, **held)
        release_models(self.callbacks)
        return record.make_result(model.stop_training)

    @property
    def fitted(self):
        """The callbacks as training left them."""
        return self.callbacks


def adapt_batch_size(plan: Plan, stream: Stream, model: keras.Model) -> int:
    """Return the batch size, a little larger if one row would be normalised alone.

    ``Model.fit`` does not fill the last batch, and statistics of one row make the
    moving ones wrong.
    """
    norms = keras.layers.BatchNormalization
    normalised = any(
        isinstance(layer, norms) for layer in networks.get_leaf_layers(model)
    )
    if not normalised or len(stream.rows) < 2:
        return plan.batch_size
    sizes = itertools.count(plan.batch_size)
    return next(size for size in sizes if len(stream.rows) % size != 1)


class AtFirstBatch(keras.callbacks.Callback):
    """Does something when the first batch has been read.

    Parameters
    ----------
    act : callable
        May be called again.
    """

    def __init__(self, act):
        super().__init__()
        self.act = act

    def on_train_batch_begin(self, batch, logs=None):
        """Do it."""
        self.act()


def make_dense_table(
    plan: Plan, data: Data, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return dense features of some rows, and targets as the network sees them."""
    X = data.X[rows]
    X = X if isinstance(X, np.ndarray) else X.toarray()
    return X.astype(plan.dtype), make_network_targets(plan, data, rows)


def make_trainee(plan: Plan, data: Data) -> tuple[keras.Model, Layout]:
    """Return the model to train, raw outputs and all, and the layout of its weights.

    It starts from the weights that the compiled loop would start from.
    """
    member = plan.members[0]
    model = build_plain_model(
        plan.network,
        data.X.shape[1],
        member.loss.n_raw(plan.task),
        plan.dtype,
        member.dropout,
        lambda raw: raw,
    )
    layout = Layout(model)
    # so that a fit through Keras and one through the compiled loop start alike
    first = make_pools(plan, data)[0].first_state(0).kept
    assign_weights(layout, *(np.asarray(rows)[0] for rows in first))
    penalise_kernels(model, member.l1, member.l2)
    body = find_layer_with_train_step(model)
    return (model if body is None else give_train_step(model, body)), layout


def penalise_kernels(model: keras.Model, l1: float, l2: float) -> None:
    """Add the penalties of a model's kernels to what ``Model.fit`` minimises."""
    for variable in model.trainable_variables if l1 or l2 else ():
        if networks.is_kernel(variable):
            variable.regularizer = Penalty(l1, l2)


def give_train_step(model: keras.Model, body: keras.Model) -> keras.Model:
    """Return a model that computes as ``model`` and trains as ``body`` says.

    It is of the body's class, so that ``super()`` works in its methods, and has the
    body's attributes.
    """
    functional = hasattr(body, "inputs")  # built of layers, not by a call of its own

    class Trainee(type(body)):
        def __init__(self):
            if functional:
                type(model).__init__(self, model.input, model.output)
            else:
                keras.Model.__init__(self)
                self.whole = model  # whose weights are then its own
            for name, value in vars(body).items():
                if name not in vars(self) and not name.startswith("_"):
                    setattr(self, name, value)

    if not functional:
        Trainee.build = lambda self, shape: None
        Trainee.call = lambda self, x, training=False: self.whole(x, training=training)
    Trainee.__name__ = type(body).__name__
    return Trainee()


class RowLoss(keras.losses.Loss):
    """A loss of ours as Keras': the value of each row, on raw outputs."""

    def __init__(self, loss: Loss, task: Task, dtype: str):
        super().__init__(name="loss", reduction="sum_over_batch_size", dtype=dtype)
        self.loss, self.task = loss, task

    def call(self, y_true, y_pred):
        """Return the value of each row."""
        return self.loss.rowwise(self.task, y_true, y_pred)


class Penalty(keras.regularizers.L1L2):
    """Keras' penalty, in the dtype in which Keras sums losses."""

    def __call__(self, x):
        """Return l1 sum|x| + l2 sum x^2."""
        return tf.cast(super().__call__(x), keras.config.floatx())


class KerasSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule of ours as Keras'."""

    def __init__(self, plan: Plan, steps: int):
        self.member, self.dtype = plan.members[0], plan.dtype
        self.steps, self.horizon = steps, plan.horizon or plan.epochs

    def __call__(self, step):
        """Return the learning rate of a step."""
        step, steps, horizon = (
            tf.cast(n, self.dtype)
            for n in (step, self.steps, self.horizon * self.steps)
        )
        schedule = self.member.schedule
        multiplier = schedule.multiplier(tf.reshape(step, [1, 1]), steps, horizon)
        return tf.reshape(multiplier, []) * self.member.learning_rate

    def get_config(self):
        """Return nothing, for a model that is trained here is never saved."""
        return {}


def make_optimizer(
    plan: Plan, stream: Stream, layout: Layout
) -> keras.optimizers.Optimizer:
    """Return Keras' optimiser with the rate, decay and clipping of the fit."""
    member, steps = plan.members[0], count_steps(plan, stream)
    constant = isinstance(member.schedule, Constant)
    optimizer = member.optimizer.cls(
        **member.optimizer.own_params(),
        learning_rate=member.learning_rate if constant else KerasSchedule(plan, steps),
        weight_decay=member.weight_decay,
        global_clipnorm=member.clip_norm if np.isfinite(member.clip_norm) else None,
    )
    # as in the compiled loop, and in the papers, biases and scales do not decay
    others = [v for v in layout.model.trainable_variables if not networks.is_kernel(v)]
    if others:
        optimizer.exclude_from_weight_decay(var_list=others)
    return optimizer
