"""Fitted estimators, Pipelines and averages of them as plain Keras models."""

from __future__ import annotations

import numpy as np
from sklearn.pipeline import Pipeline

from skloss._tensorflow import keras
from skloss.estimators._steps_in_keras import (
    apply_steps,
    cast,
    choose_widest,
    list_steps,
    spread_columns,
)


def to_keras(estimator):
    """Return what is fitted, earlier steps included, as one new Keras model.

    It shares nothing with the estimator: train it, change it, or save it, which Keras
    loads without skloss.

    Parameters
    ----------
    estimator : LossAware estimator, Pipeline or ensemble
        Fitted. A Pipeline ends in a LossAware estimator; the steps before may be
        ``StandardScaler``, ``MinMaxScaler``, ``MaxAbsScaler``, ``RobustScaler``,
        ``SimpleImputer`` of numbers, ``PiecewiseLinearEncoder``, "passthrough", and a
        ``ColumnTransformer`` or Pipelines of these. An ensemble is that of a search,
        ``ensemble_`` or ``fold_ensemble_``.

    Returns
    -------
    keras.Model
        Not compiled. Gives what ``to_keras`` of an estimator gives, which is what
        ``predict_proba`` gives, or the scores of ``decision_function`` without
        probabilities; of a regressor what ``predict`` gives.

    Raises
    ------
    TypeError
        For an estimator of another kind, or a step that cannot be exported, with the
        remedy.
    NotFittedError

    Notes
    -----
    Steps are computed in double precision, as scikit-learn does, and the network after
    them in its own: a column near 1e6 that varies by 0.001 keeps what it tells. So the
    model of a Pipeline takes float64. ``keras.Model.predict`` rounds the arrays that it
    is given to ``keras.config.floatx()`` beforehand, which is float32: where columns
    are far from zero beside their spread, call the model itself, ``model(X)``, or
    ``predict_on_batch``, or give ``predict`` a ``tf.data.Dataset``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skloss import LossAwareClassifier, to_keras
    >>> X, y = load_iris(return_X_y=True)
    >>> net = LossAwareClassifier(network=(16,), epochs=30, random_state=0)
    >>> pipe = make_pipeline(StandardScaler(), net).fit(X, y)
    >>> to_keras(pipe)(X).shape
    TensorShape([150, 3])
    """
    if isinstance(estimator, Pipeline):
        return export_pipeline(estimator)
    if not hasattr(estimator, "to_keras"):
        raise TypeError(
            f"{estimator!r} cannot become a Keras model: to_keras takes a LossAware "
            f"estimator, a Pipeline that ends in one, or an ensemble of a search. Of a "
            f"search give best_estimator_ or ensemble_."
        )
    return estimator.to_keras()


def export_pipeline(pipeline):
    """Return the model of a fitted Pipeline."""
    *steps, (_, last) = list_steps(pipeline.steps)
    network = to_keras(last)
    if not steps:
        return network
    inputs = keras.Input((steps[0][1].n_features_in_,), dtype="float64")
    table = apply_steps(steps, inputs)
    return keras.Model(inputs, network(cast(table, network.input.dtype)))


def average_models(models, weights, places, count):
    """Return the model of the weighted mean of what several give for one table.

    Parameters
    ----------
    models : list of keras.Model
    weights : array-like of shape (n_models,) or None
    places : list of ndarray, or None
        Which of the columns of the mean are those of each model, the others being
        zero there; None: all are.
    count : int
        Of the columns of the mean, where ``places`` are given.
    """
    inputs = keras.Input(
        models[0].input.shape[1:],
        dtype=choose_widest(model.input.dtype for model in models),
    )
    outputs = [model(cast(inputs, model.input.dtype)) for model in models]
    if places is not None:
        outputs = [
            spread_columns(output, place, count)
            for output, place in zip(outputs, places, strict=True)
        ]
    dtype = choose_widest(output.dtype for output in outputs)
    stack = keras.ops.stack([cast(output, dtype) for output in outputs])
    shares = np.ones(len(models)) if weights is None else np.asarray(weights, float)
    shares = (shares / shares.sum()).astype(dtype)
    return keras.Model(inputs, keras.ops.tensordot(shares, stack, axes=1))
