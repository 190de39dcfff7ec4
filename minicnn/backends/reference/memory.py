"""Where arrays live: here, in NumPy."""

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.spec import Array


def zeros(shape: Sequence[int], dtype: str | np.dtype) -> Array:
    """A new array of zeros."""
    return np.zeros(shape, dtype)


def empty(shape: Sequence[int], dtype: str | np.dtype) -> Array:
    """A new uninitialised array."""
    return np.empty(shape, dtype)


def asarray(array: object) -> Array:
    """``array`` as a NumPy array, dtype unchanged; no copy if it is one."""
    return np.asarray(array)


def to_numpy(array: Array) -> Array:
    """``array``, which is NumPy's already."""
    return array


_lock = threading.RLock()


def _new_lock() -> None:
    """In a forked process nobody is left to release a lock that another thread holds."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_new_lock)


@contextlib.contextmanager
def running() -> Iterator[None]:
    """One thread at a time; the same thread may enter again.

    NumPy's own warnings about overflow and NaN are off: the engine names the array instead.
    """
    with _lock, np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        yield


def next_rows(ctx: Context, order: Array, cursor: Array, count: int) -> Array:
    """order[cursor[0] : cursor[0] + count], and cursor[0] += count."""
    start = int(cursor[0])
    cursor[0] += count
    return order[start : start + count]


def advance(counter: Array) -> None:
    """counter[0] += 1."""
    counter += 1


def gather_batch(ctx: Context, name: str, source: Array, index: Array, dtype: str) -> Array:
    """source[index] cast to ``dtype``. (M, ...) with index (N,)  ->  (N, ...)."""
    batch = ctx.buffer(name, (len(index), *source.shape[1:]), dtype)
    batch[...] = source[index]  # copies these rows only, however large the data set is
    return batch
