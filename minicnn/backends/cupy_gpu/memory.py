"""Where arrays live: in the GPU's memory, allocated on this backend's stream; and how data gets
there. What counts from step to step lives there too, so that a replayed step finds it advanced.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cupy
import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu.runtime import BLOCK, DType, launch, launch_grid, use_stream
from minicnn.backends.cupy_gpu.signatures import enumerators
from minicnn.backends.spec import Array

#: blocks that take one row of a data set, at most
BLOCKS_OF_A_ROW = 256


def zeros(shape: Sequence[int], dtype: DType) -> Array:
    """A new array of zeros."""
    use_stream()
    return cupy.zeros(tuple(shape), dtype)


def empty(shape: Sequence[int], dtype: DType) -> Array:
    """A new uninitialised array."""
    use_stream()
    return cupy.empty(tuple(shape), dtype)


def asarray(array: object) -> Array:
    """``array`` on the GPU, contiguous, dtype unchanged; no copy if it is there already."""
    use_stream()
    if isinstance(array, cupy.ndarray):
        return array
    host = np.asarray(array)
    if not host.dtype.isnative:
        host = host.astype(host.dtype.newbyteorder("="))
    return cupy.asarray(np.ascontiguousarray(host).reshape(host.shape))


def to_numpy(array: Array) -> np.ndarray:
    """``array`` as a NumPy array; waits until the GPU has computed it."""
    use_stream()
    return cupy.asnumpy(array)


_one_thread = threading.RLock()


@contextmanager
def running() -> Iterator[None]:
    """Held while steps run: threads share the stream and the buffers, so one at a time launches
    them. May be entered again by the same thread.
    """
    with _one_thread:
        use_stream()
        yield


def advance(counter: Array) -> None:
    """counter[0] += 1, of uint32 or int64."""
    launch("float32", f"advance_{counter.dtype}", 1, counter, block=32)


def next_rows(ctx: Context, order: Array, cursor: Array, count: int) -> Array:
    """order[cursor[0] : cursor[0] + count] in the buffer "index", and cursor[0] += count."""
    index = ctx.buffer("index", (count,), "int64")
    launch("float32", "next_rows", 1, order, cursor, index, count)
    return index


def gather_batch(ctx: Context, name: str, source: Array, index: Array, dtype: str) -> Array:
    """source[index] cast to ``dtype``. (M, ...) with index (N,)  ->  (N, ...).

    Raises:
        TypeError: a data set of another type than whole or real numbers.
    """
    batch = ctx.buffer(name, (len(index), *source.shape[1:]), dtype)
    kind = "uint8" if source.dtype == "bool" else str(source.dtype)
    kinds = enumerators("Source")
    if kind not in kinds:
        raise TypeError(f"data of dtype {kind} cannot be gathered on a GPU; expected a number type")
    row = math.prod(source.shape[1:])
    block = min(BLOCK, -(-row // 32) * 32)
    grid = len(index), min(BLOCKS_OF_A_ROW, -(-row // BLOCK))
    real, kernel = ("float32", "gather_labels") if dtype == "int64" else (dtype, "gather_numbers")
    launch_grid(real, kernel, grid, (block,), source, kinds.index(kind), index, batch, row)
    return batch
