"""``LossAwareClassifier``: labels, links, costs, going on, and its Keras model."""

import os
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from keras import ops
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skloss import MLP, LossAwareClassifier, losses
from skloss._engine import Outcome
from skloss.losses import ClassificationLoss, Loss, loss_names
from skloss.schedules import Cosine

ALL = loss_names("classification")
REGISTRY = Loss.registry["classification"]
COLUMNS = list("abcdef")

X2, y2 = make_classification(150, 6, n_informative=4, random_state=0)
X3, y3 = make_classification(
    150, 6, n_informative=4, n_classes=3, n_clusters_per_class=1, random_state=0
)
XL, YL = make_multilabel_classification(150, 6, n_classes=3, random_state=0)
XL = (XL - XL.mean(axis=0)) / XL.std(axis=0)
TABLES = {"binary": (X2, y2), "multiclass": (X3, y3), "multilabel": (XL, YL)}
CASES = [
    (name, kind) for name in ALL for kind in TABLES if kind in REGISTRY[name].kinds
]


def net(**params):
    given = {"network": (8,), "epochs": 3, "random_state": 0, **params}
    return LossAwareClassifier(**given)


# -- labels and tables ---------------------------------------------------------------

LABELS = {
    "str": np.array(["no", "yes"]),
    "object": np.array(["no", "yes"], dtype=object),
    "bool": np.array([False, True]),
    "negative": np.array([-1, 1]),
    "uint8": np.array([3, 200], dtype=np.uint8),
    "float": np.array([0.0, 2.0]),
    "three words": np.array(["a", "bb", "ccc"]),
    "three negative": np.array([-5, -3, 10]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_dtype(kind):
    labels = LABELS[kind]
    X, y = (X2, y2) if len(labels) == 2 else (X3, y3)
    plain, own = net().fit(X, y), net().fit(X, labels[y])
    assert own.classes_.tolist() == labels.tolist()
    assert own.predict(X).dtype == own.classes_.dtype
    assert np.array_equal(own.predict(X), labels[plain.predict(X)])
    assert np.array_equal(own.predict_proba(X), plain.predict_proba(X))
    assert own.score(X, labels[y]) == plain.score(X, y)


@pytest.mark.parametrize(
    "make", [list, pd.Series, pl.Series, lambda y: pd.Series(y).astype("category")]
)
def test_containers_of_labels(make):
    y = np.array(["no", "yes"])[y2]
    plain = net().fit(X2, y)
    other = net().fit(X2, make(y.tolist()))
    assert np.array_equal(plain.decision_function(X2), other.decision_function(X2))
    assert np.array_equal(plain.predict(X2), other.predict(X2))


def test_a_column_of_labels_is_taken_with_a_warning():
    with pytest.warns(UserWarning, match="column-vector"):
        column = net().fit(X2, y2[:, None])
    assert np.array_equal(column.predict(X2), net().fit(X2, y2).predict(X2))


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_tables_with_names(kind, make):
    X, y = TABLES[kind]
    table = make(dict(zip(COLUMNS, X.T, strict=True)))
    plain, named = net().fit(X, y), net().fit(table, y)
    assert named.feature_names_in_.tolist() == COLUMNS
    assert np.array_equal(plain.decision_function(X), named.decision_function(table))
    assert np.array_equal(plain.predict_proba(X), named.predict_proba(table))


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize(
    "make", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array]
)
def test_sparse_tables(kind, make):
    X, y = TABLES[kind]
    X = np.where(abs(X) > 0.5, X, 0.0)
    fit = {"X_val": X[:50], "y_val": y[:50]}
    plain, thin = net().fit(X, y, **fit), net().fit(make(X), y, **fit)
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(
        thin.decision_function(make(X)), plain.decision_function(X), **close
    )
    np.testing.assert_allclose(
        thin.decision_function(X), plain.decision_function(X), **close
    )
    np.testing.assert_allclose(
        thin.history_["val_log_loss"], plain.history_["val_log_loss"], **close
    )


def test_sparse_labels():
    dense, thin = net().fit(XL, YL), net().fit(XL, sparse.csr_matrix(YL))
    assert np.array_equal(dense.predict(XL), thin.predict(XL))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_shapes_decisions_and_probabilities(name, kind):
    X, y = TABLES[kind]
    fitted = net(loss=name).fit(X, y)
    for rows in (len(X), 1):
        scores, labels = fitted.decision_function(X[:rows]), fitted.predict(X[:rows])
        if kind == "binary":
            assert scores.shape == labels.shape == (rows,)
            assert np.array_equal(labels, fitted.classes_[(scores > 0).astype(int)])
        elif kind == "multiclass":
            assert (scores.shape, labels.shape) == ((rows, 3), (rows,))
            assert np.array_equal(labels, fitted.classes_[scores.argmax(axis=1)])
        else:
            assert scores.shape == labels.shape == (rows, 3)
            assert np.array_equal(labels, scores > 0)
        assert np.isfinite(scores).all()
        assert hasattr(fitted, "predict_proba") == fitted.loss_.has_probabilities
        if not fitted.loss_.has_probabilities:
            continue
        p = fitted.predict_proba(X[:rows])
        assert p.shape == ((rows, 2) if kind == "binary" else (rows, 3))
        assert ((p >= 0) & (p <= 1)).all()
        np.testing.assert_allclose(np.exp(fitted.predict_log_proba(X[:rows])), p)
        if kind == "multilabel":
            assert np.array_equal(labels, p > 0.5)
        else:
            np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
            assert np.array_equal(labels, fitted.classes_[p.argmax(axis=1)])


# -- costs ---------------------------------------------------------------------------


def imbalanced():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 2))
    return X, (rng.random(1500) < 1 / (1 + np.exp(2.0 - 1.5 * X[:, 0]))).astype(int)


