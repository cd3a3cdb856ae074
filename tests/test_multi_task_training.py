"""Several heads on one body: the numbers, from Keras and by hand."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale

from skloss import (
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
)
from skloss._engine import TrainingState, train_population
from skloss.estimators._fit_network import prepare_fit
from skloss.estimators._settings import Settings
from skloss.losses import Square, Task
from skloss.losses._core._multi_task_loss import MultiTaskLoss
from skloss.networks import MLP

X, NUMBER = load_diabetes(return_X_y=True)
X, NUMBER = scale(X[:200]), NUMBER[:200]
GRADE = np.digitize(NUMBER, [100, 180])
Y = pd.DataFrame({"grade": GRADE, "number": NUMBER})
SCALED = scale(NUMBER)
ALL = {
    "network": MLP((8,), activation="tanh"),
    "batch_size": 200,
    "dtype": "float64",
    "random_state": 0,
    "record": False,
}


def make_net(weights=(0.7, 2.0), losses=("cross_entropy", "squared_error"), **params):
    heads = [
        ("grade", ClassificationHead(losses[0], weights[0])),
        ("number", RegressionHead(losses[1], weights[1])),
    ]
    return LossAwareMultiTask(heads, **{**ALL, **params})


def first_weights(net):
    """Return the weights that a fit of the net starts from."""
    return (
        net.set_params(epochs=1, learning_rate=1e-300).fit(X, Y)._fitted.outputs.weights
    )


def parts(weights, n_raw=4, units=8):
    """Cut a flat row into kernel and bias of the body and of the head."""
    shapes = (X.shape[1], units), (units,), (units, n_raw), (n_raw,)
    pieces = np.split(weights, np.cumsum([np.prod(s) for s in shapes])[:-1])
    return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]


def by_hand(weights):
    """Return raw outputs, and mean cross-entropy and mean squared error."""
    k1, b1, k2, b2 = parts(weights)
    raw = np.tanh(X @ k1 + b1) @ k2 + b2
    log_p = raw[:, :3] - logsumexp(raw[:, :3], axis=1, keepdims=True)
    return (
        raw,
        -log_p[np.arange(len(X)), GRADE].mean(),
        ((SCALED - raw[:, 3]) ** 2).mean(),
    )


def keras_twin(weights, optimizer, loss_weights):
    """Return Keras' own model with two outputs, at the same weights."""
    k1, b1, k2, b2 = parts(weights)
    x = keras.Input((X.shape[1],), dtype="float64")
    hidden = keras.layers.Dense(8, "tanh", dtype="float64")
    grade = keras.layers.Dense(3, name="grade", dtype="float64")
    number = keras.layers.Dense(1, name="number", dtype="float64")
    body = hidden(x)
    model = keras.Model(x, {"grade": grade(body), "number": number(body)})
    hidden.set_weights([k1, b1])
    grade.set_weights([k2[:, :3], b2[:3]])
    number.set_weights([k2[:, 3:], b2[3:]])
    losses = {
        "grade": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "number": keras.losses.MeanSquaredError(),
    }
    model.compile(optimizer, loss=losses, loss_weights=loss_weights)
    return model, hidden, grade, number


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        ("adam", "Adam"),
        pytest.param("sgd:momentum=0.9", "SGD", marks=pytest.mark.slow),
    ],
)
def test_training_is_that_of_keras_with_two_outputs(name, optimizer):
    start = first_weights(make_net())
    numbers = {"momentum": 0.9} if optimizer == "SGD" else {}
    made = getattr(keras.optimizers, optimizer)(learning_rate=0.02, **numbers)
    weights = {"grade": 0.7, "number": 2.0}
    model, hidden, grade, number = keras_twin(start, made, weights)
    y = {"grade": GRADE, "number": SCALED[:, None]}
    seen = model.fit(X, y, epochs=5, batch_size=200, verbose=0).history["loss"]
    net = make_net(optimizer=name, learning_rate=0.02, epochs=5).fit(X, Y)
    np.testing.assert_allclose(net.history_["loss"], seen, rtol=1e-5)
    k1, b1, k2, b2 = parts(net._fitted.outputs.weights)
    for ours, theirs in (
        (k1, hidden.kernel),
        (b1, hidden.bias),
        (k2, np.hstack([grade.kernel, number.kernel])),
        (b2, np.hstack([grade.bias, number.bias])),
    ):
        np.testing.assert_allclose(ours, np.asarray(theirs), atol=1e-5)


