"""What benchmarks keep, compare and tune: hand calculation, SciPy and scikit-learn."""

import importlib.util
import itertools
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.dummy import DummyRegressor
from sklearn.metrics import get_scorer

BENCHMARKS = Path(__file__).resolve().parent.parent / "examples" / "benchmarks"
ASKED = {"table": "diabetes", "split": 0, "arm": "ours", "seconds": 60, "seed": 1}


def load(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rows_of = load("rows")
ratios = load("ratios")


@pytest.fixture(autouse=True)
def commit(monkeypatch):
    """Name a commit, since the tests may be run where there is no git."""
    monkeypatch.setattr(rows_of, "name_commit", lambda: "0123456789")
    return "0123456789"


def open_rows(path, **digests):
    return rows_of.Rows(path, digests.get)


def test_rows_are_found_again_by_their_key(tmp_path, commit):
    path = tmp_path / "folder" / "rows.jsonl"
    rows = open_rows(path, ours="a")
    assert not rows.has(ASKED)
    rows.add(ASKED | {"score": 0.1 + 0.2})
    again = open_rows(path, ours="a")
    assert again.has(ASKED)
    assert again.find(ASKED)["score"] == 0.1 + 0.2
    assert again.find(ASKED)["commit"] == commit
    assert not any(again.has(ASKED | {part: 7}) for part in rows_of.KEY)


def test_a_line_cut_off_is_no_row_and_harms_no_other(tmp_path):
    path = tmp_path / "rows.jsonl"
    open_rows(path, ours="a").add(ASKED)
    path.write_bytes(path.read_bytes() + b'{"table": "dia')
    rows = open_rows(path, ours="a")
    assert [row["table"] for row in rows.newest()] == ["diabetes"]
    rows.add(ASKED | {"split": 1})
    assert len(open_rows(path, ours="a").newest()) == 2


def test_rows_of_other_code_are_measured_anew_and_shown_until_then(tmp_path):
    path = tmp_path / "rows.jsonl"
    open_rows(path, ours="old").add(ASKED | {"score": 1})
    rows = open_rows(path, ours="new")
    assert not rows.has(ASKED)
    assert [row["score"] for row in rows.newest()] == [1]
    rows.add(ASKED | {"score": 2})
    open_rows(path, ours="older").add(ASKED | {"score": 3})  # another checkout's
    assert [row["score"] for row in open_rows(path, ours="new").newest()] == [2]


def test_the_digest_is_of_what_code_does(tmp_path):
    path = tmp_path / "code.py"

    def digest(text):
        path.write_text(textwrap.dedent(text))
        return rows_of.digest_files([path], "1.0")

    before = digest("""
        def double(x):
            '''Return it twice.'''
            return 2 * x""")
    assert before == digest("""
        def double(x):
            '''Return twice a number.'''
            return 2*x  # so it is""")
    assert before != digest("def double(x):\n    ''\n    return 3 * x")


def test_summaries_are_what_the_hand_reckons():
    found = ratios.summarise({("a", 0): 0.5, ("a", 1): 0.5, ("b", 0): 2.0})
    assert found.mean == pytest.approx(1.0)  # of tables: a has two splits
    # a twice, one of each, b twice: a quarter, a half, a quarter of the draws
    assert (found.low, found.high) == pytest.approx((0.5, 2.0))
    assert (found.wins, found.ties, found.losses) == (2, 0, 1)
    assert (found.worst, found.worst_mean) == ("b", pytest.approx(2.0))
    near = {("a", 0): 0.991, ("b", 0): 1.009, ("c", 0): 0.989, ("d", 0): 1.011}
    found = ratios.summarise(near)
    assert (found.wins, found.ties, found.losses) == (1, 2, 1)


def test_intervals_and_errors_are_those_of_scipy():
    values = np.random.default_rng(3).normal(5, 1, 20)
    theirs = stats.bootstrap(
        [values], np.mean, confidence_level=0.9, n_resamples=9999, method="percentile"
    ).confidence_interval
    assert ratios.draw_interval(values) == pytest.approx(tuple(theirs), abs=0.03)
    mean, error = ratios.compare_paired(values, np.ones(20))
    assert mean == pytest.approx(values.mean() - 1)
    assert error == pytest.approx(stats.sem(values - 1))


def test_a_peer_keeps_its_time_but_always_tries_its_defaults(monkeypatch):
    monkeypatch.setitem(sys.modules, "tables", load("tables"))
    peers = load("peers")
    clock = itertools.count()  # a second passes between two looks at it
    monkeypatch.setattr(peers.time, "process_time", lambda: next(clock))
    X, y = np.zeros((10, 1)), np.arange(10.0)
    folds = [(X, y, X, y)] * 5
    scorer = get_scorer("neg_mean_squared_error")

    def tune(seconds, *quantiles):
        candidates = [{}, *({"constant": value} for value in quantiles)]
        model = DummyRegressor(strategy="constant", constant=0.0)
        return peers.tune(model, iter(candidates), folds, scorer, seconds)

    assert tune(0, 4.5) == ({}, pytest.approx(-(y**2).mean()), 1, 0)
    # five folds of each of two, then the first folds of a third, which is dropped
    best = {"constant": 4.0}
    assert tune(14, 3.0, 4.0, 4.5) == (
        best,
        pytest.approx(-((y - 4) ** 2).mean()),
        3,
        0,
    )
    assert tune(99, 3.0, [1.0, 2.0], 4.5)[2:] == (4, 1)  # one that is refused
