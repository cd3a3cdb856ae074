"""The random numbers of a block of steps, drawn outside it.

All networks share them, so that comparisons between networks are paired. XLA would draw
others from the same seeds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from skloss._engine._template import Template
from skloss._tensorflow import tf


class Noise(NamedTuple):
    """Everything random in a block of steps, the steps on the first axis.

    Attributes
    ----------
    dropout : tuple of tensors of shape (steps, batch, units)
        Each layer's uniform noise.
    input_noise : tensor of shape (steps, batch, features)
        Standard normal; empty where no network has noise on its inputs.
    mixup : tensor of shape (steps, 2)
        Two uniform numbers; empty where no network mixes rows.
    """

    dropout: tuple
    input_noise: Any = ()
    mixup: Any = ()


def draw_noise(template: Template, seed: tf.Tensor, first: tf.Tensor) -> Noise:
    """Return the noise of a block.

    Parameters
    ----------
    template : Template
    seed, first : int tensors
        Of the training; number of the block's first among all steps.
    """

    def draw(distribution, shape, source):
        return tf.map_fn(
            lambda i: distribution(
                shape,
                seed=tf.stack([seed, first + i]) + tf.constant([7919 * source, 0]),
                dtype=template.dtype,
            ),
            tf.range(template.block_length),
            fn_output_signature=tf.TensorSpec(shape, template.dtype),
        )

    uniform, normal = tf.random.stateless_uniform, tf.random.stateless_normal
    structure = template.structure
    noise = Noise(
        tuple(draw(uniform, m.shape, i) for i, m in enumerate(template.layout.masks))
    )
    if "input_noise" in structure.regularizers:
        shape = [template.batch_size, structure.data.n_features]
        noise = noise._replace(input_noise=draw(normal, shape, -1))
    if "mixup" in structure.regularizers:
        noise = noise._replace(mixup=draw(uniform, [2], -2))
    return noise
