"""What NumPy predicts is what Keras' layers compute, to rounding.

The tolerance is that of docs/design/engine.md.
"""

import itertools
import warnings

import numpy as np
import pytest
from canonical import NET, X, y_three
from scipy import sparse

from skloss import MLP, LossAwareClassifier, networks
from skloss._engine import _predict, predict_raw, predict_raw_stacked
from skloss._engine._predict import assign_weights
from skloss._engine._step import Layout
from skloss.networks._numpy_activations import ACTIVATIONS

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
NORMALIZATIONS = (None, "batch", "layer")
PERIODIC = {"embedding": "periodic", "n_frequencies": 5}
NONE = np.zeros(0, "float32")  # moving statistics of networks that have none
LAYERS = [
    MLP(()),
    MLP((4, 4), residual=True),  # as wide as the features, to which nothing is added
    *(
        MLP((5, 5, 3, 3), normalization=normalization, residual=residual)
        for normalization, residual in itertools.product(NORMALIZATIONS, (False, True))
    ),
    *(
        MLP(sizes, skip=skip, normalization=normalization, **embedding)
        for sizes, skip, normalization, embedding in (
            ((4, 4), True, None, {}),
            ((5, 3), True, "batch", {}),
            ((5, 3), True, "layer", PERIODIC),
            ((6,), False, None, PERIODIC | {"n_frequencies": 48}),
            ((), True, None, PERIODIC),
        )
    ),
]


def draw_network(network, dtype, n_features=4, n_raw=3):
    """Return Keras' model of a network, with weights that are nowhere special."""
    rng = np.random.default_rng(0)
    model = networks.build_private(
        network, n_features, n_raw, dtype, lambda: _predict.keras.layers.Identity()
    )
    layout = Layout(model)
    weights = 0.5 * rng.normal(size=sum(layout.sizes)) + 0.1
    stored = rng.uniform(0.5, 2.0, size=sum(layout.stored_sizes))
    weights, stored = weights.astype(dtype), stored.astype(dtype)
    assign_weights(layout, weights, stored)
    return model, weights, stored


def assert_equal(found, expected):
    """Compare raw outputs within the stated tolerance."""
    assert found.dtype == expected.dtype
    size = max(1.0, np.abs(expected).max())
    tolerance = TOLERANCE[found.dtype.name] * size
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.fixture
def no_graph(monkeypatch):
    """Refuse the compiled forward pass."""
    monkeypatch.setattr(_predict, "forward_for", None)


@pytest.mark.usefixtures("no_graph")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "network",
    [*LAYERS, *(MLP((6, 6), activation=name) for name in (*ACTIVATIONS, None))],
    ids=repr,
)
def test_every_mlp_equals_its_keras_layers(network, dtype):
    model, weights, stored = draw_network(network, dtype)
    found = predict_raw(network, X, weights, stored, 3, is_sparse=False)
    assert_equal(found, model(X.astype(dtype)).numpy())


@pytest.mark.usefixtures("no_graph")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("more", [{}, PERIODIC | {"skip": True}])
def test_a_row_alone_and_in_a_table_of_any_length(more, dtype):
    network = MLP((70, 70), normalization="layer", activation="tanh", **more)
    model, weights, stored = draw_network(network, dtype)
    # as many rows as are computed at once, one less, one more, and several times that
    at_once = networks.NumpyForward(network, 4, 3).rows_at_once
    table = np.random.default_rng(1).normal(size=(5 * at_once + 1, 4))
    expected = model(table.astype(dtype)).numpy()
    for n_rows in (1, at_once - 1, at_once, at_once + 1, len(table)):
        part = table[:n_rows]
        found = predict_raw(network, part, weights, stored, 3, is_sparse=False)
        assert found.shape == (n_rows, 3)
        assert_equal(found, expected[:n_rows])


@pytest.mark.usefixtures("no_graph")
def test_networks_together_are_the_same_bits_as_alone_and_sparse_as_dense():
    network = MLP((6,), normalization="batch")
    drawn = draw_network(network, "float32")[1:]
    weights, stored = (np.stack([row, 2 * row]) for row in drawn)
    together = predict_raw_stacked(network, X, weights, stored, 3)
    for number, table in itertools.product(range(2), (X, sparse.csr_matrix(X))):
        row = weights[number], stored[number]
        is_sparse = table is not X
        alone = predict_raw(network, table, *row, 3, is_sparse=is_sparse)
        np.testing.assert_array_equal(alone, together[number])


@pytest.mark.usefixtures("no_graph")
def test_weights_that_diverged_predict_without_a_warning():
    network = MLP((6,), activation="exponential")
    _, weights, stored = draw_network(network, "float32")
    weights[:5] = 1e38, np.inf, -np.inf, np.nan, -1e38
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        raw = predict_raw(network, X, weights, stored, 3, is_sparse=False)
    assert np.isnan(raw).any()


@pytest.mark.slow
def test_the_graph_takes_over_by_a_rule_on_network_and_rows(monkeypatch):
    net = LossAwareClassifier(**NET).fit(X, y_three)
    in_numpy = net.decision_function(X)
    calls, forward_for = [], _predict.forward_for
    monkeypatch.setattr(
        _predict, "forward_for", lambda *a: calls.append(a) or forward_for(*a)
    )
    cost = networks.NumpyForward(MLP((8,)), 4, 3).cost
    monkeypatch.setattr(_predict, "MAX_NUMPY_COST", cost * len(X))
    net.decision_function(X)
    assert not calls
    monkeypatch.setattr(_predict, "MAX_NUMPY_COST", cost * len(X) - 1)
    in_graph = net.decision_function(X)
    assert len(calls) == 1
    assert_equal(in_numpy.astype("float32"), in_graph.astype("float32"))


class Doubled(MLP):
    """An MLP with another body, which no one but its layers knows."""

    def body(self, x, dropout_layer, dtype):
        """Return twice the body."""
        return 2.0 * super().body(x, dropout_layer, dtype)


@pytest.mark.parametrize(
    "network",
    [
        Doubled((6,)),
        MLP((6,), activation=_predict.keras.activations.relu),
        MLP((6,), activation="sparsemax"),
    ],
    ids=["subclass", "function", "sparsemax"],
)
def test_what_numpy_does_not_know_goes_through_the_graph(network):
    assert not networks.can_compute(network)
    model, weights, stored = draw_network(network, "float32")
    found = predict_raw(network, X, weights, stored, 3, is_sparse=False)
    assert_equal(found, model(X.astype("float32")).numpy())
