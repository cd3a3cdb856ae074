"""From what a user writes to a loss."""

import keras
import numpy as np
import pytest

from skloss.exceptions import LossTargetError
from skloss.losses import (
    AbsoluteError,
    AbsoluteErrorOnProbabilities,
    Brier,
    CrammerSinger,
    CrossEntropy,
    CustomLoss,
    CustomRegressionLoss,
    Focal,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    Loss,
    MeanAbsolutePercentage,
    MeanSquaredLogarithmic,
    Poisson,
    Quantile,
    Square,
    SquaredError,
    SquaredHinge,
    Task,
    get,
    loss_names,
)

SPELLINGS = [
    (spelling, family, cls)
    for family, classes in Loss.registry.items()
    for cls in classes.values()
    for spelling in (cls.name, *cls.aliases)
]


@pytest.mark.parametrize(("spelling", "family", "cls"), SPELLINGS)
def test_every_name_and_alias(spelling, family, cls):
    assert get(spelling, family) == cls()


@pytest.mark.parametrize("family", ["classification", "regression"])
def test_aliases_are_distinct(family):
    spellings = [s for s, f, _ in SPELLINGS if f == family]
    assert len(spellings) == len(set(spellings))
    assert loss_names(family) == sorted(Loss.registry[family])


@pytest.mark.parametrize(
    ("spec", "family", "expected"),
    [
        ("focal:gamma=3", "classification", Focal(gamma=3)),
        ("focal_loss:gamma=0.5", "classification", Focal(gamma=0.5)),
        ("log_loss: label_smoothing=0.1", "classification", CrossEntropy(0.1)),
        ("square:kappa=15, scale=30", "classification", Square(15, 30)),
        ("huber:delta=0.5", "regression", Huber(0.5)),
        ("quantile:quantile=(0.1, 0.9)", "regression", Quantile((0.1, 0.9))),
    ],
)
def test_strings_with_knobs(spec, family, expected):
    assert get(spec, family) == expected


def test_losses_pass_through():
    loss = Focal(gamma=3.0)
    assert get(loss, "classification") is loss
    assert get(Focal, "classification") == Focal()


KERAS = [
    (keras.losses.BinaryCrossentropy(label_smoothing=0.1), CrossEntropy(0.1)),
    (keras.losses.CategoricalCrossentropy(label_smoothing=0.2), CrossEntropy(0.2)),
    (keras.losses.SparseCategoricalCrossentropy(), CrossEntropy()),
    (keras.losses.BinaryFocalCrossentropy(gamma=3.0), Focal(3.0)),
    (keras.losses.CategoricalFocalCrossentropy(gamma=0.5), Focal(0.5)),
    (keras.losses.KLDivergence(), KLDivergence()),
    (keras.losses.Hinge(), Hinge()),
    (keras.losses.SquaredHinge(), SquaredHinge()),
    (keras.losses.CategoricalHinge(), CrammerSinger()),
    (keras.losses.MeanSquaredError(), Brier()),
    (keras.losses.MeanAbsoluteError(), AbsoluteErrorOnProbabilities()),
    (keras.losses.MeanSquaredError(), SquaredError()),
    (keras.losses.MeanAbsoluteError(), AbsoluteError()),
    (keras.losses.Huber(delta=0.7), Huber(0.7)),
    (keras.losses.LogCosh(), LogCosh()),
    (keras.losses.Poisson(), Poisson()),
    (keras.losses.MeanSquaredLogarithmicError(), MeanSquaredLogarithmic()),
    (keras.losses.MeanAbsolutePercentageError(), MeanAbsolutePercentage()),
]


@pytest.mark.parametrize(("theirs", "ours"), KERAS)
def test_keras_instance(theirs, ours):
    assert get(theirs, ours.family) == ours


@pytest.mark.parametrize(("theirs", "ours"), KERAS)
def test_keras_class_and_its_name(theirs, ours):
    default = get(type(theirs)(), ours.family)
    assert type(default) is type(ours)
    assert get(type(theirs), ours.family) == default
    assert get(type(theirs).__name__, ours.family) == default


def test_keras_functions():
    assert get(keras.losses.binary_crossentropy, "classification") == CrossEntropy()
    assert get(keras.losses.mean_squared_error, "regression") == SquaredError()


def test_keras_losses_that_we_lack_are_wrapped():
    for spec in (
        "cosine_similarity",
        "CosineSimilarity",
        keras.losses.CosineSimilarity,
        keras.losses.CosineSimilarity(),
    ):
        loss = get(spec, "regression")
        assert isinstance(loss, CustomRegressionLoss)
        y, f = np.array([[3.0, 4.0], [1.0, 0.0]]), np.array([[4.0, 3.0], [-2.0, 0.0]])
        value = loss.rowwise(Task("regression", 2), y, f)
        np.testing.assert_allclose(value, [-0.96, 1], rtol=1e-6)


