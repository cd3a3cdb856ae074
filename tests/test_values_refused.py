"""What estimators of values refuse, and the words in which they do."""

import numpy as np
import pytest
from transitions import BOTH, CORRIDOR, FEW, WALK, actions_of, values_of

from skloss import FittedQRegressor, TDValueRegressor
from skloss.exceptions import LossTargetError, UnknownNameError

pytestmark = pytest.mark.slow

# -- by fit ----------------------------------------------------------------------------

HOLE = np.where(np.arange(10)[:, None] == 4, np.nan, WALK["next_X"])
ORDERED = {
    "X": np.arange(6.0)[:, None],
    "y": np.ones(6),
    "next_X": np.arange(1.0, 7)[:, None],
    "episode": np.zeros(6),
}
PARTED = {k: np.delete(v, 2, axis=0) for k, v in ORDERED.items()}
MIXED = {k: v[[0, 2, 1, 3, 4, 5]] for k, v in ORDERED.items()}


@pytest.mark.parametrize(
    ("data", "changes", "error", "words"),
    [
        ({"next_X": WALK["next_X"][:9]}, {}, ValueError, "inconsistent numbers"),
        ({"terminal": [True]}, {}, ValueError, "inconsistent numbers"),
        ({"episode": np.zeros(11)}, {}, ValueError, "inconsistent numbers"),
        ({"next_X": HOLE}, {}, ValueError, "(?s)In next_X: .*NaN.*terminal="),
        ({"next_X": np.eye(4)[[0] * 10]}, {}, ValueError, "In next_X: .*features"),
        ({"terminal": np.full(10, "no")}, {}, ValueError, "must be True or False"),
        ({"terminal": np.full(10, 2)}, {}, ValueError, "must be True or False"),
        ({"terminal": np.full(10, 0.5)}, {}, ValueError, "must be True or False"),
        ({"next_X": None}, {}, ValueError, r"terminal= .*without next_X="),
        (
            {"next_X": None, "terminal": None, "episode": np.zeros(10)},
            {},
            ValueError,
            r"episode= .*without next_X=",
        ),
        ({}, {"n_steps": 3}, ValueError, "n_steps=3 needs .*give episode="),
        (PARTED | {"terminal": None}, {"n_steps": 2}, ValueError, "GroupKFold"),
        (MIXED | {"terminal": None}, {"n_steps": 2}, ValueError, "in order of time"),
        ({"terminal": None}, {"discount": 1.0}, ValueError, "Set discount below 1"),
        ({}, {"discount": 1.01}, ValueError, r"discount=1.01 must be in \[0, 1\]"),
        ({}, {"discount": -1}, ValueError, r"discount=-1 must be in \[0, 1\]"),
        ({}, {"discount": "1"}, TypeError, "discount='1' must be a number"),
        ({}, {"target_update": 0}, ValueError, "target_update=0 must be"),
        ({}, {"target_update": 0.0}, ValueError, "target_update=0.0 must be"),
        ({}, {"target_update": 1.5}, ValueError, "target_update=1.5 must be"),
        ({}, {"target_update": -3}, ValueError, "target_update=-3 must be"),
        ({}, {"target_update": True}, TypeError, "target_update=True must be"),
        ({}, {"n_steps": 0}, ValueError, "n_steps=0 must be"),
        ({}, {"n_steps": 1.5}, TypeError, "n_steps=1.5 must be"),
        ({}, {"trace_decay": 1.5}, ValueError, "trace_decay=1.5 must be"),
        ({}, {"loss": "poisson"}, LossTargetError, "temporal difference"),
        ({}, {"loss": "gaussian_nll"}, LossTargetError, "temporal difference"),
        ({}, {"loss": lambda y, p: y - p}, LossTargetError, "temporal difference"),
    ],
)
@pytest.mark.parametrize("kind", BOTH)
def test_what_cannot_be_is_refused_before_training(kind, data, changes, error, words):
    with pytest.raises(error, match=words):
        kind(**FEW | changes).fit(**WALK | data)


@pytest.mark.parametrize(
    ("data", "changes", "error", "words"),
    [
        ({}, {"backup": "min"}, UnknownNameError, "backup='min' must be one of 'max'"),
        ({}, {"expectile": 0}, ValueError, "expectile=0 must be"),
        ({}, {"expectile": 1.0}, ValueError, "expectile=1.0 must be"),
        ({}, {"risk_level": 0.0}, ValueError, "risk_level=0.0 must be"),
        ({}, {"risk_level": 1.5}, ValueError, "risk_level=1.5 must be"),
        ({"action": CORRIDOR["action"][:5]}, {}, ValueError, "inconsistent numbers"),
        ({"action": np.linspace(0, 1, 6)}, {}, ValueError, "different numbers"),
    ],
)
def test_actions_that_make_no_sense(data, changes, error, words):
    with pytest.raises(error, match=words):
        actions_of(**FEW | changes).fit(**CORRIDOR | data)


def test_a_continuous_action_is_refused_by_its_name():
    with pytest.raises(ValueError, match="action"):
        actions_of(**FEW).fit(**CORRIDOR | {"action": np.linspace(0, 1, 6)})


def test_two_rows_of_an_episode_in_the_wrong_order_are_named():
    with pytest.raises(ValueError, match=r"Row 1 is not what next_X says of row 0"):
        values_of(n_steps=2).fit(**MIXED)


def test_an_episode_out_of_order_is_seen_beside_large_numbers():
    data = dict(MIXED)
    for name in ("X", "next_X"):
        data[name] = np.hstack([MIXED[name], np.full((6, 1), 1e6)])
    with pytest.raises(ValueError, match="in order of time"):
        values_of(n_steps=2, epochs=3).fit(**data)


# -- by score --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        *((TDValueRegressor, c) for c in ("next_X", "terminal", "y")),
        *((FittedQRegressor, c) for c in ("next_X", "terminal", "y", "action")),
    ],
)
def test_a_score_of_columns_of_other_lengths_is_refused(kind, column):
    data = CORRIDOR
    if kind is TDValueRegressor:
        data = {k: v for k, v in CORRIDOR.items() if k != "action"}
    net = kind(**FEW).fit(**data)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        net.score(**data | {column: data[column][:4]})


@pytest.mark.parametrize("discount", [1.5, -0.1, "high"])
def test_a_score_by_a_discount_that_is_none_is_refused(discount):
    net = values_of(epochs=3).fit(**WALK)
    with pytest.raises((ValueError, TypeError), match=r"discount=.* must be"):
        net.score(**WALK, discount=discount)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"next_X": None}, "terminal= was given without next_X="),
        ({"episode": np.zeros(4)}, "inconsistent numbers of samples"),
    ],
)
@pytest.mark.parametrize("kind", BOTH)
def test_a_score_refuses_what_fit_refuses(kind, data, words):
    net = kind(**FEW).fit(**WALK)
    with pytest.raises(ValueError, match=words):
        net.score(**WALK | data)


def test_actions_that_nobody_took_have_no_score():
    net = actions_of(epochs=3).fit(**CORRIDOR)
    other = CORRIDOR | {"action": np.tile(["left", "up"], 3)}
    with pytest.raises(ValueError, match=r"'up'.*not seen.*'left', 'right'"):
        net.score(**other)
