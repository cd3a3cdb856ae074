"""``MLP(skip=True)`` and ``MLP(embedding="periodic")``: layers, gradients, searches."""

import pickle

import keras
import numpy as np
import pytest
from canonical import NET, X, y_binary
from searches import assert_same, assert_same_best, both

from skloss import MLP, LossAwareClassifier, losses, networks, schedules
from skloss._engine import (
    Data,
    Member,
    Plan,
    Stream,
    TrainingState,
    _population,
    make_pools,
    train_population,
)
from skloss._engine._optimizers import Optimizer
from skloss._engine._record import number_layers
from skloss._engine._sizes import count_kernel_numbers
from skloss._engine._step import no_dropout
from skloss.inspection import diagnose

PERIODIC = {"embedding": "periodic", "n_frequencies": 3, "frequency_scale": 0.3}
WHOLE = MLP((5,), activation="tanh", skip=True, **PERIODIC)
# frequencies, kernel and bias of the embedding, hidden layer, head
SIZES = (4 * 3, 6 * 2, 2, 8 * 5, 5, 9, 1)
KERNELS = np.repeat([False, True, False, True, False, True, False], SIZES)
RATE, TASK = 0.1, losses.Task("binary", 1)


def built(network, seed=3, moved=0.1):
    """Return a model whose weights are those that training begins with, moved."""
    model = networks.build(network, 4, 1, "float64", no_dropout)
    fresh = networks.draw_values(model, seed)
    for variable in model.weights:
        variable.assign(fresh[id(variable)] + moved)
    return model


def fitted(network, **params):
    return LossAwareClassifier(**NET | {"network": network} | params).fit(X, y_binary)


def embed(x, frequencies, kernel, bias):
    """Return the embedding, column by column: Eq. 2, then "PLR(lite)"."""
    columns = []
    for i, c in enumerate(frequencies):
        angle = 2 * np.pi * x[:, [i]] * c
        waves = np.hstack([np.sin(angle), np.cos(angle)])
        columns.append(np.maximum(waves @ kernel + bias, 0))
    return np.hstack(columns)


# -- layers --------------------------------------------------------------------------


@pytest.mark.parametrize("normalization", [None, "layer"])
def test_the_head_sees_the_last_hidden_layer_and_the_features(normalization):
    model = built(
        MLP((5, 3), activation="tanh", skip=True, normalization=normalization)
    )
    deep = built(MLP((5, 3), activation="tanh", normalization=normalization))
    *shared, head, level = (v.numpy() for v in model.trainable_variables)
    for variable, value in zip(deep.trainable_variables, shared, strict=False):
        variable.assign(value)
    hidden = keras.Model(deep.input, networks.head_of(deep).input)(X).numpy()
    assert head.shape == (3 + 4, 1)
    expected = hidden @ head[:3] + X @ head[3:] + level
    np.testing.assert_allclose(model(X).numpy(), expected, rtol=1e-9)


def test_each_column_becomes_its_waves():
    model = built(MLP((), **PERIODIC))
    *embedding, head, level = (v.numpy() for v in model.trainable_variables)
    expected = embed(X, *embedding) @ head + level
    np.testing.assert_allclose(model(X).numpy(), expected, rtol=1e-9)


def test_frequencies_are_drawn_from_a_normal_distribution_by_the_seed():
    wide = MLP((), embedding="periodic", n_frequencies=500, frequency_scale=0.3)
    one, same, other = (
        built(wide, seed, moved=0).trainable_variables[0].numpy() for seed in (3, 3, 4)
    )
    assert one.shape == (4, 500)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    # five standard errors
    assert one.mean() == pytest.approx(0, abs=5 * 0.3 / np.sqrt(2000))
    assert one.std() == pytest.approx(0.3, rel=5 / np.sqrt(4000))


def test_sizes_are_those_of_the_layers():
    model = built(WHOLE)
    assert tuple(v.numpy().size for v in model.trainable_variables) == SIZES
    # the embedding's kernel of 6 x 2 once for each of 4 columns
    members, data = [plain_member()], data_of(X)
    assert count_kernel_numbers(plan_of(members), data, members[0]) == 4 * 12 + 40 + 9
    # what embeds is one layer
    assert number_layers(model) == [0, 0, 0, 1, 1, 2, 2]


# -- training ------------------------------------------------------------------------


def plain_member(**changes):
    values = {
        "loss": losses.CrossEntropy(),
        "schedule": schedules.get(None),
        "optimizer": Optimizer("sgd"),
        "learning_rate": RATE,
        "head_bias": np.zeros(1),
        "class_weight": np.ones(2),
        "start": TrainingState(START, np.zeros(0)),
    }
    return Member(**{**values, **changes})


START = 0.5 * np.random.default_rng(0).normal(size=sum(SIZES))


def plan_of(members):
    return Plan(
        members, WHOLE, TASK, batch_size=len(X), epochs=1, dtype="float64", seed=0
    )


def data_of(X):
    none, all_rows = np.zeros(0, np.int32), np.arange(len(X))
    return Data(X, y_binary[:, None], [Stream(all_rows, np.ones(len(X)), none, none)])


