"""Networks of users, of every kind that Keras knows; at module level for pickle."""

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits


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


def tuned(path, units=4):
    """Return a body on layers that were trained before: frozen, penalised, normed."""
    base = keras.models.load_model(path, compile=False)
    base.trainable = False
    top = layers.Dense(units, activation="relu", kernel_regularizer="l2")
    return keras.Sequential([base, top, layers.BatchNormalization()])


def save_pretrained(path):
    """Save two layers with weights that no initialiser draws; return them."""
    base = keras.Sequential(
        [keras.Input((64,)), layers.Dense(6), layers.BatchNormalization()]
    )
    rng = np.random.default_rng(0)
    base.set_weights([rng.uniform(0.1, 0.5, w.shape) for w in base.get_weights()])
    base.save(path)
    return base.get_weights()


def table(kind, n=120, n_classes=4):
    """Return digits as a body takes them: pixels, or codes and numbers."""
    X, y = load_digits(n_class=n_classes, return_X_y=True)
    X, y = X[:n] / 16, y[:n]
    if kind == "embedding":
        X = np.column_stack([np.round(4 * X[:, [20, 21, 42]]), X[:, :10]])
    return X, y


KINDS = {
    "dense": (wide, "units", [4, 8]),
    "conv2d": (pictures, "filters", [2, 3]),
    "conv1d": (signals, "filters", [2, 3]),
    "lstm": (recurrent, "units", [4, 6]),
    "embedding": (codes, "size", [2, 3]),
    "attention": (Attention, "heads", [1, 2]),
}
