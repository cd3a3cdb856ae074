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
        """Create the mask of one batch."""
        self.mask = self.add_weight(
            shape=(self.batch_size, shape[-1]),
            initializer="ones",
            trainable=False,
            name="stacked_dropout_mask",
        )

    def call(self, x, training=False):
        """Multiply by the mask in training."""
        return x * self.mask if training else x
