"""Where arrays live: here, in NumPy."""

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from minicnn.backends.spec import Array


def zeros(shape: Sequence[int], dtype: str) -> Array:
    """A new array of zeros."""
    return np.zeros(shape, dtype)


def empty(shape: Sequence[int], dtype: str) -> Array:
    """A new uninitialised array."""
    return np.empty(shape, dtype)


def asarray(array: Any) -> Array:
    """``array`` as a NumPy array, dtype unchanged; no copy if it is one."""
    return np.asarray(array)


def to_numpy(array: Array) -> Array:
    """``array``, which is NumPy's already."""
    return array


def running() -> contextlib.AbstractContextManager[None]:
    """NumPy's own warnings about overflow and NaN are off: the engine names the array instead."""
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


def gather_batch(ctx: Any, name: str, source: Array, index: Array, dtype: str) -> Array:
    """source[index] cast to ``dtype``. (M, ...) with index (N,)  ->  (N, ...)."""
    batch = ctx.buffer(name, (len(index), *source.shape[1:]), dtype)
    batch[...] = source[index]  # copies these rows only, however large the data set is
    return batch
