"""Spoilt rows, measures and comparisons of a benchmark of scores, by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression


def test_a_share_of_the_labels_becomes_another_class(load_benchmark):
    y = np.repeat([0, 1, 2], 400)
    _, wrong = load_benchmark("spoil").flip_labels(
        None, y, np.random.default_rng(0), share=0.3
    )
    assert (wrong != y).sum() == 360
    counts = np.array([np.bincount(wrong[y == k], minlength=3) for k in range(3)])
    others = counts[~np.eye(3, dtype=bool)]  # 60 each; five deviations of a binomial
    assert np.abs(others - 60).max() < 5 * np.sqrt(1200 * 0.05 * 0.95)
    assert np.array_equal(y, np.repeat([0, 1, 2], 400))


def test_a_share_of_the_targets_is_far_off_on_either_side(load_benchmark):
    y = np.arange(200.0) % 2  # one half from its mean
    _, far = load_benchmark("spoil").add_outliers(
        None, y, np.random.default_rng(0), share=0.1
    )
    off = (far - y)[far != y]
    assert len(off) == 20
    assert np.abs(off).min() >= 5 * 0.5
    assert np.abs(off).max() <= 10 * 0.5
    assert {-1, 1} == set(np.sign(off))


def test_one_class_is_made_rare_and_the_other_is_kept(load_benchmark):
    y = np.array([0] * 970 + [1] * 50)
    X = pd.DataFrame({"x": np.arange(1020)})
    X, y = load_benchmark("spoil").thin_positives(
        X, y, np.random.default_rng(0), share=0.03
    )
    assert np.bincount(y).tolist() == [970, 30]
    assert X["x"].tolist()[:970] == list(range(970))
    assert (X["x"][970:] >= 970).all()


def test_measures_let_predictions_be_what_squares_make_of_them(load_benchmark):
    arms = load_benchmark("score_arms")
    y = np.array([1.0, 2.0, 3.0])
    # a mean of 2, so at least .1: twice (log 10 - .9), and nothing for the others
    assert arms.measure_poisson(y, np.array([-5.0, 2.0, 3.0])) == pytest.approx(
        2 * (np.log(10) - 0.9) / 3
    )
    assert arms.measure_msle(y, np.array([-5.0, 2.0, 3.0])) == pytest.approx(
        np.log(2) ** 2 / 3
    )
    ranks = np.array([0, 1, 2, 2])
    assert arms.measure_kappa(ranks, np.array([-0.4, 1.2, 1.8, 7.0])) == 1.0


def test_known_wrong_labels_are_what_the_rate_makes_of_probabilities(load_benchmark):
    arms = load_benchmark("score_arms")
    three = np.array([[1.0, 0.0, 0.0], [0.5, 0.25, 0.25]])
    # .7 of the class itself, .15 of each other: .7 and .5 * .7 + .5 * .15
    assert arms.measure_flipped(np.array([0, 0]), three, share=0.3) == pytest.approx(
        -(np.log(0.7) + np.log(0.425)) / 2
    )
    labels = np.array([[0.7, 0.15, 0.15], [0.425, 0.2875, 0.2875]])
    assert arms.undo_flips(labels, share=0.3, floor=0.0) == pytest.approx(three)
    # less likely than if all of it were wrong labels: raised to the floor
    sure = arms.undo_flips(np.array([[0.05, 0.95]]), share=0.3, floor=0.01)
    assert sure[0, 0] == pytest.approx(0.01 / (0.01 + 0.65 / 0.4))
    X, y = np.arange(20.0)[:, None], np.arange(20) // 10
    model = LogisticRegression().fit(X, y)
    seen = 0.3 + 0.4 * model.predict_proba(X)[np.arange(20), y]
    assert arms.KNOWS_WRONG(model, X, y) == pytest.approx(np.log(seen).mean())


def test_comparisons_are_of_tables_and_wins_of_splits(load_benchmark):
    report = load_benchmark("score_report")
    pairs = {("a", 0): (1.0, 2.0), ("a", 1): (1.0, 2.0), ("b", 0): (2.0, 1.0)}
    found = report.compare(pairs, higher=False)
    assert found.value == pytest.approx(1.0)
    assert (found.low, found.high) == pytest.approx((0.5, 2.0))
    assert (found.wins, found.losses, found.tables) == (2, 1, 2)
    kappas = {("a", 0): (0.55, 0.5), ("a", 1): (0.505, 0.5), ("b", 0): (0.48, 0.5)}
    found = report.compare(kappas, higher=True)
    assert found.value == pytest.approx((0.0275 - 0.02) / 2)
    assert (found.wins, found.losses, found.tables) == (1, 1, 2)
    assert report.compare({}, higher=True) is None


def test_a_peer_is_chosen_by_its_inner_score(load_benchmark):
    report = load_benchmark("score_report")
    cell = {"arm": "own", "value": 1.0}, {"arm": "x", "value": 5.0, "inner": -1.0}
    other = {"arm": "y", "value": 0.1, "inner": -2.0}
    rows = [row | {"table": "a", "split": 0} for row in (*cell, other)]
    chosen = report.best_of(["x", "y"])
    pairs = report.pair_rows(rows, report.named("own"), chosen)
    assert pairs == {("a", 0): (1.0, 5.0)}
    # one that was not measured yet leaves the choice open
    assert report.pair_rows(rows[:2], report.named("own"), chosen) == {}
