"""The samples of a batch, gathered and cast in one pass."""

from typing import Any

import numpy as np
from numba import prange

from minicnn.backends.numba_cpu.caching import cached_njit
from minicnn.backends.numba_cpu.runtime import launch
from minicnn.backends.spec import Array

#: scalar operations that an entry counts for: its row is anywhere in memory, and waited for
WORK = 4
#: kinds of numbers that images come in, each of which would compile the kernel
KINDS = ("uint8", "float32", "float64")


def gather_batch(ctx: Any, name: str, source: Array, index: Array, dtype: str) -> Array:
    """source[index] cast to ``dtype``. (M, ...) with index (N,)  ->  (N, ...)."""
    batch: Array = ctx.buffer(name, (len(index), *source.shape[1:]), dtype)
    usual = source.flags.carray and source.dtype.name in KINDS and batch.dtype.kind == "f"
    if usual and batch.size:
        rows = source.reshape(len(source), -1)
        launch(_gather, WORK * batch.size, rows, index, batch.reshape(len(batch), -1))
    elif not source.flags.c_contiguous:  # np.take would copy the whole source first
        batch[...] = source[index]
    elif source.dtype == batch.dtype:
        _take(source, index, batch)
    else:
        raw = ctx.buffer(f"{name}_raw", batch.shape, source.dtype)
        _take(source, index, raw)
        np.copyto(batch, raw, casting="unsafe")
    return batch


def _take(source: Array, index: Array, rows: Array) -> None:
    """rows = source[index]."""
    # with "clip" NumPy writes straight into rows; the engine's indices are within bounds
    np.take(source, index, axis=0, out=rows, mode="clip")


@cached_njit(parallel=True)
def _gather(source, index, batch):  # type: ignore[no-untyped-def]
    """batch[n] = source[index[n]]: source (M, entries), batch (N, entries)."""
    for n in prange(len(index)):
        row, to = source[index[n]], batch[n]
        for e in range(len(row)):
            to[e] = row[e]
