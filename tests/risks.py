"""The raw scores of least conditional risk, found without the inverse link."""

import numpy as np
import tensorflow as tf
from scipy.optimize import minimize


def risk_minimiser(loss, task, n_classes, **options):
    """Return the function that finds raw scores for class probabilities, by BFGS.

    One graph serves all probabilities; ``options`` are those of BFGS. The function
    returns what ``scipy.optimize.minimize`` does.
    """
    y = np.eye(n_classes) if task.kind == "multiclass" else np.array([[0.0], [1.0]])
    width = loss.n_raw(task)
    signature = [tf.TensorSpec([n], tf.float64) for n in (width, n_classes)]

    @tf.function(input_signature=signature, autograph=False)
    def risk(z, eta):
        with tf.GradientTape() as tape:
            tape.watch(z)
            rows = tf.tile(z[None], (n_classes, 1))
            total = loss.batch_value(task, tf.constant(y), rows, eta)
        return total, tape.gradient(total, z)

    def minimiser(eta):
        eta = tf.constant(eta, tf.float64)

        def numbers(z):
            total, gradient = risk(tf.constant(z), eta)
            return float(total), gradient.numpy()

        start = np.linspace(-0.1, 0.1, width)
        return minimize(numbers, start, jac=True, method="BFGS", options=options)

    return minimiser
