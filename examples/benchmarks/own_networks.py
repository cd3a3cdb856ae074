"""Time an epoch of a user's own network, here and in Keras.

Four bodies on the handwritten digits: dense, Conv2D, LSTM over the rows of the picture,
Embedding of the pixels; Adam, batches of 64. For each: ``keras.Model.fit``; one fit of
skloss, with a callback that only ``Model.fit`` can call and without; and each of 16
networks of a fused search, stacked where TensorFlow can. The time of an epoch is the
slope between a short and a long training, so that building and tracing, which is
reported beside it, is left out; of three, the median.

Run ``python examples/benchmarks/own_networks.py [body ...]``. A benchmark is not a
test: the exit code is 0 whatever it finds.
"""

import sys
import time
import warnings
from functools import partial

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit

from skloss import LossAwareClassifier
from skloss.model_selection import FusedGridSearchCV

SHORT, LONG, BATCH, TOGETHER, ROUNDS = 2, 22, 64, 16, 3


def dense():
    return keras.Sequential([layers.Dense(64, "relu"), layers.Dense(64, "relu")])


def conv2d():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
        ]
    )


def lstm():
    return keras.Sequential([keras.Input((8, 8)), layers.LSTM(16)])


def embedding():
    return keras.Sequential(
        [
            keras.Input((64,), dtype="int32"),
            layers.Embedding(17, 2),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
        ]
    )


def keras_fit(body, X, y, epochs):
    model = keras.Sequential([layers.Reshape(shape_of(body)), body()])
    model.add(layers.Dense(10))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(X, y, batch_size=BATCH, epochs=epochs, verbose=0)
    return "keras.Model.fit"


def shape_of(body):
    """Return the shape in which a body takes the 64 pixels."""
    return {conv2d: (8, 8, 1), lstm: (8, 8)}.get(body, (64,))


def one_fit(body, X, y, epochs, callbacks=None):
    net = LossAwareClassifier(network=body, batch_size=BATCH, epochs=epochs)
    net.set_params(callbacks=callbacks).fit(X, y)
    return f"one fit: {net.trained_by_}"


class Batches(keras.callbacks.Callback):
    """Acts after every batch, which the compiled loop cannot do."""

    def on_train_batch_end(self, batch, logs=None):
        """Do nothing."""


def together(body, X, y, epochs):
    net = LossAwareClassifier(network=body, batch_size=BATCH, epochs=epochs)
    grid = {"learning_rate": np.geomspace(1e-4, 1e-2, TOGETHER).tolist()}
    split = ShuffleSplit(1, train_size=len(X) - 10, test_size=10, random_state=0)
    search = FusedGridSearchCV(net.set_params(random_state=0), grid, cv=split)
    search.set_params(refit=False).fit(X, y)
    return f"each of {TOGETHER} in a search"


def seconds(train, *args):
    begin = time.perf_counter()
    name = train(*args)
    return name, time.perf_counter() - begin


def main(bodies):
    X, y = load_digits(return_X_y=True)
    X = X.astype("float32")
    for body in bodies:
        print(f"\n{body.__name__}: milliseconds an epoch, seconds to begin")
        by_keras = partial(one_fit, callbacks=[Batches()])
        trainings = keras_fit, by_keras, one_fit, together
        begun = [seconds(train, body, X, y, SHORT) for train in trainings]
        # in turn, as a machine is not always equally fast
        rounds = [
            [epoch_of(train, body, X, y) for train in trainings] for _ in range(ROUNDS)
        ]
        for (name, first), epoch in zip(begun, np.median(rounds, axis=0), strict=True):
            print(f"  {1e3 * epoch:8.2f} {first:8.2f}   {name}", flush=True)


def epoch_of(train, body, X, y):
    """Return the seconds of a network's epoch."""
    train(body, X, y, SHORT)  # after Model.fit TensorFlow makes functions ready anew
    short = min(seconds(train, body, X, y, SHORT)[1] for _ in range(2))
    long = seconds(train, body, X, y, LONG)[1]
    return (long - short) / (LONG - SHORT) / (TOGETHER if train is together else 1)


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)  # the short ones are too short
    known = {body.__name__: body for body in (dense, conv2d, lstm, embedding)}
    main([known[name] for name in sys.argv[1:] or known])
