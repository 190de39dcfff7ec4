"""Where arrays live: in the GPU's memory, allocated on this backend's stream."""

import math
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import cupy
import numpy as np

from minicnn.backends.cupy_gpu.runtime import launch_grid, use_stream
from minicnn.backends.spec import Array


def zeros(shape: Sequence[int], dtype: str | np.dtype) -> Array:
    """A new array of zeros."""
    use_stream()
    return cupy.zeros(tuple(shape), dtype)


def empty(shape: Sequence[int], dtype: str | np.dtype) -> Array:
    """A new uninitialised array."""
    use_stream()
    return cupy.empty(tuple(shape), dtype)


def asarray(array: Any) -> Array:
    """``array`` on the GPU, contiguous, dtype unchanged; no copy if it is there already."""
    use_stream()
    if isinstance(array, cupy.ndarray):
        return array
    array = np.asarray(array)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return cupy.asarray(np.ascontiguousarray(array).reshape(array.shape))


def to_numpy(array: Array) -> Any:
    """``array`` as a NumPy array; waits until the GPU has computed it."""
    use_stream()
    return cupy.asnumpy(array)


def contiguous(ctx: Any, name: str, array: Array) -> Array:
    """``array`` as kernels take it: itself, or a copy without gaps in the buffer ``name``."""
    if array.flags.c_contiguous:
        return array
    copy = ctx.buffer(name, array.shape, array.dtype)
    copy[...] = array
    return copy


#: number types of a data set: their numbers are those of ``enum Source`` in kernels/memory.cu
SOURCES = (
    "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64",
    "float16", "float32", "float64",
)  # fmt: skip
#: threads of a block at most, and blocks along a row at most
BLOCK, BLOCKS_OF_A_ROW = 256, 256


def gather_batch(ctx: Any, name: str, source: Array, index: Array, dtype: str) -> Array:
    """source[index] cast to ``dtype``. (M, ...) with index (N,)  ->  (N, ...).

    Raises:
        TypeError: a data set of another type than whole or real numbers.
    """
    batch = ctx.buffer(name, (len(index), *source.shape[1:]), dtype)
    kind = "uint8" if source.dtype == "bool" else str(source.dtype)
    if kind not in SOURCES:
        raise TypeError(f"data of dtype {kind} cannot be gathered on a GPU; expected a number type")
    row = math.prod(source.shape[1:])
    block = min(BLOCK, -(-row // 32) * 32)
    grid = len(index), min(BLOCKS_OF_A_ROW, -(-row // BLOCK))
    if row > 0:
        real, kernel = (
            ("float32", "gather_labels") if dtype == "int64" else (dtype, "gather_numbers")
        )
        launch_grid(real, kernel, grid, (block,), source, SOURCES.index(kind), index, batch, row)
    return batch


class _Running:
    """One thread at a time may launch steps: they share the stream and the buffers."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()
        use_stream()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()


_RUNNING = _Running()


def running() -> _Running:
    """Held while steps run; may be entered again by the same thread."""
    return _RUNNING
