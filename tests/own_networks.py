"""Networks of users, of every kind that Keras knows; at module level for pickle."""

import keras
from keras import layers


def wide(units=8, activation="relu"):
    """Return a body that takes X as it comes."""
    return keras.Sequential([layers.Dense(units, activation=activation)])


def pictures(filters=3):
    """Return a body that asks for 8 x 8 pictures."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(filters, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
        ]
    )


def signals(filters=3):
    """Return a functional body that convolves over time."""
    inputs = keras.Input((64,))
    x = layers.Reshape((64, 1))(inputs)
    x = layers.Conv1D(filters, 5, strides=3, activation="relu")(x)
    return keras.Model(inputs, layers.GlobalAveragePooling1D()(x))


def recurrent(units=6, cell="LSTM"):
    """Return a body that reads the rows of a picture one after the other."""
    return keras.Sequential([keras.Input((8, 8)), getattr(layers, cell)(units)])


def codes(size=3):
    """Return a body of two inputs: three columns of codes, the rest numbers."""
    which = keras.Input((3,), dtype="int32", name="which")
    numbers = keras.Input((None,), name="numbers")
    seen = layers.Flatten()(layers.Embedding(5, size)(which))
    rest = layers.Lambda(lambda x: x[:, :2], output_shape=(2,))(numbers)
    x = layers.Concatenate()([seen, rest])
    return keras.Model([which, numbers], layers.Dense(4, activation="tanh")(x))


@keras.saving.register_keras_serializable("skloss-tests")
class Attention(keras.Model):
    """A subclassed body, with a weight of its own beside its layers'."""

    def __init__(self, heads=2, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads
        self.parts = layers.Reshape((8, 8))
        self.attention = layers.MultiHeadAttention(heads, 3)
        self.norm = layers.LayerNormalization()
        self.flat = layers.Flatten()

    def build(self, shape):
        """Create the scale."""
        self.scale = self.add_weight(shape=(8,), initializer="ones", name="scale")
        self.parts.build(shape)
        rows = (shape[0], 8, 8)
        self.attention.build(rows, rows)
        self.norm.build(rows)
        self.built = True

    def call(self, x):
        """Return one vector a row."""
        x = self.parts(x)
        return self.flat(self.norm(x + self.attention(x, x)) * self.scale)

    def get_config(self):
        """Return the arguments."""
        return {"heads": self.heads}


KINDS = {
    "dense": (wide, "units", [4, 8]),
    "conv2d": (pictures, "filters", [2, 3]),
    "conv1d": (signals, "filters", [2, 3]),
    "lstm": (recurrent, "units", [4, 6]),
    "embedding": (codes, "size", [2, 3]),
    "attention": (Attention, "heads", [1, 2]),
}
