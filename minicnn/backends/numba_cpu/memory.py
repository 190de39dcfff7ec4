"""Where arrays live: here, in NumPy; and how the samples of a batch are gathered."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np
from numba import prange

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu.caching import cached_njit
from minicnn.backends.numba_cpu.runtime import RUNNING, launch
from minicnn.backends.spec import Array

#: bytes of a cache line
LINE = 64
#: scalar operations that an entry counts for: its row is anywhere in memory, and waited for
WORK = 4
#: kinds of numbers that images come in, each of which would compile the kernel
_KINDS = ("uint8", "float32", "float64")


def zeros(shape: Sequence[int], dtype: str | np.dtype) -> Array:
    """A new array of zeros."""
    return np.zeros(shape, dtype)


def empty(shape: Sequence[int], dtype: str | np.dtype) -> Array:
    """A new uninitialised array that begins with a cache line.

    A vector register is as long as a line: one that began in its midst would take two of them.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + LINE, "uint8")
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def asarray(array: object) -> Array:
    """``array`` as a NumPy array in the machine's byte order; no copy if it is one."""
    here = np.asarray(array)
    return here if here.dtype.isnative else here.astype(here.dtype.newbyteorder("="))


def to_numpy(array: Array) -> Array:
    """``array``, which is NumPy's already."""
    return array


def running() -> AbstractContextManager[None]:
    """Held while steps run; may be entered again by the same thread."""
    return RUNNING


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
    batch: Array = ctx.buffer(name, (len(index), *source.shape[1:]), dtype)
    usual = source.flags.carray and source.dtype.name in _KINDS and batch.dtype.kind == "f"
    if usual and batch.size:
        rows = source.reshape(len(source), -1)
        launch(_gather, WORK * batch.size, rows, index, batch.reshape(len(batch), -1))
    elif not source.flags.c_contiguous:  # np.take would copy the whole source first
        batch[...] = source[index]
    else:
        same = source.dtype == batch.dtype
        rows = batch if same else ctx.buffer(f"{name}_raw", batch.shape, source.dtype)
        # with "clip" NumPy writes straight into rows; the engine's indices are within bounds
        np.take(source, index, axis=0, out=rows, mode="clip")
        if not same:
            np.copyto(batch, rows, casting="unsafe")
    return batch


@cached_njit(parallel=True)
def _gather(source, index, batch):
    """batch[n] = source[index[n]]: source (M, entries), batch (N, entries)."""
    for n in prange(len(index)):
        row, to = source[index[n]], batch[n]
        for e in range(len(row)):
            to[e] = row[e]
