"""Dropout for networks that are trained together."""

from skloss._tensorflow import keras


class StackedDropout(keras.layers.Layer):
    """Dropout whose mask is a weight, so that networks can be stacked.

    The mask holds 0 or 1 / (1 - rate). It is made outside, once per step, from noise
    that all networks share: comparisons between them are paired.
    """

    def __init__(self, batch_size, **kwargs):
        super().__init__(**kwargs)
        self.batch_size = batch_size

    def build(self, shape):
        """Create the mask of one batch.

        Raises
        ------
        ValueError
            If a length of the input, but for the number of rows, is not known.
        """
        if None in shape[1:]:
            raise ValueError(
                f"make_dropout() is given an input of shape {tuple(shape)}, but must "
                f"know all lengths except the number of rows; put it behind a layer "
                f"whose output has them, such as Dense, Flatten or a pooling."
            )
        self.mask = self.add_weight(
            shape=(self.batch_size, *shape[1:]),
            initializer="ones",
            trainable=False,
            name="stacked_dropout_mask",
        )

    def compute_output_shape(self, shape):
        """Return the shape of the input, which wrappers of layers ask for."""
        return shape

    def call(self, x, training=False):
        """Multiply by the mask in training."""
        return x * self.mask if training else x