@pytest.mark.parametrize("name", ["cross_entropy", "brier", "focal", "square"])
@pytest.mark.parametrize("weight", ["balanced", {1: 4.0}])
def test_class_weight_moves_decisions_and_not_probabilities(name, weight):
    X, y = imbalanced()
    make = {"loss": name, "epochs": 20, "learning_rate": 0.01}
    plain = net(**make).fit(X, y)
    heavy = net(class_weight=weight, **make).fit(X, y)
    base = y.mean()
    assert 0.1 < base < 0.3
    assert heavy.predict(X).mean() > plain.predict(X).mean() + 0.1
    for fitted in (plain, heavy):
        p = fitted.predict_proba(X)[:, 1]
        assert abs(p.mean() - base) < 0.03
        assert log_loss(y, p) < 0.9 * log_loss(y, np.full(len(y), base))
    ratio = heavy._class_weight[1] / heavy._class_weight[0]
    threshold = 1 / (1 + ratio)  # where the weighted risks of both classes are equal
    p = heavy.predict_proba(X)[:, 1]
    clear = abs(p - threshold) > 1e-6
    assert np.array_equal(heavy.predict(X)[clear], (p > threshold)[clear])


def test_class_weight_is_the_weight_of_the_rows():
    costs = {"a": 1.0, "b": 2.0, "c": 0.5}
    y = np.array(list(costs))[y3]
    rows = np.array(list(costs.values()))[y3]
    by_class = net(class_weight=costs).fit(X3, y)
    by_row = net().fit(X3, y, sample_weight=rows)
    np.testing.assert_allclose(
        by_class.decision_function(X3), by_row.decision_function(X3), rtol=1e-5
    )
    part = net(class_weight={"b": 2.0, "c": 0.5}).fit(X3, y)  # others weigh one
    assert np.array_equal(part.predict_proba(X3), by_class.predict_proba(X3))


def test_balanced_counts_the_sample_weights():
    w = np.where(y3 == 0, 3.0, 1.0)
    fitted = net(class_weight="balanced").fit(X3, y3, sample_weight=w)
    total = np.bincount(y3, w)
    np.testing.assert_allclose(fitted._class_weight, w.sum() / (3 * total))


def test_costs_do_not_enter_the_monitored_score():
    """The held-out rows of early stopping are scored as an X_val of the same rows."""
    make = {"class_weight": {0: 1.0, 1: 10.0}, "early_stopping": True, "epochs": 4}
    split = net(**make).fit(X2, y2)
    rng = np.random.RandomState(0)
    rng.randint(2**31 - 1)
    train, held = train_test_split(
        np.arange(150), test_size=0.1, stratify=y2, random_state=rng
    )
    train, held = np.sort(train), np.sort(held)
    given = net(**make).fit(X2[train], y2[train], X_val=X2[held], y_val=y2[held])
    assert split.history_ == given.history_
    best = min(split.history_["val_log_loss"])
    assert log_loss(y2[held], split.predict_proba(X2[held])) == pytest.approx(
        best, 1e-5
    )


