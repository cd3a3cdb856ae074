"""Pipelines as Keras models: their steps in double precision, and their networks."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from canonical import NET, X, y_number, y_three
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from skloss import (
    ClassificationHead,
    LossAwareClassifier,
    LossAwareMultiTask,
    LossAwareRegressor,
    RegressionHead,
    to_keras,
)
from skloss.estimators._steps_in_keras import apply_steps
from skloss.model_selection import FusedGridSearchCV
from skloss.preprocessing import PiecewiseLinearEncoder

CLASSES, NUMBERS = LossAwareClassifier(**NET), LossAwareRegressor(**NET)

FAR = X * [1.0, 1e-3, 2.0, 1.0] + [0.0, 1e6, -1e6, 0.0]  # single precision loses it
FAR[:, 3] = FAR[:, 3] > 0
HOLES = np.where(np.arange(372).reshape(93, 4) % 7 == 3, np.nan, FAR)
EMPTY = HOLES.copy()
EMPTY[:, 2] = np.nan
STILL = FAR.copy()
STILL[:, 0] = 3.0
SOME = ColumnTransformer(
    [
        ("bins", PiecewiseLinearEncoder(4), [2]),
        ("two", make_pipeline(RobustScaler(), MaxAbsScaler()), lambda X: [1, 0]),
        ("none", StandardScaler(), []),
    ],
    remainder="passthrough",
    transformer_weights={"two": 0.5},
)


def loaded(model, folder):
    """Return a model as plain Keras reads it, nothing trusted."""
    model.save(folder / "model.keras")
    return keras.models.load_model(folder / "model.keras")


@pytest.mark.filterwarnings("ignore:Skipping features without any observed")
@pytest.mark.parametrize(
    ("step", "table"),
    [
        (StandardScaler(), FAR),
        (StandardScaler(with_mean=False), FAR),
        (StandardScaler(with_std=False), FAR),
        (MinMaxScaler((-1, 2)), FAR),
        (MinMaxScaler(clip=True), FAR),
        (MaxAbsScaler(), FAR),
        (RobustScaler(), FAR),
        (RobustScaler(with_centering=False), FAR),
        (RobustScaler(with_scaling=False), FAR),
        (SimpleImputer(strategy="median"), HOLES),
        (SimpleImputer(add_indicator=True), EMPTY),  # and a column less
        (SimpleImputer(keep_empty_features=True), EMPTY),
        (SimpleImputer(missing_values=3.0, strategy="most_frequent"), STILL),
        (SimpleImputer(add_indicator=True), FAR),  # nothing to indicate
        (PiecewiseLinearEncoder(4), FAR),
        (PiecewiseLinearEncoder(3, standardize=False, dtype="float64"), FAR),
        (PiecewiseLinearEncoder(4), STILL),  # of bins that are not used
        (PiecewiseLinearEncoder(4), np.ones((9, 4))),
        (make_pipeline("passthrough", SimpleImputer(), RobustScaler()), HOLES),
        (SOME, FAR),
        (make_column_transformer((StandardScaler(), slice(1, 3))), FAR),
    ],
    ids=lambda value: type(value).__name__,
)
def test_steps_are_what_scikit_learn_computes(step, table, tmp_path):
    """To the last bit, for the same operations in the same order."""
    step.fit(table)
    inputs = keras.Input((4,), dtype="float64")
    outputs = apply_steps([("step", step)], inputs)
    model = loaded(keras.Model(inputs, outputs), tmp_path)
    for rows in (table, table[::-1] * 1.5 + 0.25):
        expected = step.transform(rows)
        found = model(rows).numpy()
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_clipped_by_the_largest():
    scaler = MaxAbsScaler().fit(X)
    if not hasattr(scaler, "clip"):
        pytest.skip("this scikit-learn's MaxAbsScaler does not clip")
    scaler.set_params(clip=True)
    inputs = keras.Input((4,), dtype="float64")
    model = keras.Model(inputs, apply_steps([("scale", scaler)], inputs))
    np.testing.assert_array_equal(model(2 * X), scaler.transform(2 * X))


def test_a_pipeline_gives_probabilities(tmp_path):
    table, y = load_breast_cancer(return_X_y=True)
    pipe = make_pipeline(StandardScaler(), CLASSES).fit(table, y)
    expected = pipe.predict_proba(table)
    model = loaded(to_keras(pipe), tmp_path)
    np.testing.assert_allclose(model(table), expected, atol=1e-6)
    # Keras rounds what ``predict`` is given
    found = model.predict(table, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert to_keras(pipe) is not to_keras(pipe)
    assert model.input.dtype == "float64"


def test_a_pipeline_gives_numbers_in_their_units(tmp_path):
    table, y = load_diabetes(return_X_y=True, scaled=False)
    steps = "passthrough", MinMaxScaler(clip=True), PiecewiseLinearEncoder(4)
    pipe = make_pipeline(*steps, NUMBERS).fit(table, y)
    rows = np.vstack([table, table.max(axis=0) + 100])
    found = loaded(to_keras(pipe), tmp_path)(rows).numpy()
    np.testing.assert_allclose(found[:, 0], pipe.predict(rows), rtol=1e-5)


@pytest.mark.parametrize("step", [StandardScaler(), PiecewiseLinearEncoder(4)])
def test_columns_far_from_zero(step):
    far = X * 1e-3 + 1e6
    pipe = make_pipeline(step, CLASSES).fit(far, y_three)
    model, expected = to_keras(pipe), pipe.predict_proba(far)
    np.testing.assert_allclose(model(far), expected, atol=1e-6)
    rows = tf.data.Dataset.from_tensor_slices(far).batch(31)
    np.testing.assert_allclose(model.predict(rows, verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(far), expected, atol=1e-6)
    assert np.ptp(expected, axis=0).min() > 0.1


def test_what_has_nothing_before_the_network():
    alone = CLASSES.fit(X, y_three)
    expected = alone.predict_proba(X)
    for one in (alone, make_pipeline("passthrough", alone), make_pipeline(alone)):
        model = to_keras(one)
        assert model.input.dtype == "float32"
        np.testing.assert_allclose(model(X), expected, atol=1e-6)
    search = FusedGridSearchCV(CLASSES, {"l2": [0.0]}, cv=2).fit(X, y_three)
    np.testing.assert_allclose(
        to_keras(search.best_estimator_)(X), search.predict_proba(X), atol=1e-6
    )


def test_several_tasks_behind_steps():
    heads = [("c", ClassificationHead()), ("n", RegressionHead())]
    y = np.column_stack([y_three, y_number])
    pipe = make_pipeline(RobustScaler(), LossAwareMultiTask(heads, **NET)).fit(FAR, y)
    found = to_keras(pipe)(FAR)
    expected = pipe[-1].model_(pipe[0].transform(FAR))
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-6)


class Doubling(StandardScaler):
    """A scaler that does more than its base."""

    def transform(self, X, copy=None):
        return 2 * super().transform(X, copy)


TEXT = SimpleImputer(strategy="constant", fill_value="none")


@pytest.mark.parametrize(
    ("step", "named"),
    [
        (QuantileTransformer(n_quantiles=9), "QuantileTransformer(n_quantiles=9)"),
        (Doubling(), "Doubling()"),
        (TEXT.fit(np.array([["a"], ["b"]], object)), "fill_value='none'"),
    ],
)
def test_steps_without_a_form_in_keras_are_named(step, named):
    pipe = make_pipeline(StandardScaler(), step, CLASSES.fit(X, y_three))
    pipe[0].fit(X)
    with pytest.raises(TypeError, match="Those that can are") as caught:
        to_keras(pipe)
    text = str(caught.value)
    assert f"'{type(step).__name__.lower()}'" in text
    for part in (named, "StandardScaler", "pipeline[-1].to_keras()", "[:-1].transform"):
        assert part in text


def test_what_is_no_network_is_refused():
    for wrong in (StandardScaler().fit(X), make_pipeline(StandardScaler()).fit(X)):
        with pytest.raises(TypeError, match=r"StandardScaler\(\).*best_estimator_"):
            to_keras(wrong)
    with pytest.raises(NotFittedError):
        to_keras(make_pipeline(StandardScaler(), LossAwareClassifier()))
