"""How often rows with a label and rows without come in an epoch, and their weights."""

import numpy as np
import pytest

from skloss._engine import Stream


def make_stream(n_labelled, n_others):
    rng = np.random.default_rng(n_others)
    weight, other = rng.uniform(0.5, 2.0, n_labelled), rng.uniform(0.5, 2.0, n_others)
    none = np.zeros(0, int)
    return Stream(
        np.arange(n_labelled),
        weight / weight.mean(),
        none,
        np.zeros(0),
        np.arange(n_labelled, n_labelled + n_others),
        other / other.mean() if n_others else other,
    )


@pytest.mark.parametrize(
    ("n_labelled", "n_others", "repeats"),
    [(10, 70, 7), (10, 74, 7), (10, 76, 8), (10, 10, 1), (10, 3, 1), (3, 4, 1)],
)
def test_both_kinds_come_about_as_often(n_labelled, n_others, repeats):
    stream = make_stream(n_labelled, n_others)
    rows, weight = stream.list_drawn()
    count = np.bincount(rows, minlength=n_labelled + n_others)
    assert (count[:n_labelled] == repeats).all()
    assert (count[n_labelled:] == 1).all()
    assert len(rows) == len(weight) == stream.n_drawn == repeats * n_labelled + n_others


def test_the_weights_by_hand():
    """Two rows with a label, five without: 2 * 2 + 5 rows of an epoch."""
    none = np.zeros(0)
    stream = Stream(
        np.array([0, 1]),
        np.array([0.5, 1.5]),
        none,
        none,
        np.array([2, 3, 4, 5, 6]),
        np.array([1, 1, 1, 0, 2.0]),
    )
    rows, weight = stream.list_drawn()
    assert rows.tolist() == [0, 1, 0, 1, 2, 3, 4, 5, 6]
    # a labelled row's share of the mean, 0.5 / 2 and 1.5 / 2, comes in two parts
    labelled = [9 * 0.5 / 2 / 2, 9 * 1.5 / 2 / 2]
    others = [9 * share / 5 for share in (1, 1, 1, 0, 2)]
    np.testing.assert_allclose(weight, [*labelled, *labelled, *others])


@pytest.mark.parametrize(("n_labelled", "n_others"), [(10, 70), (10, 34), (10, 10)])
def test_the_mean_over_an_epoch_is_the_sum_of_both_means(n_labelled, n_others):
    stream = make_stream(n_labelled, n_others)
    value = np.random.default_rng(0).normal(size=n_labelled + n_others)
    rows, weight = stream.list_drawn()
    own = np.average(value[:n_labelled], weights=stream.weight)
    others = np.average(value[n_labelled:], weights=stream.others_weight)
    assert np.mean(weight * value[rows]) == pytest.approx(own + others)


def test_fewer_rows_without_a_label_count_by_their_number():
    stream = make_stream(20, 5)
    value = np.random.default_rng(0).normal(size=25)
    rows, weight = stream.list_drawn()
    own = np.average(value[:20], weights=stream.weight)
    others = np.average(value[20:], weights=stream.others_weight)
    assert np.mean(weight * value[rows]) == pytest.approx(own + 5 / 20 * others)


def test_without_others_an_epoch_is_the_rows_as_they_are():
    stream = make_stream(10, 0)
    rows, weight = stream.list_drawn()
    assert rows is stream.rows
    assert weight is stream.weight
    assert stream.n_drawn == 10
