"""Steps of which all is known, and estimators of values that have a number a state."""

import numpy as np

from skloss import FittedQRegressor, TDValueRegressor

# One number for each state, and all rows in each step: what is learnt is a fixed point.
TABLE = {
    "network": (),
    "learning_rate": 0.03,
    "lr_schedule": "cosine",
    "target_update": 0.1,
    "epochs": 1000,
    "batch_size": 256,
    "random_state": 0,
}
FEW = TABLE | {"epochs": 3}
FIVE = (0.1, 0.3, 0.5, 0.7, 0.9)
BOTH = (TDValueRegressor, FittedQRegressor)


def values_of(**changes):
    """Return an estimator of values of states."""
    return TDValueRegressor(**TABLE | changes)


def actions_of(**changes):
    """Return an estimator of values of actions."""
    return FittedQRegressor(**TABLE | changes)


def walk_exactly():
    """Return each step of the random walk over five states once."""
    state = np.repeat(np.arange(5), 2)
    after = state + np.tile([-1, 1], 5)
    ends = (after < 0) | (after > 4)
    return state, (after > 4).astype(float), np.clip(after, 0, 4), ends


WALK = dict(zip(("X", "y", "next_X", "terminal"), walk_exactly(), strict=True))
WALK |= {"X": np.eye(5)[WALK["X"]], "next_X": np.eye(5)[WALK["next_X"]]}
# Three states in a row, and a step to the left or to the right, each tried once. It
# costs 1; past the right end is 10, and all ends; at the left end there is a wall.
CORRIDOR = {
    "X": np.eye(3)[np.repeat([0, 1, 2], 2)],
    "y": np.array([-1.0, -1, -1, -1, -1, 10]),
    "action": np.tile(["left", "right"], 3),
    "next_X": np.eye(3)[[0, 1, 0, 2, 1, 2]],
    "terminal": np.array([0, 0, 0, 0, 0, 1]),
}
for _column in (*WALK.values(), *CORRIDOR.values()):
    _column.flags.writeable = False  # what one test changed, others would see
