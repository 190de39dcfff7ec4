"""Where arrays live: here, in NumPy. Kernels take them contiguous, aligned and native."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minicnn.backends.numba_cpu.runtime import running
from minicnn.backends.spec import Array

__all__ = [
    "advance", "asarray", "contiguous", "empty", "next_rows", "running", "to_numpy", "vector",
    "zeros",
]  # fmt: skip

#: bytes of a cache line
LINE = 64


def zeros(shape: Sequence[int], dtype: str) -> Array:
    """A new array of zeros."""
    return np.zeros(shape, dtype)


def empty(shape: Sequence[int], dtype: str) -> Array:
    """A new uninitialised array that begins with a cache line.

    A vector register is as long as a line: one that began in its midst would take two of them.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + LINE, "uint8")
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def asarray(array: Any) -> Array:
    """``array`` as a NumPy array in the machine's byte order; no copy if it is one."""
    array = np.asarray(array)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def to_numpy(array: Array) -> Array:
    """``array``, which is NumPy's already."""
    return array


def next_rows(ctx: Any, order: Array, cursor: Array, count: int) -> Array:
    """order[cursor[0] : cursor[0] + count], and cursor[0] += count."""
    start = int(cursor[0])
    cursor[0] += count
    return order[start : start + count]


def advance(counter: Array) -> None:
    """counter[0] += 1."""
    counter += 1


def contiguous(ctx: Any, name: str, array: Array) -> Array:
    """``array`` as kernels take it: itself, or a copy in the buffer ``name``.

    Anything else (strided, read-only, unaligned) would compile every kernel again for its layout.
    """
    if array.flags.carray:
        return array
    copy = ctx.buffer(name, array.shape, array.dtype)
    copy[...] = array
    return copy


def vector(ctx: Any, b: Array | None, size: int, dtype: Any) -> Array:
    """The bias ``b`` (size,) as kernels take it: zeros if there is none."""
    if b is not None:
        return contiguous(ctx, "b", b)
    zeros = ctx.buffer("no_b", (size,), dtype)
    zeros[...] = 0
    return zeros
