"""An MLP to a few numbers, and its mirror image back: what autoencoders train."""

from __future__ import annotations

from collections.abc import Callable

from skloss._tensorflow import keras
from skloss.networks._mlp import MLP

LATENT, JOINED = "latent", "outputs_and_latent"  # names of layers


class Autoencoder(MLP):
    """Two MLPs behind each other: an encoder, and a decoder that is its mirror image.

    Its outputs are those of the decoder's head, and behind them the latent numbers. A
    variational one takes noise as further inputs, one number for each dimension: its
    encoder gives a mean and a log-variance, and its decoder sees a draw from them.

    Parameters
    ----------
    encoder : MLP
        Its hidden layers; the decoder has them in the reverse order.
    n_components : int
        Latent dimensions.
    variational : bool
    """

    def __init__(self, encoder: MLP, n_components: int, variational: bool):
        super().__init__(**encoder.get_params(deep=False))
        self.encoder = encoder
        self.n_components = n_components
        self.variational = variational

    def structure(self):
        """Return all parameters: widths are shapes, not run-time numbers."""
        own = self.n_components, self.variational
        return (type(self), self.encoder.structure(), *own)

    @property
    def n_latent(self) -> int:
        """The number of latent outputs: of a variational one, two a dimension."""
        return self.n_components * (1 + self.variational)

    @property
    def decoder(self) -> MLP:
        """The MLP from latent numbers back; periodic embeddings are the encoder's."""
        sizes = tuple(self.hidden_layer_sizes)[::-1]
        return self.encoder.copy_with(hidden_layer_sizes=sizes, embedding=None)

    def count_features(self, n_inputs: int) -> int:
        """Return how many of the inputs are features: the others are noise."""
        return n_inputs - self.n_components * self.variational

    def count_products(self, n_features: int, n_raw: int) -> int:
        """Return the multiplications of a row in the products of matrices."""
        encoder = self.encoder.count_products(
            self.count_features(n_features), self.n_latent
        )
        head = n_raw - self.n_latent
        return encoder + self.decoder.count_products(self.n_components, head)

    def attach_head(self, inputs, n_raw: int, dropout_layer: Callable, dtype: str):
        """Return the decoder's outputs and the latent ones, symbolic."""
        features, k = self.count_features(inputs.shape[1]), self.n_components
        hidden = self.encoder.body(inputs[:, :features], dropout_layer, dtype)
        latent = keras.layers.Dense(self.n_latent, dtype=dtype, name=LATENT)(hidden)
        code = latent
        if self.variational:
            mean, log_variance = latent[:, :k], latent[:, k:]
            deviation = keras.ops.exp(0.5 * keras.ops.clip(log_variance, -10, 10))
            code = mean + deviation * inputs[:, features:]
        out = self.decoder.attach_head(
            code, n_raw - self.n_latent, dropout_layer, dtype
        )
        return keras.layers.Concatenate(dtype=dtype, name=JOINED)([out, latent])

    def list_halves(self, n_features: int, n_raw: int) -> list[tuple]:
        """Return encoder and decoder, each with its numbers of inputs and outputs.

        Their variables come one after the other in those of the whole.
        """
        head = n_raw - self.n_latent
        return [
            (self.encoder, n_features, self.n_latent),
            (self.decoder, self.n_components, head),
        ]
