"""Where an exponential makes predictions, raw outputs stay near those of training."""

import pickle

import numpy as np
import pytest
from canonical import NET, X, y_number, y_three
from fitted_facts import changed, facts_of
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skloss import (
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
    losses,
)
from skloss.losses import loss_names
from skloss.model_selection import FusedGridSearchCV

y = np.exp(0.5 * y_number)
FAR = np.array([[5.0, -5.0, 0.0, 0.0], [-5.0, 5.0, 0.0, 0.0]])  # high, and low
STILL = {"learning_rate": 1e-30}  # steps that change nothing


def net(loss="gamma", **params):
    return LossAwareRegressor(loss, **NET | {"epochs": 20} | params)


@pytest.fixture(scope="module")
def free():
    return net(output_margin=None).fit(X, y)


@pytest.fixture(scope="module")
def bounded():
    return net(output_margin=0.25).fit(X, y)


def bounds_by_hand(predicted, margin):
    """Return lowest and highest prediction, from unbounded ones of training rows.

    Under a log link a share of the range of raw outputs is a power of a ratio.
    """
    low, high = predicted.min(axis=0), predicted.max(axis=0)
    beyond = (high / low) ** margin
    return low / beyond, high * beyond


def test_a_far_row_is_predicted_at_the_bound(free, bounded):
    low, high = bounds_by_hand(free.predict(X), 0.25)
    wild = free.predict(FAR)
    assert wild[0] > 3 * high
    assert wild[1] < low / 3
    np.testing.assert_allclose(bounded.predict(FAR), [high, low], rtol=1e-5)


def test_training_and_its_rows_know_nothing_of_bounds(free, bounded):
    assert not changed(facts_of(free, X), facts_of(bounded, X))
    weights = free._fitted.outputs.weights, bounded._fitted.outputs.weights
    assert np.array_equal(*weights)


def test_no_margin_is_the_range_itself(free):
    exact = net(output_margin=0.0).fit(X, y).predict(np.vstack([X, FAR]))
    ends = free.predict(X).max(), free.predict(X).min()
    np.testing.assert_allclose(exact[-2:], ends, rtol=1e-6)
    np.testing.assert_allclose(exact[:-2], free.predict(X), rtol=1e-6)


def test_the_exported_model_has_the_bounds(bounded, free):
    rows = np.vstack([X, FAR])
    for own in (bounded, free):
        exported = own.model_.predict(rows, verbose=0).ravel()
        np.testing.assert_allclose(exported, own.predict(rows), rtol=1e-5)


def test_the_graph_predicts_within_the_bounds(bounded):
    many = np.vstack([FAR, *[X] * 3000])  # more than NumPy predicts
    assert np.array_equal(bounded.predict(many)[:2], bounded.predict(FAR))


def test_copies_keep_the_bounds_of_the_fit(bounded):
    expected = bounded.predict(FAR)
    copied = pickle.loads(pickle.dumps(bounded)).set_params(output_margin=None)
    assert np.array_equal(copied.predict(FAR), expected)
    again = clone(bounded).fit(X, y)
    assert np.array_equal(again.predict(FAR), expected)


def test_rows_of_weight_zero_are_not_in_the_range(bounded):
    rows, more = np.vstack([X, FAR]), np.append(y, [1.0, 1.0])
    weight = np.append(np.ones(len(X)), [0.0, 0.0])
    weighed = net(output_margin=0.25).fit(rows, more, sample_weight=weight)
    assert np.array_equal(weighed.predict(FAR), bounded.predict(FAR))


def test_rows_that_validate_are_not_in_the_range():
    plain = net(output_margin=0.25).fit(X, y, X_val=FAR, y_val=[1.0, 1.0])
    own = net(output_margin=None).fit(X, y)
    low_high = bounds_by_hand(own.predict(X), 0.25)
    np.testing.assert_allclose(plain.predict(FAR)[::-1], low_high, rtol=1e-5)


def test_what_is_linear_far_out_is_as_it_was():
    one, other = (net("huber", output_margin=m).fit(X, y) for m in (0.0, None))
    assert one._fitted.bounds is None
    assert np.array_equal(one.predict(FAR), other.predict(FAR))
    assert LossAwareClassifier(**NET).fit(X, y_three)._fitted.bounds is None


