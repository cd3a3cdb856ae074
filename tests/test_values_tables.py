"""Values from tables of all kinds, with weights, and with ends."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from transitions import BOTH, CORRIDOR, FEW, TABLE, WALK, actions_of, values_of

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(3)

# -- what follows the end --------------------------------------------------------------


@pytest.mark.parametrize("filler", [np.nan, np.inf, 1e30])
def test_nobody_looks_at_what_follows_the_end(filler):
    blank = np.where(WALK["terminal"][:, None], filler, WALK["next_X"])
    plain = values_of(epochs=30).fit(**WALK)
    net = values_of(epochs=30).fit(**WALK | {"next_X": blank})
    assert (net.predict(np.eye(5)) == plain.predict(np.eye(5))).all()
    assert net.score(**WALK | {"next_X": blank}) == plain.score(**WALK)


def test_all_rows_may_be_ends():
    data = WALK | {"terminal": np.ones(10), "next_X": np.full((10, 5), np.nan)}
    net = values_of(discount=1.0).fit(**data)
    expected = WALK["y"].reshape(5, 2).mean(axis=1)
    np.testing.assert_allclose(net.predict(np.eye(5)), expected, atol=1e-3)


# -- tables ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BOTH)
def test_a_weight_of_two_is_a_row_given_twice(kind):
    weight = np.arange(10) % 3
    twice = np.repeat(np.arange(10), weight)
    weighed = kind(**TABLE | {"epochs": 50}).fit(**WALK, sample_weight=weight)
    repeated = {k: np.asarray(v)[twice] for k, v in WALK.items()}
    repeated = kind(**TABLE | {"epochs": 50}).fit(**repeated)
    np.testing.assert_allclose(
        weighed.predict(np.eye(5)), repeated.predict(np.eye(5)), atol=1e-9
    )


@pytest.mark.parametrize("kind", BOTH)
def test_frames_are_tables_with_names(kind):
    names = list("abcde")
    frame = pd.DataFrame(WALK["X"], columns=names)
    after = pd.DataFrame(WALK["next_X"], columns=names, index=range(50, 60))
    ends = pd.Series(WALK["terminal"], index=range(7, 17))
    net = kind(**FEW).fit(frame, WALK["y"], next_X=after, terminal=ends)
    plain = kind(**FEW).fit(**WALK)
    assert (net.predict(frame) == plain.predict(WALK["X"])).all()
    assert net.feature_names_in_.tolist() == names
    found = net.score(frame, WALK["y"], next_X=after, terminal=ends)
    assert found == plain.score(**WALK)
    with pytest.raises(ValueError, match=r"In next_X: .*feature names"):
        net.fit(frame, WALK["y"], next_X=after[names[::-1]], terminal=ends)


@pytest.mark.parametrize("kind", BOTH)
def test_sparse_tables(kind):
    data = WALK | {"X": csr_array(WALK["X"]), "next_X": csr_array(WALK["next_X"])}
    net, plain = kind(**FEW).fit(**data), kind(**FEW).fit(**WALK)
    found = net.predict(csr_array(np.eye(5)))
    np.testing.assert_allclose(found, plain.predict(np.eye(5)), rtol=1e-12)
    assert net.score(**data) == pytest.approx(plain.score(**WALK))


@pytest.mark.parametrize("dtype", [int, np.float32, bool])
def test_tables_of_other_numbers(dtype):
    data = WALK | {"X": WALK["X"].astype(dtype), "next_X": WALK["next_X"].astype(dtype)}
    net, plain = values_of(epochs=3).fit(**data), values_of(epochs=3).fit(**WALK)
    assert (net.predict(np.eye(5)) == plain.predict(np.eye(5))).all()


@pytest.mark.parametrize("kind", BOTH)
def test_lists_are_tables(kind):
    data = {k: np.asarray(v).tolist() for k, v in WALK.items()}
    net, plain = kind(**FEW).fit(**data), kind(**FEW).fit(**WALK)
    assert (net.predict(np.eye(5)) == plain.predict(np.eye(5))).all()
    assert net.score(**data) == plain.score(**WALK)


def test_actions_in_a_column_are_actions():
    data = CORRIDOR | {"action": np.tile([0, 1], 3)}
    flat = actions_of(**FEW).fit(**data)
    with pytest.warns(UserWarning, match="column-vector"):
        column = actions_of(**FEW).fit(**data | {"action": data["action"][:, None]})
    assert (flat.q_values(np.eye(3)) == column.q_values(np.eye(3))).all()


def test_columns_in_other_units_are_warned_of():
    X = RNG.normal(size=(40, 2))
    with pytest.warns(UserWarning, match="column 1.*transform_input"):
        values_of(epochs=1).fit(X, X[:, 0], next_X=X + np.array([0.0, 100.0]))