def test_loss_and_predictions_by_hand():
    start = first_weights(make_net())
    raw, cross_entropy, squared = by_hand(start)
    net = make_net(learning_rate=1e-300, epochs=1).fit(X, Y)
    assert net.history_["loss"][0] == pytest.approx(
        0.7 * cross_entropy + 2.0 * squared, rel=1e-12
    )
    net = make_net(learning_rate=0.05, epochs=50).fit(X, Y)
    raw = by_hand(net._fitted.outputs.weights)[0]
    out = net.model_.predict(X, verbose=0)
    p = np.exp(raw[:, :3] - logsumexp(raw[:, :3], axis=1, keepdims=True))
    number = raw[:, 3] * NUMBER.std() + NUMBER.mean()
    heads = net.named_estimators_
    np.testing.assert_allclose(heads.grade.predict_proba(X), p, atol=1e-12)
    np.testing.assert_allclose(heads.number.predict(X), number, rtol=1e-12)
    np.testing.assert_allclose(net.predict_proba(X)["grade"], p, atol=1e-12)
    assert np.array_equal(net.predict(X)["grade"], p.argmax(axis=1))
    np.testing.assert_allclose(out["grade"], p, atol=1e-6)
    np.testing.assert_allclose(out["number"][:, 0], number, rtol=1e-6)
    for name, one in heads.items():
        np.testing.assert_allclose(
            one.model_.predict(X, verbose=0), out[name], rtol=1e-6
        )


def train(job, start):
    """Train a job from given weights."""
    state = TrainingState(start, np.zeros(0))
    members = [replace(job.plan.members[0], start=state)]
    return train_population(replace(job.plan, members=members), job.data)[0]


@pytest.mark.slow
@pytest.mark.parametrize("first", ["grade", "number"])
def test_a_head_alone_with_weight_one_is_the_single_task(first):
    """Adam's steps do not see the other head, whose gradient is zero."""
    params = {**ALL, "batch_size": 32, "epochs": 4, "learning_rate": 0.01}
    weights = (1.0, 0.0) if first == "grade" else (0.0, 1.0)
    columns = [0, 1, 2] if first == "grade" else [3]
    kind = LossAwareClassifier if first == "grade" else LossAwareRegressor
    start = first_weights(make_net(weights))
    k1, b1, k2, b2 = parts(start)
    alone = [k1.ravel(), b1, k2[:, columns].ravel(), b2[columns]]
    single = train(prepare_fit(kind(**params), X, Y[first]), np.concatenate(alone))
    both = train(prepare_fit(make_net(weights, **params), X, Y), start)
    np.testing.assert_allclose(both.history["loss"], single.history["loss"], rtol=1e-12)
    theirs = parts(single.weights, len(columns))
    ours = parts(both.weights)
    for mine, other in zip(
        (ours[0], ours[1], ours[2][:, columns], ours[3][columns]), theirs, strict=True
    ):
        np.testing.assert_allclose(mine, other, atol=1e-12)
    rest = [i for i in range(4) if i not in columns]
    assert np.array_equal(ours[2][:, rest], k2[:, rest])


@pytest.mark.slow
def test_trained_numbers_keep_their_own_pace():
    """Thresholds move ten times as fast, a dispersion does not, as each does alone."""
    params = {**ALL, "epochs": 3, "learning_rate": 0.01}
    y = Y.assign(number=np.round(NUMBER / 50))
    losses = "cumulative_link", "negative_binomial"
    both = make_net((1.0, 1.0), losses, **params)
    start = first_weights(both)
    k1, b1, k2, b2 = parts(start, 5)
    both.set_params(epochs=3, learning_rate=0.01)
    assert both.loss_.places() == [[0, 2, 3], [1, 4]]
    for i, (name, kind) in enumerate(
        {"grade": LossAwareClassifier, "number": LossAwareRegressor}.items()
    ):
        other = ("number", "grade")[i]
        both.set_params(**{f"{name}__weight": 1.0, f"{other}__weight": 0.0})
        place = both.loss_.places()[i]
        alone = np.concatenate([k1.ravel(), b1, k2[:, place].ravel(), b2[place]])
        single = train(prepare_fit(kind(losses[i], **params), X, y[name]), alone)
        together = train(prepare_fit(both, X, y), start)
        np.testing.assert_allclose(
            parts(together.weights, 5)[3][place],
            parts(single.weights, len(place))[3],
            atol=1e-12,
        )


def test_rows_set_aside_are_those_of_the_first_classes():
    params = {**ALL, "early_stopping": True}
    rows = prepare_fit(make_net(**params), X, Y).data.streams[0].val_rows
    single = prepare_fit(LossAwareClassifier(**params), X, GRADE)
    assert np.array_equal(rows, single.data.streams[0].val_rows)