def cross_entropy(weights):
    """Return the mean loss of weights, by the forward pass in NumPy."""
    raw = networks.NumpyForward(WHOLE, 4, 1).predict(X, weights, np.zeros(0))[:, 0]
    return np.mean(np.logaddexp(0, raw) - y_binary * raw)


def test_a_step_follows_the_difference_and_spares_frequencies_of_penalties():
    changes = {}, {"l2": 0.3}, {"weight_decay": 0.2}, {"max_norm": 0.1}
    members = [plain_member(**change) for change in changes]
    plain, l2, decay, bound = (
        result.weights for result in train_population(plan_of(members), data_of(X))
    )
    h = 1e-6
    slope = [
        (cross_entropy(START + h * e) - cross_entropy(START - h * e)) / (2 * h)
        for e in np.eye(len(START))
    ]
    assert np.abs(slope[: SIZES[0]]).min() > 1e-6
    np.testing.assert_allclose((START - plain) / RATE, slope, rtol=1e-5, atol=1e-8)
    penalty = 2 * 0.3 * START * KERNELS
    np.testing.assert_allclose((plain - l2) / RATE, penalty, rtol=1e-9, atol=1e-12)
    decayed = 0.2 * START * KERNELS
    np.testing.assert_allclose((plain - decay) / RATE, decayed, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(bound[: SIZES[0]], plain[: SIZES[0]])
    linear = bound[12:24].reshape(6, 2)
    np.testing.assert_allclose(np.linalg.norm(linear, axis=0), 0.1)


@pytest.mark.slow
def test_xla_compiles_it_to_the_same(monkeypatch):
    members, trained = [plain_member(dropout=0.2) for _ in range(2)], []
    for least in (np.inf, 0):
        monkeypatch.setattr(_population, "MIN_COMPILED", least)
        results = train_population(plan_of(members), data_of(X))
        trained.append(results[0].weights)
    np.testing.assert_allclose(*trained, rtol=1e-7, atol=1e-9)
    (pool,) = make_pools(plan_of(members), data_of(X))
    assert "take_steps" in pool.program().compiled  # XLA has not refused it


@pytest.mark.slow
def test_a_search_finds_what_each_finds_alone():
    net = LossAwareClassifier(**NET | {"network": WHOLE})
    fused, plain = both(net, {"dropout": [0.0, 0.3]}, X, y_binary, cv=2)
    assert_same(fused, plain)
    assert_same_best(fused, plain, X)
    names = {f"network__{name}" for name in ("skip", "embedding", "n_frequencies")}
    assert names <= set(net.get_params())


def test_a_fitted_network_is_stored_exported_and_diagnosed(tmp_path):
    own = fitted(WHOLE)
    expected = own.predict_proba(X)
    np.testing.assert_array_equal(fitted(WHOLE).predict_proba(X), expected)
    loaded = pickle.loads(pickle.dumps(own))
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    own.to_keras().save(tmp_path / "own.keras")
    theirs = keras.models.load_model(tmp_path / "own.keras").predict(X, verbose=0)
    np.testing.assert_allclose(theirs, expected, rtol=1e-5, atol=1e-6)
    assert own.training_record_.layers["weight_norm"].shape[1] == 3
    found = {finding.name for finding in diagnose(own).findings}
    assert not found & {"exploding_gradients", "vanishing_gradients", "idle_units"}
    assert eval(repr(WHOLE)) == WHOLE


def test_a_diagnosis_knows_the_embedding_from_hidden_layers():
    # of every column a cosine is near 1, and no unit of weights of -1 is positive
    dead = {"kernel_initializer": keras.initializers.Constant(-1.0)}
    findings = diagnose(fitted(MLP((5,), **PERIODIC | dead), epochs=2)).findings
    (idle,) = [one for one in findings if one.name == "idle_units"]
    assert idle.evidence.startswith("Of the units of the embedding, 100% had")


# -- what cannot be ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "texts"),
    [
        (MLP((), skip=True), ["skip=True", "()", "(64, 64)", "skip=False"]),
        (MLP((4,), skip=1), ["skip=1", "True or False"]),
        (MLP((4,), embedding="plr"), ["embedding='plr'", "None, 'periodic'"]),
        (MLP((4,), embedding=True), ["embedding=True", "'periodic'"]),
        (MLP((4,), n_frequencies=0), ["n_frequencies=0", ">= 1"]),
        (MLP((4,), n_frequencies=2.5), ["n_frequencies=2.5", "integer"]),
        (MLP((4,), frequency_scale=0), ["frequency_scale=0", "(0, inf"]),
        (MLP((4,), frequency_scale=np.inf), ["frequency_scale=inf", "(0, inf"]),
        (MLP((4,), frequency_scale="1"), ["frequency_scale='1'", "number"]),
    ],
)
def test_what_cannot_be_is_refused(network, texts):
    with pytest.raises((ValueError, TypeError)) as caught:
        fitted(network)
    for text in texts:
        assert text in str(caught.value)