def test_keras_class_balancing_is_not_dropped():
    spec = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=0.25, gamma=2.0
    )
    loss = get(spec, "classification")
    assert isinstance(loss, CustomLoss)
    smooth = keras.losses.BinaryFocalCrossentropy(label_smoothing=0.1)
    assert isinstance(get(smooth, "classification"), CustomLoss)
    value = loss.rowwise(
        Task("binary", 1), np.array([[1.0], [0.0]]), np.array([[0.5], [-0.5]])
    )
    assert float(value[1] / value[0]) == pytest.approx(3.0, rel=1e-5)


@pytest.mark.parametrize(
    ("spec", "family", "near"),
    [
        ("focl", "classification", "focal"),
        ("cross_entrpy", "classification", "cross_entropy"),
        ("hubr", "regression", "huber"),
        ("Quantil", "regression", "quantile"),
    ],
)
def test_unknown_names_offer_the_nearest(spec, family, near):
    with pytest.raises(ValueError, match=f"Unknown {family} loss '{spec}'") as caught:
        get(spec, family)
    assert "Did you mean" in str(caught.value)
    assert f"'{near}'" in str(caught.value).partition("Valid names")[0]


@pytest.mark.parametrize(
    ("spec", "family"),
    [
        ("focal", "regression"),
        ("focal:gamma=3", "regression"),
        ("huber", "classification"),
        ("pinball", "classification"),
        (Huber(), "classification"),
        (Focal, "regression"),
        (0.5 * Focal() + CrossEntropy(), "regression"),
    ],
)
def test_wrong_task(spec, family):
    with pytest.raises(LossTargetError, match=f"does {family}. Use one of"):
        get(spec, family)


@pytest.mark.parametrize(
    ("spec", "family", "text"),
    [
        ("focal:gama=3", "classification", "Invalid parameter 'gama'.*'gamma'"),
        ("hinge:gamma=3", "classification", "Invalid parameter 'gamma'"),
        ("focal:gamma=-1", "classification", "gamma=-1 must be in"),
        ("focal:3", "classification", "Cannot read 'focal:3'"),
        ("cross_entropy:label_smoothing=1", "classification", "label_smoothing=1"),
        ("square:kappa=0", "classification", "kappa=0 must be in"),
        ("huber:delta=0", "regression", "delta=0 must be in"),
        ("expectile:expectile=1.5", "regression", "expectile=1.5 must be in"),
        ("quantile:quantile=(0.9, 0.1)", "regression", "must increase"),
        ("quantile:quantile=1", "regression", "quantile=1 must be in"),
        ("barron:alpha=2.5", "regression", "alpha=2.5 must be in"),
        ("cauchy:c=0", "regression", "c=0 must be in"),
        ("epsilon_insensitive:epsilon=-1", "regression", "epsilon=-1 must be in"),
        ("tweedie:power=2", "regression", "power=2 must be in"),
        ("smooth_quantile:smoothing=0", "regression", "smoothing=0 must be in"),
    ],
)
def test_wrong_knobs(spec, family, text):
    with pytest.raises(ValueError, match=text):
        get(spec, family)


@pytest.mark.parametrize("spec", [3, None, ["focal"]])
def test_what_is_no_loss(spec):
    with pytest.raises(TypeError, match="neither a name"):
        get(spec, "classification")


def per_row(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


def per_element(y_true, y_pred):
    return keras.ops.square(y_true - y_pred)


def scalar(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred))


@pytest.mark.parametrize("function", [per_row, per_element])
def test_a_function_is_wrapped(function):
    y, f = np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[2.0, 2.0], [3.0, 0.0]])
    loss = get(function, "regression")
    assert isinstance(loss, CustomRegressionLoss)
    value = loss.rowwise(Task("regression", 2), y, f)
    np.testing.assert_allclose(value, [0.5, 5.0])
    loss = get(function, "classification")
    assert isinstance(loss, CustomLoss)
    value = loss.rowwise(
        Task("multiclass", 2), np.eye(2), np.log([[3.0, 1.0], [3.0, 1.0]])
    )
    np.testing.assert_allclose(value, [1 / 16, 9 / 16], rtol=1e-6)
    value = loss.rowwise(
        Task("multilabel", 2), np.array([[1.0, 0.0]]), np.log([[3.0, 1.0]])
    )
    np.testing.assert_allclose(value, [(1 / 16 + 1 / 4) / 2], rtol=1e-6)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
def test_a_scalar_is_refused(kind):
    family = "regression" if kind == "regression" else "classification"
    size = {"binary": 1, "multiclass": 3, "multilabel": 2, "regression": 2}[kind]
    y = np.eye(3)[:, :size]
    with pytest.raises(LossTargetError, match="must return one value per row"):
        get(scalar, family).batch_value(Task(kind, size), y, 0.5 * y, np.ones(3))