@pytest.mark.slow
def test_trained_weights_by_hand():
    """At the best constant and at every later epoch the value is Kendall's."""
    net = make_net((1.0, 1.0), loss_weights="uncertainty")
    weights = first_weights(net)
    k1, b1, k2, b2 = parts(weights, 6)
    assert np.array_equal(k2[:, 4:], np.zeros((8, 2)))
    prior = np.bincount(GRADE) / 200
    entropy = -(prior * np.log(prior)).sum()
    np.testing.assert_allclose(b2[4:], np.log([2 * entropy, 1.0]), atol=1e-6)
    plain = np.concatenate([k1.ravel(), b1, k2[:, :4].ravel(), b2[:4]])
    _, cross_entropy, squared = by_hand(plain)
    s = b2[4:]
    value = np.exp(-s[0]) * cross_entropy + np.exp(-s[1]) * squared / 2 + s.sum() / 2
    assert net.history_["loss"][0] == pytest.approx(value, rel=1e-9)
    net.set_params(epochs=300, learning_rate=0.03).fit(X, Y)
    net.set_params(warm_start=True, epochs=500, learning_rate=0.003).fit(X, Y)
    k1, b1, k2, b2 = parts(net._fitted.outputs.weights, 6)
    plain = np.concatenate([k1.ravel(), b1, k2[:, :4].ravel(), b2[:4]])
    _, cross_entropy, squared = by_hand(plain)
    found = [net.loss_parameters_[f"{n}__log_variance"] for n in ("grade", "number")]
    np.testing.assert_allclose(found, np.log([2 * cross_entropy, squared]), atol=0.1)


@pytest.mark.slow
def test_functions_see_the_units_of_y():
    own = make_net(
        losses=("cross_entropy", lambda y, p: (y - p) ** 2), weights=(1, 0.1)
    )
    other = make_net((1, 0.1 * NUMBER.var()))
    for net in (own, other):
        net.set_params(epochs=5, learning_rate=0.01).fit(X, Y)
    np.testing.assert_allclose(own.history_["loss"], other.history_["loss"], rtol=1e-9)


@pytest.mark.slow
def test_sample_weights_are_for_all_heads():
    weight = np.arange(1, 201) % 3
    net = make_net(learning_rate=1e-300, epochs=1).fit(X, Y, sample_weight=weight)
    doubled = np.repeat(np.arange(200), weight)
    again = make_net(learning_rate=1e-300, epochs=1, batch_size=1000)
    again.fit(X[doubled], Y.iloc[doubled])
    assert net.history_["loss"][0] == pytest.approx(again.history_["loss"][0])


def test_facts_of_the_outputs():
    tasks = Task("multiclass", 3), Task("regression", 1), Task("multiclass", 4)
    net = LossAwareMultiTask(
        [
            ("a", ClassificationHead("square")),
            ("b", RegressionHead("negative_binomial")),
            ("c", ClassificationHead("cumulative_link")),
        ]
    )
    heads = Settings.of(net).heads
    terms = tuple((name, 1.0, head.loss) for name, head in heads.items())
    loss = MultiTaskLoss(terms, tasks)
    assert loss.places() == [[0, 1, 2], [3, 5], [4, 6, 7, 8]]
    scales = np.ones(9)
    scales[:3] = Square.head_scale
    assert np.array_equal(loss.head_scale, scales)
    assert np.array_equal(loss.global_pace(None), [1, 10, 10, 10])
    others = MultiTaskLoss(
        terms, tasks[::-1]
    )  # a program of its own, like other losses
    assert others.structure() != loss.structure()


class EachStep(keras.callbacks.Callback):
    """Counts steps, and so makes ``Model.fit`` train."""

    def on_train_batch_end(self, batch, logs=None):
        """Count."""


class EachEpoch(keras.callbacks.Callback):
    """Looks at the model."""

    def on_epoch_end(self, epoch, logs=None):
        """See that the model gives all heads."""
        assert set(self.model(X[:2])) == {"grade", "number"}


@pytest.mark.slow
def test_callbacks_see_all_heads_and_model_fit_trains_the_same():
    params = {"epochs": 3, "learning_rate": 0.01}
    net = make_net(**params).fit(X, Y)
    seen = make_net(**params, callbacks=[EachEpoch]).fit(X, Y)
    assert np.array_equal(seen._fitted.outputs.weights, net._fitted.outputs.weights)
    slow = make_net(**params, callbacks=[EachStep]).fit(X, Y)
    assert slow.trained_by_.startswith("keras.Model.fit")
    np.testing.assert_allclose(
        slow._fitted.outputs.weights, net._fitted.outputs.weights, atol=1e-6
    )


@pytest.mark.slow
def test_networks_of_ones_own():
    def body(units=4):
        return keras.Sequential([keras.layers.Dense(units, "tanh")])

    net = make_net(network=body, epochs=3, learning_rate=0.01).fit(X, Y)
    head = net.named_estimators_.grade
    np.testing.assert_allclose(
        head.predict_proba(X), net.predict_proba(X)["grade"], atol=1e-12
    )

    def whole():
        return keras.Sequential([keras.layers.Dense(4, "tanh"), keras.layers.Dense(4)])

    net = make_net(network=whole, epochs=1).fit(X, Y)
    assert net.predict(X).shape == (200, 2)
    with pytest.raises(ValueError, match="ends in the output layer of all heads"):
        _ = net.named_estimators_


@pytest.mark.slow
def test_a_head_goes_on_alone():
    net = make_net(epochs=20, learning_rate=0.02).fit(X, Y)
    head = net.named_estimators_.grade
    before = head.predict_proba(X)
    head.set_params(learning_rate=1e-12).partial_fit(X, GRADE)
    np.testing.assert_allclose(head.predict_proba(X), before, atol=1e-8)
