"""The random numbers of a block of steps, drawn outside it.

All networks share them, so that comparisons between networks are paired. XLA would draw
others from the same seeds.
"""

from skloss._tensorflow import tf


def noise_of(program, seed, first):
    """Return everything random in a block of steps, the steps on the first axis.

    Parameters
    ----------
    program : Program
    seed, first : int tensors
        Of the training; number of the block's first among all steps.

    Returns
    -------
    dict of tensors
        "dropout": a list with each layer's uniform noise, (steps, batch, units).
        "input_noise": standard normal, (steps, batch, features).
        "mixup": two uniform numbers, (steps, 2).
    """

    def drawn(draw, shape, source):
        return tf.map_fn(
            lambda i: draw(
                shape,
                seed=tf.stack([seed, first + i]) + tf.constant([7919 * source, 0]),
                dtype=program.dtype,
            ),
            tf.range(program.block_length),
            fn_output_signature=tf.TensorSpec(shape, program.dtype),
        )

    uniform, normal = tf.random.stateless_uniform, tf.random.stateless_normal
    masks, used = program.layout.masks, program.structure.cures
    noise = {"dropout": [drawn(uniform, m.shape, i) for i, m in enumerate(masks)]}
    if "input_noise" in used:
        shape = [program.batch_size, program.structure.n_features]
        noise["input_noise"] = drawn(normal, shape, -1)
    if "mixup" in used:
        noise["mixup"] = drawn(uniform, [2], -2)
    return noise
