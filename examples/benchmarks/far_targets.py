"""Tell whether a target is learnt wherever it lies, and however little it spreads.

``y = offset + spread * (X[:, 0] - 2 * X[:, 1] + noise)``, with offsets and spreads
from 1e-12 to 1e12: R2 on the training rows, beside that of ``LinearRegression``, which
computes in double precision and is right for this y. The networks compute in single
precision (512 rows in batches of 128), which at 1e8 has steps of 8.

Two targets are y, and an ordinary one beside it; the multi-task network has y beside
classes. A cell is in brackets where neighbouring numbers of double precision are
further apart than a tenth of the spread, so that y itself is lost; "=" says that all
its values are equal, and predicted as they are (to a millionth).

Run ``python examples/benchmarks/far_targets.py``; it takes a minute or two.
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from skloss import (
    ClassificationHead,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
)

OFFSETS = (0.0, 1e-12, 1e-6, 1e-3, 1.0, 1e3, 1e6, 1e9, 1e12)
SPREADS = (1e-12, 1e-6, 1e-3, 1.0, 1e3, 1e6, 1e12)
ALONE = ("squared_error", "huber", "quantile", "gaussian_nll", "student_t_nll")
NET = {
    "network": (16,),
    "batch_size": 128,
    "epochs": 60,
    "learning_rate": 0.01,
    "random_state": 0,
}
SHORT_OF = 0.01  # of LinearRegression's R2, at most

rng = np.random.default_rng(0)
X = rng.normal(size=(512, 4))
shape = X[:, 0] - 2 * X[:, 1] + 0.1 * rng.normal(size=512)


def alone(loss):
    """Return a function that gives a loss's predictions of y."""
    return lambda y: LossAwareRegressor(loss, **NET).fit(X, y).predict(X)


def beside_another(y):
    """Return the predictions of y by a network for two targets."""
    both = np.column_stack([shape, y])
    return LossAwareRegressor(**NET).fit(X, both).predict(X)[:, 1]


def beside_classes(y):
    """Return the predictions of y by a head beside one for classes."""
    heads = [("class", ClassificationHead()), ("y", RegressionHead())]
    both = np.column_stack([shape > 0, y])
    return LossAwareMultiTask(heads, **NET).fit(X, both).predict(X)[:, 1].astype(float)


def least_squares(y):
    """Return the predictions of ``LinearRegression``."""
    return LinearRegression().fit(X, y).predict(X)


WAYS = {
    "LinearRegression": least_squares,
    **{loss: alone(loss) for loss in ALONE},
    "two targets": beside_another,
    "multi-task": beside_classes,
}


def cell(y, predicted, lost):
    """Return what the table says of a prediction."""
    if np.ptp(y) == 0:
        return "=" if np.allclose(predicted, y, rtol=1e-6, atol=0) else "differs"
    value = f"{r2_score(y, predicted):.3f}"
    return f"({value})" if lost else value


def main():
    """Print the table, and see that every cell is as near to 1 as least squares."""
    print(f"{'offset':>7} {'spread':>7}", *(f"{name:>16}" for name in WAYS))
    worst = 1.0
    for offset in OFFSETS:
        for spread in SPREADS:
            y = offset + spread * shape
            lost = np.spacing(offset) > 0.1 * spread
            row = {name: predict(y) for name, predict in WAYS.items()}
            cells = {name: cell(y, row[name], lost) for name in WAYS}
            print(
                f"{offset:7.0e} {spread:7.0e}",
                *(f"{text:>16}" for text in cells.values()),
                flush=True,
            )
            best = cells.pop("LinearRegression")
            if np.ptp(y) == 0:
                assert set(cells.values()) == {"="}, "a constant is not predicted"
            elif not lost:
                short = min(map(float, cells.values())) - float(best)
                worst = min(worst, short)
    print(f"The networks' R2 less least squares', at worst: {worst:+.3f}")
    assert worst > -SHORT_OF


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)
    main()
