"""Where arrays live: in the GPU's memory, allocated on this backend's stream."""

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import cupy
import numpy as np

from minicnn.backends.cupy_gpu.runtime import use_stream
from minicnn.backends.spec import Array


def zeros(shape: Sequence[int], dtype: str) -> Array:
    """A new array of zeros."""
    use_stream()
    return cupy.zeros(tuple(shape), dtype)


def empty(shape: Sequence[int], dtype: str) -> Array:
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