# -- sample weights ------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_weights_are_repetitions(name):
    w = np.resize([1, 2, 0, 1, 3], len(y2))
    rows = np.repeat(np.arange(len(y2)), w)
    make = {"loss": name, "batch_size": 512, "epochs": 10}
    weighted = net(**make).fit(X2, y2, sample_weight=w)
    repeated = net(**make).fit(X2[rows], y2[rows])
    assert weighted._result.weights.dtype == np.float64
    np.testing.assert_allclose(
        weighted.decision_function(X2), repeated.decision_function(X2), atol=1e-6
    )


# -- going on ------------------------------------------------------------------------


def test_epochs_of_partial_fit_are_the_epochs_of_fit():
    whole = net(epochs=4, lr_schedule="cosine").fit(X2, y2)
    pieces = net(epochs=4, lr_schedule="cosine")
    for done in range(1, 5):
        assert pieces.partial_fit(X2, y2) is pieces
        assert pieces.n_epochs_ == len(pieces.history_["loss"]) == done
    assert np.array_equal(pieces._result.weights, whole._result.weights)
    assert pieces.history_ == whole.history_
    assert pieces.history_["loss"][-1] < pieces.history_["loss"][0]


def test_fit_then_partial_fit_keeps_the_optimisers_state():
    longer = net(epochs=4).fit(X2, y2)
    went_on = net(epochs=3).fit(X2, y2).partial_fit(X2, y2)
    assert np.array_equal(went_on._result.weights, longer._result.weights)
    assert went_on.history_ == longer.history_


def test_partial_fit_takes_all_classes():
    first = np.flatnonzero(y3 < 2)
    part = net().partial_fit(X3[first], y3[first], classes=[0, 1, 2])
    assert part.classes_.tolist() == [0, 1, 2]
    assert part.predict_proba(X3).shape == (150, 3)
    part.partial_fit(X3, y3).partial_fit(X3, y3, classes=[2, 1, 0])
    assert part.n_epochs_ == 3
    one = net().partial_fit(X2[:1], y2[:1], classes=[0, 1])
    assert one.predict(X2).shape == (150,)


def test_fit_starts_anew():
    fitted = net().fit(X2, y2)
    first = fitted._result.weights
    assert np.array_equal(fitted.partial_fit(X2, y2).fit(X2, y2)._result.weights, first)
    assert fitted.n_epochs_ == len(fitted.history_["loss"]) == 3


def test_warm_start_starts_from_the_previous_weights():
    warm = net(warm_start=True, learning_rate=0.01).fit(X2, y2)
    first = warm.history_["loss"]
    warm.fit(X2, y2)
    assert warm.history_["loss"][0] < first[-1]
    assert warm.n_epochs_ == len(warm.history_["loss"]) == 3
    cold = net(learning_rate=0.01).fit(X2, y2).fit(X2, y2)
    assert cold.history_["loss"] == first


def test_warm_start_takes_the_statistics_of_the_best_epoch():
    body = MLP((8,), batch_normalization=True)
    make = {"network": body, "early_stopping": True, "learning_rate": 0.5}
    warm = net(warm_start=True, patience=1, epochs=20, **make).fit(X2, y2)
    assert warm.n_epochs_ > warm._result.best_epoch
    before = warm.decision_function(X2)
    warm.set_params(learning_rate=1e-30, early_stopping=False, epochs=1)
    start = warm._warm_state(warm._result)
    assert start["stored"].tolist() == warm._result.stored.tolist()
    warm.fit(X2, y2)
    kernel = warm._result.weights - start["weights"]
    assert abs(kernel).max() < 1e-6
    assert before.shape == warm.decision_function(X2).shape


def test_early_stopping_restores_the_best_weights():
    fit = {"X_val": X2[100:], "y_val": y2[100:]}
    stopped = net(early_stopping=True, patience=2, learning_rate=0.1, epochs=60)
    stopped.fit(X2[:100], y2[:100], **fit)
    scores = stopped.history_["val_log_loss"]
    best = int(np.argmin(scores))
    assert stopped.outcome_ is Outcome.STOPPED_EARLY
    assert stopped.n_epochs_ == len(scores) == best + 1 + 2
    assert log_loss(y2[100:], stopped.predict_proba(X2[100:])) == pytest.approx(
        min(scores), rel=1e-5
    )


