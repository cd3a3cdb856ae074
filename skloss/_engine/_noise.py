"""The random numbers of steps.

Networks share those of an epoch and step, at whatever moment each comes to it, so that
comparisons between networks are paired.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from skloss._engine._hash import draw_uniform
from skloss._engine._template import Template
from skloss._tensorflow import tf


class Noise(NamedTuple):
    """What is random in a block of steps besides dropout, or in one step of it.

    It is drawn outside of what XLA compiles, which would draw others from the same
    seeds.

    Attributes
    ----------
    input_noise : tensor of shape (networks, steps, batch, features)
        Standard normal; empty where no network has noise on its inputs.
    mixup : tensor of shape (networks, steps, 2)
        Two uniform numbers; empty where no network mixes rows.
    """

    input_noise: Any = ()
    mixup: Any = ()

    def of_step(self, i: tf.Tensor) -> Noise:
        """Return the noise of one step, without the axis of steps."""
        return tf.nest.map_structure(lambda values: values[:, i], self)


def draw_noise(template: Template, seed: tf.Tensor, first: tf.Tensor) -> Noise:
    """Return the noise of a block.

    Parameters
    ----------
    template : Template
    seed : int tensor
        Of the training.
    first : int tensor of shape (networks,)
        Number of the block's first among all steps of a network.
    """
    # one draw for a block, whose length is the same in programs of all sizes; those who
    # are as far as each other share it
    begins, whose = tf.unique(first)

    def draw(distribution, shape, source):
        shape, shift = [template.block_length, *shape], 7919 * source

        def of(begin):
            key = tf.stack([seed + shift, begin])
            return distribution(shape, seed=key, dtype=template.dtype)

        if template.size == 1:
            return of(begins[0])[None]
        spec = tf.TensorSpec(shape, template.dtype)
        drawn = tf.map_fn(of, begins, fn_output_signature=spec)
        return tf.ensure_shape(tf.gather(drawn, whose), [template.size, *shape])

    noise, structure = Noise(), template.structure
    if "input_noise" in structure.regularizers:
        shape = [template.batch_size, structure.data.n_features]
        normal = draw(tf.random.stateless_normal, shape, -1)
        noise = noise._replace(input_noise=normal)
    if "mixup" in structure.regularizers:
        noise = noise._replace(mixup=draw(tf.random.stateless_uniform, [2], -2))
    return noise


def draw_masks(
    template: Template, seed: tf.Tensor, number: tf.Tensor, rate: tf.Tensor
) -> list[tf.Tensor]:
    """Return what each dropout layer multiplies its units by in a step.

    Parameters
    ----------
    template : Template
    seed : int tensor
        Of the training.
    number, rate : tensor of shape (networks,)
        Of the step among all of a network; the share of units that is dropped.

    Returns
    -------
    list of tensor of shape (networks, batch, ...)
        As long as the layer's inputs.
    """
    masks = []
    for i, mask in enumerate(template.layout.masks):
        uniform = draw_uniform(seed, number, [*mask.shape], i, template.dtype)
        share = tf.reshape(rate, [-1, *[1] * len(mask.shape)])
        masks.append(tf.where(uniform >= share, 1 / (1 - share), 0.0))
    return masks
