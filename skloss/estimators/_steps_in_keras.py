"""Fitted transformers of scikit-learn and ours as operations of Keras.

Each is a function from a fitted transformer and a symbolic table to a symbolic table.
It computes the formula of its transform, in the same order, in double precision.
"""

from __future__ import annotations

from numbers import Real

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

from skloss._sklearn import get_input_columns
from skloss._tensorflow import keras
from skloss.preprocessing import PiecewiseLinearEncoder

NOTHING = (None, "passthrough")


def list_steps(steps):
    """Yield name and step of all that steps do, their inner Pipelines opened."""
    for name, step in steps:
        if isinstance(step, Pipeline):
            yield from list_steps(step.steps)
        elif not does_nothing(step):
            yield name, step


def apply_steps(steps, x):
    """Return a symbolic table as fitted transformers leave it.

    Parameters
    ----------
    steps : list of (str, transformer)
    x : keras.KerasTensor of shape (None, features)

    Raises
    ------
    TypeError
        For a transformer that is not known here, with the remedy.
    """
    for name, step in list_steps(steps):
        if not is_known(step):
            known = ", ".join(own.__name__ for own in OPERATIONS)
            raise TypeError(
                f"The step {name!r}, {step!r}, cannot become a part of a Keras model. "
                f"Those that can are, of numbers, {known}. Export the network alone, "
                f"pipeline[-1].to_keras(), and give it what "
                f"pipeline[:-1].transform(X) returns; of an ensemble, do so for each "
                f"of its estimators."
            )
        x = OPERATIONS[type(step)](step, x)
    return x


def does_nothing(step):
    """Tell whether a step leaves a table as it is."""
    return step in NOTHING or (type(step) is FunctionTransformer and step.func is None)


def is_known(step):
    """Tell whether a fitted transformer is one of numbers that is known here."""
    filled = getattr(step, "statistics_", ())  # of a SimpleImputer, maybe of text
    # a subclass may transform otherwise
    return type(step) in OPERATIONS and not any(isinstance(v, str) for v in filled)


def transform_parts(transformer, x):
    """Return what a ColumnTransformer makes of a table."""
    parts, weights = [], transformer.transformer_weights or {}
    for name, step, _ in transformer.transformers_:
        columns = get_input_columns(transformer, name)
        if len(columns) and step != "drop":
            part = apply_steps([(name, step)], take_columns(x, columns))
            parts.append(part * weights[name] if name in weights else part)
    dtype = choose_widest(part.dtype for part in parts)
    return keras.ops.concatenate([cast(part, dtype) for part in parts], axis=1)


def scale_by_deviation(scaler, x):
    """Return what a StandardScaler makes of a table."""
    if scaler.with_mean:
        x = x - scaler.mean_
    return x / scaler.scale_ if scaler.with_std else x


def scale_by_quantiles(scaler, x):
    """Return what a RobustScaler makes of a table."""
    if scaler.with_centering:
        x = x - scaler.center_
    return x / scaler.scale_ if scaler.with_scaling else x


def scale_to_range(scaler, x):
    """Return what a MinMaxScaler makes of a table."""
    x = x * scaler.scale_ + scaler.min_
    return clip(x, *scaler.feature_range) if scaler.clip else x


def scale_by_largest(scaler, x):
    """Return what a MaxAbsScaler makes of a table."""
    x = x / scaler.scale_
    return clip(x, -1, 1) if getattr(scaler, "clip", False) else x  # older ones lack it


def impute(imputer, x):
    """Return what a SimpleImputer makes of a table, its indicators included."""
    values, marker = imputer.statistics_.astype(np.float64), imputer.missing_values
    if isinstance(marker, Real) and not np.isnan(marker):
        missing = keras.ops.equal(x, marker)
    else:  # also where it is None or pandas' NA: in a table of numbers it is NaN
        missing = keras.ops.isnan(x)
    kept = np.flatnonzero(~np.isnan(values))  # a column without values is left out
    parts = [take_columns(keras.ops.where(missing, np.nan_to_num(values), x), kept)]
    if imputer.add_indicator:
        flags = take_columns(missing, imputer.indicator_.features_)
        parts.append(keras.ops.cast(flags, x.dtype))
    return keras.ops.concatenate(parts, axis=1)


def fill_bins(encoder, x):
    """Return what a PiecewiseLinearEncoder makes of a table."""
    source, place, left, right = encoder._list_bins()
    shares = (clip(take_columns(x, source), left, right) - left) / (right - left)
    shares = (shares - encoder.mean_[place]) / encoder.scale_[place]
    encoded = spread_columns(shares, place, int(encoder.widths_.sum()))
    return keras.ops.cast(encoded, encoder.dtype)


def clip(x, low, high):
    """Return a symbolic table between bounds, of which there may be one a column."""
    low, high = (np.asarray(bound, dtype=str(x.dtype)) for bound in (low, high))
    return keras.ops.minimum(keras.ops.maximum(x, low), high)


def choose_widest(dtypes):
    """Return the name of the dtype that holds the numbers of all."""
    return np.result_type(*dtypes).name


def cast(x, dtype):
    """Return a symbolic table in a dtype, itself where it has that already."""
    return x if x.dtype == dtype else keras.ops.cast(x, dtype)


def take_columns(x, columns):
    """Return some columns of a symbolic table, in order."""
    return keras.ops.take(x, np.asarray(columns, dtype=np.int64), axis=1)


def spread_columns(x, place, count):
    """Return a symbolic table of so many columns: those of x at places, else zeros."""
    source = np.full(count, len(place))
    source[place] = np.arange(len(place))
    if np.array_equal(source, np.arange(len(place))):
        return x
    return take_columns(keras.ops.pad(x, [[0, 0], [0, 1]]), source)


OPERATIONS = {
    ColumnTransformer: transform_parts,
    MaxAbsScaler: scale_by_largest,
    MinMaxScaler: scale_to_range,
    PiecewiseLinearEncoder: fill_bins,
    RobustScaler: scale_by_quantiles,
    SimpleImputer: impute,
    StandardScaler: scale_by_deviation,
}