def test_early_stopping_without_probabilities_watches_errors():
    fit = {"X_val": X2[100:], "y_val": y2[100:]}
    stopped = net(loss="hinge", early_stopping=True, patience=3, epochs=40)
    stopped.fit(X2[:100], y2[:100], **fit)
    scores = stopped.history_["val_zero_one_loss"]
    assert 1 - stopped.score(X2[100:], y2[100:]) == pytest.approx(min(scores))


def test_validation_data_alone_is_only_recorded():
    fit = {"X_val": X2[100:], "y_val": y2[100:]}
    plain = net(epochs=8, learning_rate=0.1).fit(X2[:100], y2[:100])
    watched = net(epochs=8, learning_rate=0.1).fit(X2[:100], y2[:100], **fit)
    assert np.array_equal(plain._result.weights, watched._result.weights)
    assert "val_loss" not in plain.history_
    assert len(watched.history_["val_log_loss"]) == watched.n_epochs_ == 8
    last = log_loss(y2[100:], watched.predict_proba(X2[100:]))
    assert watched.history_["val_log_loss"][-1] == pytest.approx(last, rel=1e-5)


def test_weights_of_the_validation_rows():
    w = np.resize([1, 2, 0], 50)
    rows = np.repeat(np.arange(100, 150), w)
    a = net().fit(
        X2[:100], y2[:100], X_val=X2[100:], y_val=y2[100:], sample_weight_val=w
    )
    b = net().fit(X2[:100], y2[:100], X_val=X2[rows], y_val=y2[rows])
    np.testing.assert_allclose(
        a.history_["val_log_loss"], b.history_["val_log_loss"], rtol=1e-5
    )


# -- parameters ----------------------------------------------------------------------


def test_nested_names_reach_everything():
    own = net(lr_schedule="cosine").set_params(
        loss="focal",
        loss__gamma=3,
        optimizer__beta_1=0.8,
        network__activation="tanh",
        lr_schedule__final=0.1,
    )
    assert own.loss == losses.Focal(gamma=3)
    assert own.optimizer == "adam:beta_1=0.8"
    assert own.network == MLP((8,), activation="tanh")
    assert own.lr_schedule == Cosine(final=0.1)
    params = own.get_params()
    assert params["loss__gamma"] == 3
    assert params["optimizer__beta_1"] == 0.8
    assert params["network__activation"] == "tanh"
    assert params["lr_schedule__final"] == 0.1
    assert own.set_params(optimizer__beta_1=0.9).optimizer == "adam"
    instance = net(optimizer=keras.optimizers.Adam()).set_params(optimizer__beta_1=0.7)
    assert isinstance(instance.optimizer, keras.optimizers.Adam)
    assert instance.get_params()["optimizer__beta_1"] == 0.7


def test_the_same_network_however_it_is_written():
    spellings = [
        net(loss="focal:gamma=3"),
        net(loss=losses.Focal(gamma=3)),
        net(loss="focal").set_params(loss__gamma=3),
        net(network=[8], loss="focal:gamma=3"),
        net(network=MLP((8,)), optimizer=keras.optimizers.Adam, loss="focal:gamma=3"),
        net(network=8, optimizer=keras.optimizers.Adam(), loss="focal:gamma=3"),
    ]
    weights = {s.fit(X2, y2)._result.weights.tobytes() for s in spellings}
    assert len(weights) == 1


def test_clone_keeps_everything():
    own = net(
        loss=0.5 * losses.Focal(gamma=3) + 0.5 * losses.Hinge(),
        network=MLP((4, 4), activation="tanh"),
        optimizer=keras.optimizers.Adam(beta_1=0.8),
        lr_schedule=Cosine(final=0.1),
        class_weight={0: 1.0, 1: 2.0},
    )
    copied = clone(own.fit(X2, y2))
    assert not hasattr(copied, "_result")
    mine, theirs = own.get_params(), copied.get_params()
    objects = ("optimizer", "loss__terms")
    for name in set(mine) - set(objects):
        assert mine[name] == theirs[name], name
    assert mine.keys() == theirs.keys()
    assert copied.loss is not own.loss
    assert np.array_equal(copied.fit(X2, y2)._result.weights, own._result.weights)


