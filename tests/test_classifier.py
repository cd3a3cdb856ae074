"""``LossAwareClassifier``: labels, tables, links, parameters, and its Keras model."""

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
import saved_models
from catalogue import mostly_slow
from keras import ops
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification

from skloss import MLP, LossAwareClassifier, losses
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


@pytest.mark.parametrize(  # each format, and each kind of target
    ("kind", "make"),
    [
        ("binary", sparse.csr_matrix),
        ("binary", sparse.csr_array),
        ("binary", sparse.csc_array),
        ("multiclass", sparse.csr_array),
        ("multilabel", sparse.csr_matrix),
    ],
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


# Quick ones of each kind of target, and of labels in order.
OF_EACH_KIND = ("cross_entropy", "hinge", "rps")
CASES_OF_KINDS = [
    pytest.param(*case, marks=() if case[0] in OF_EACH_KIND else pytest.mark.slow)
    for case in CASES
]


@pytest.mark.parametrize(("name", "kind"), CASES_OF_KINDS)
def test_shapes_decisions_and_probabilities(name, kind):
    X, y = TABLES[kind]
    # the batch size of all tests of every loss: their networks share a program
    fitted = net(loss=name, batch_size=512).fit(X, y)
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
    weights = {s.fit(X2, y2)._fitted.outputs.weights.tobytes() for s in spellings}
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
    assert not hasattr(copied, "_fitted")
    mine, theirs = own.get_params(), copied.get_params()
    objects = ("optimizer", "loss__terms")
    for name in set(mine) - set(objects):
        assert mine[name] == theirs[name], name
    assert mine.keys() == theirs.keys()
    assert copied.loss is not own.loss
    assert np.array_equal(
        copied.fit(X2, y2)._fitted.outputs.weights, own._fitted.outputs.weights
    )


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


@pytest.mark.parametrize(  # spellings of one loss have a kind of target each
    ("loss", "kind"),
    [
        ("mse", "binary"),
        ("MeanSquaredError", "multiclass"),
        (keras.losses.MeanSquaredError, "binary"),
        (keras.losses.MeanSquaredError(), "multiclass"),
        # Keras' categorical losses take one-hot targets
        (keras.losses.CategoricalFocalCrossentropy(), "multiclass"),
        (brier_by_hand, "binary"),
        (brier_by_hand, "multiclass"),
        (Smooth(), "binary"),
        (Smooth, "multiclass"),
    ],
)
def test_losses_from_elsewhere(loss, kind):
    X, y = TABLES[kind]
    own = net(loss=loss, epochs=25, learning_rate=0.03).fit(X, y)
    assert own.score(X, y) > 0.8
    clone(own)


def test_a_users_loss_is_like_any_other():
    own = net(loss=Smooth(slope=2.0)).fit(X3, y3)
    p = own.predict_proba(X3)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    z = 2 * own._fitted.raw_outputs(own, X3)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    np.testing.assert_allclose(p, e / e.sum(axis=1, keepdims=True), atol=1e-5)
    # its probabilities need not have the order of its outputs, so that they decide
    log_p = np.log(p / p.max(axis=1, keepdims=True))
    np.testing.assert_allclose(own.decision_function(X3), log_p, atol=1e-5)
    assert own.set_params(loss__slope=3.0).loss.slope == 3.0


# -- the Keras model -----------------------------------------------------------------

CLOSED = ["cross_entropy", "brier", "kl_divergence", "hinge"]


@pytest.mark.parametrize("name", mostly_slow(ALL))
def test_model_gives_the_same_numbers(name):
    weight = {0: 1.0, 1: 3.0}
    own = net(loss=name, class_weight=weight, epochs=2, batch_size=512).fit(X2, y2)
    probable = hasattr(own, "predict_proba")
    ours = own.predict_proba(X2) if probable else own.decision_function(X2)[:, None]
    theirs = own.model_.predict(X2, verbose=0)
    atol = 4 * np.finfo("float32").eps  # the resolution of 1 - p, and of its sums
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=atol)
    assert isinstance(own.model_, keras.Model)
    assert own.model_ is own.model_
    copy = own.to_keras()
    copy.set_weights([0 * w for w in copy.get_weights()])
    np.testing.assert_array_equal(own.model_.predict(X2, verbose=0), theirs)


@pytest.mark.slow
def test_saved_models_need_no_skloss(tmp_path):
    for kind, (X, y) in TABLES.items():
        for name in [n for n in CLOSED if kind in REGISTRY[n].kinds]:
            own = net(loss=name, network=MLP((8,), normalization="batch")).fit(X, y)
            probable = hasattr(own, "predict_proba")
            ours = own.predict_proba(X) if probable else own.decision_function(X)
            saved_models.save(tmp_path, f"{kind}-{name}", own, X, ours)
    saved_models.check(tmp_path, atol=1e-6)