WITH_SCALES = [
    name
    for name in loss_names("regression")
    if {*losses.get(name, "regression").exponential} - {0}
]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(x, marks=() if x == "log_normal_nll" else pytest.mark.slow)
        for x in WITH_SCALES
    ],
)
def test_scales_of_distributions_are_bounded(name):
    share = y / (1 + y)  # a target for each of these losses
    free, held = (net(name, output_margin=m).fit(X, share) for m in (None, 0.0))
    outputs = held.loss_.exponential_outputs(held._fitted.target.task)
    seen = free._fitted.raw_outputs(free, X)[:, outputs]
    raw = held._fitted.raw_outputs(held, 100 * FAR)
    wild = free._fitted.raw_outputs(free, 100 * FAR)
    expected = np.clip(wild[:, outputs], seen.min(axis=0), seen.max(axis=0))
    np.testing.assert_allclose(raw[:, outputs], expected, rtol=1e-5, atol=1e-6)
    assert not np.array_equal(expected, wild[:, outputs])
    others = np.delete(np.arange(raw.shape[1]), outputs)
    assert np.array_equal(raw[:, others], wild[:, others])
    law = held.predict_dist(X), held.predict_dist(100 * FAR)
    assert (law[1].std() <= 1.001 * law[0].std().max()).all() or 0 in outputs


def test_each_target_has_its_range():
    loss = losses.PerTarget([losses.SquaredError(), losses.Gamma()])
    Y = np.column_stack([y_number, y])
    free, held = (net(loss, output_margin=m).fit(X, Y) for m in (None, 0.25))
    low, high = bounds_by_hand(free.predict(X)[:, 1], 0.25)
    np.testing.assert_allclose(held.predict(FAR)[:, 1], [high, low], rtol=1e-5)
    assert np.array_equal(held.predict(FAR)[:, 0], free.predict(FAR)[:, 0])


def test_heads_have_margins_of_their_own():
    def fit(margin):
        heads = [
            ("c", ClassificationHead()),
            ("free", RegressionHead("gamma", output_margin=None)),
            ("held", RegressionHead("gamma", output_margin=margin)),
        ]
        whole = LossAwareMultiTask(heads, **NET | {"epochs": 20})
        return whole.fit(X, np.column_stack([y_three, y, y]))

    free, held = fit(None), fit(0.25)
    low, high = bounds_by_hand(free.predict(X)[:, 2], 0.25)
    expected = free.predict(FAR)
    expected[:, 2] = high, low
    np.testing.assert_allclose(held.predict(FAR), expected, rtol=1e-5)
    exported = held.model_.predict(FAR, verbose=0)["held"].ravel()
    np.testing.assert_allclose(exported, expected[:, 2], rtol=1e-5)
    alone = held.named_estimators_["held"]
    np.testing.assert_allclose(alone.predict(FAR), expected[:, 2], rtol=1e-5)


def test_the_range_grows_with_each_part(free):
    order = np.argsort(free.predict(X))
    parts = order[:31], order[31:62], order[62:]
    growing = net(output_margin=0.0, **STILL)
    growing._fitted = free._fitted  # trained already, so that it has something to bound
    seen = []
    for rows in parts:
        growing.partial_fit(X[rows], y[rows])
        seen.extend(rows)
        low, high = bounds_by_hand(free.predict(X[seen]), 0.0)
        np.testing.assert_allclose(growing.predict(FAR), [high, low], rtol=1e-5)


def test_a_constant_first_part_leaves_no_range():
    growing = net("log_normal_nll", output_margin=0.0)
    growing.partial_fit(X, np.full(len(X), 3.0))  # of next to no variance
    growing.partial_fit(X, y)
    outputs = growing._fitted.outputs.of_table(X)
    raw = growing._fitted.raw_outputs(growing, np.vstack([X, 100 * FAR]))
    np.testing.assert_allclose(raw.min(axis=0), outputs.min(axis=0), rtol=1e-5)
    np.testing.assert_allclose(raw.max(axis=0), outputs.max(axis=0), rtol=1e-5)


@pytest.mark.slow
def test_a_search_scores_as_its_sequential_twin():
    rows, amounts = np.vstack([X, FAR]), np.append(y, [y.max(), y.min()])
    grid = {"output_margin": [None, 0.1], "learning_rate": [0.01, 0.03]}
    common = {"scoring": "neg_mean_gamma_deviance", "cv": 3, "refit": False}
    fused = FusedGridSearchCV(net(), grid, **common).fit(rows, amounts)
    plain = GridSearchCV(net(), grid, **common).fit(rows, amounts)
    for k in range(3):
        name = f"split{k}_test_score"
        ours, theirs = fused.cv_results_[name], plain.cv_results_[name]
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    last = fused.cv_results_["split2_test_score"]  # the far rows' fold
    margins = fused.cv_results_["param_output_margin"]
    is_free = np.array([margin is None for margin in margins])
    assert (last[~is_free] > last[is_free]).all()


@pytest.mark.parametrize(
    ("margin", "error"), [(-0.1, ValueError), (np.inf, ValueError), ("wide", TypeError)]
)
def test_what_is_no_margin_is_refused(margin, error):
    with pytest.raises(error, match="output_margin="):
        net(output_margin=margin).fit(X, y)
    heads = [("a", RegressionHead(output_margin=margin))]
    with pytest.raises(error, match="output_margin="):
        LossAwareMultiTask(heads, **NET).fit(X, y[:, None])
