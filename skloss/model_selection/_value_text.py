"""Values as text that is the same in every process: what digests are made of."""

import functools
import hashlib

import numpy as np
from scipy import sparse

CONTAINERS = (list, tuple, set, frozenset)
BYTES_AT_ONCE = 2**26


def digest_value(value):
    """Return a digest of a value, the same in every process and memory layout."""
    return hashlib.blake2b(describe_value(value).encode(), digest_size=8).hexdigest()


def describe_value(value):
    """Return a text that equal values share, in every process.

    Of functions and classes it is the qualified name, whatever they do; of tables and
    arrays a digest of their bytes; of estimators and other objects their parameters.
    """
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, CONTAINERS):
        inner = [describe_value(one) for one in value]
        if isinstance(value, set | frozenset):
            inner.sort()
        return f"{type(value).__name__}({', '.join(inner)})"
    if isinstance(value, dict):
        pairs = (f"{describe_value(k)}: {describe_value(v)}" for k, v in value.items())
        return f"{{{', '.join(sorted(pairs))}}}"
    if sparse.issparse(value) or hasattr(value, "__array__"):
        return f"{type(value).__name__}({digest_table(value)})"
    return describe_object(value)


def describe_object(value):
    """Return the text of what is neither a number, a text, a container nor a table."""
    if isinstance(value, functools.partial):
        return f"partial{describe_value((value.func, value.args, value.keywords))}"
    if hasattr(value, "__qualname__"):
        return name_in_package(value)
    name = name_in_package(type(value))
    if isinstance(value, np.random.RandomState):
        return f"{name}{describe_value(value.get_state())}"
    if hasattr(value, "get_params"):
        return f"{name}({describe_value(value.get_params(deep=False))})"
    if hasattr(value, "get_config"):
        return f"{name}({describe_value(drop_names(value.get_config()))})"
    text = repr(value)
    # which holds a place in memory unless its class says otherwise
    return name if " at 0x" in text else f"{name}({text})"


def name_in_package(named):
    """Return the name of a function or class, whatever module of a package has it."""
    package = str(named.__module__).partition(".")[0]
    return f"{package}:{named.__qualname__}"


def drop_names(config):
    """Return a configuration of Keras without names, in which Keras counts."""
    if isinstance(config, dict):
        return {k: drop_names(v) for k, v in config.items() if k != "name"}
    if isinstance(config, list | tuple):
        return [drop_names(one) for one in config]
    return config


def digest_table(table):
    """Return a digest of the values of a table, a target or another array-like."""
    digest = hashlib.blake2b(digest_size=16)
    for part in read_parts(table):
        digest.update(part)
    return digest.hexdigest()


def read_parts(table):
    """Yield the bytes of a table's values, the same in every memory layout."""
    if table is None:
        yield b"None"
    elif sparse.issparse(table):
        rows = sparse.csr_array(table, copy=True)
        rows.sum_duplicates()
        yield repr(rows.shape).encode()
        for part in (rows.indptr, rows.indices):
            yield np.asarray(part, dtype=np.int64).tobytes()
        yield from read_array(rows.data)
    elif hasattr(table, "columns"):
        for name, column in list_columns(table):
            yield describe_value(name).encode()
            yield from read_column(column)
    else:
        yield from read_column(table)


def list_columns(frame):
    """Return the names and columns of a DataFrame."""
    if hasattr(frame, "iloc"):  # names may occur twice
        return [(name, frame.iloc[:, i]) for i, name in enumerate(frame.columns)]
    return [(name, frame[name]) for name in frame.columns]


def read_column(column):
    """Yield the bytes of a column of any library, or of an array."""
    dtype = getattr(column, "dtype", None)
    if hasattr(dtype, "ordered"):  # by which pandas says what classes are ordered
        yield describe_value((list(dtype.categories), dtype.ordered)).encode()
    try:
        array = np.asarray(column)
    except ValueError:  # rows of different lengths
        array = np.empty(len(column), dtype=object)
        array[:] = column
    yield from read_array(array)


def read_array(array):
    """Yield the bytes of an array, row by row, in this machine's order of bytes."""
    yield f"{array.dtype.kind}{array.dtype.itemsize}{array.shape}".encode()
    if array.dtype.hasobject:
        text = repr(array.tolist())
        if " at 0x" in text or "array(" in text:  # which is shortened
            text = describe_value(array.tolist())
        yield text.encode()
        return
    array = np.atleast_1d(array).astype(array.dtype.newbyteorder("="), copy=False)
    count = max(1, BYTES_AT_ONCE // max(1, array[:1].nbytes))
    for first in range(0, len(array), count):
        yield array[first : first + count].tobytes()