def test_printing_progress(capsys):
    net(verbose=1).fit(X2, y2, X_val=X2, y_val=y2)
    out = capsys.readouterr().out
    assert "epoch    3" in out
    assert "val log_loss" in out


# -- networks and losses of the user's -----------------------------------------------


def build(n_features):
    return keras.Sequential(
        [
            keras.Input((n_features,)),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2),
        ]
    )


@pytest.mark.parametrize("kind", TABLES)
def test_networks_built_by_a_function(kind):
    X, y = TABLES[kind]
    own = net(network=build, epochs=15, learning_rate=0.03).fit(X, y)
    assert own.history_["loss"][-1] < own.history_["loss"][0]
    names = [type(layer).__name__ for layer in own.model_._flatten_layers()]
    assert {"BatchNormalization", "Dropout"} <= set(names)
    again = net(network=build, epochs=15, learning_rate=0.03).fit(X, y)
    assert np.array_equal(own.predict_proba(X), again.predict_proba(X))
    assert np.array_equal(own.predict_proba(X), own.predict_proba(X))


class Smooth(ClassificationLoss):
    """A user's loss with a knob."""

    proper = "link"

    def __init__(self, slope=1.0):
        self.slope = slope

    def pointwise(self, y_true, raw):
        return -ops.sum(y_true * ops.log_softmax(self.slope * raw), axis=-1)


def brier_by_hand(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
@pytest.mark.parametrize(
    "loss",
    [
        "mse",
        "MeanSquaredError",
        keras.losses.MeanSquaredError,
        keras.losses.MeanSquaredError(),
        keras.losses.CategoricalFocalCrossentropy(),
        brier_by_hand,
        Smooth(),
        Smooth,
    ],
)
def test_losses_from_elsewhere(loss, kind):
    X, y = TABLES[kind]
    if "CategoricalFocal" in type(loss).__name__ and kind == "binary":
        pytest.skip("Keras' categorical losses take one-hot targets")
    own = net(loss=loss, epochs=25, learning_rate=0.03).fit(X, y)
    assert own.score(X, y) > 0.8
    clone(own)


def test_a_users_loss_is_like_any_other():
    own = net(loss=Smooth(slope=2.0)).fit(X3, y3)
    p = own.predict_proba(X3)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    z = 2 * own.decision_function(X3)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    np.testing.assert_allclose(p, e / e.sum(axis=1, keepdims=True), atol=1e-5)
    assert own.set_params(loss__slope=3.0).loss.slope == 3.0


# -- the Keras model -----------------------------------------------------------------

CLOSED = ["cross_entropy", "brier", "kl_divergence", "hinge"]


@pytest.mark.parametrize("name", ALL)
def test_model_gives_the_same_numbers(name):
    weight = {0: 1.0, 1: 3.0}
    own = net(loss=name, class_weight=weight, epochs=2).fit(X2, y2)
    probable = hasattr(own, "predict_proba")
    ours = own.predict_proba(X2) if probable else own.decision_function(X2)[:, None]
    theirs = own.model_.predict(X2, verbose=0)
    atol = 4 * np.finfo("float32").eps  # the resolution of 1 - p, and of its sums
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=atol)
    assert isinstance(own.model_, keras.Model)
    assert own.model_ is own.model_


def test_saved_models_need_no_skloss(tmp_path):
    code = ["import sys, keras, numpy as np"]
    for kind, (X, y) in TABLES.items():
        np.save(tmp_path / f"{kind}-X.npy", X)
        for name in [n for n in CLOSED if kind in REGISTRY[n].kinds]:
            own = net(loss=name, network=MLP((8,), batch_normalization=True)).fit(X, y)
            file = f"{kind}-{name}"
            probable = hasattr(own, "predict_proba")
            ours = own.predict_proba(X) if probable else own.decision_function(X)
            np.save(tmp_path / f"{file}.npy", ours.reshape(len(X), -1))
            own.model_.save(tmp_path / f"{file}.keras")
            code.append(
                f"m = keras.models.load_model('{file}.keras')\n"
                f"p = m.predict(np.load('{kind}-X.npy'), verbose=0)\n"
                f"np.testing.assert_allclose(p, np.load('{file}.npy'), rtol=1e-4, "
                f"atol=1e-6)"
            )
    code.append("assert 'skloss' not in sys.modules")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
