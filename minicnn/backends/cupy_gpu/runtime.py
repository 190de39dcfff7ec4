"""Kernels: from ``kernels/*.cu`` to launches on one stream.

All ``.cu`` files, ``common.cu`` first, make one module a scalar type: ``real`` is ``float`` in one
and ``double`` in the other. CuPy compiles a module when its first kernel is asked for, for the
device at hand, and keeps the result on disk.

Rules for kernels, which ``launch`` and the tests hold:

* ``extern "C" __global__ void name(...)``, no ``#include``, no dynamic shared memory, no ``return``
  in front of a barrier. One thread owns an output; sums run in a fixed order, without atomics, so
  that a step gives the same bits every time.
* Arrays come as pointers to contiguous memory, sizes as ``int`` or ``long long``.
* A launch may be recorded once and replayed for a thousand steps (``graph.py``), with the
  arguments that it had when it was recorded. What changes from step to step is therefore read
  from device memory and never passed by value: ``ctx.step`` (1,) uint32, from which dropout and
  augmentation draw; ``iterations`` (1,) int64 and ``learning_rate`` (1,) of the optimizer.
  What a layer or a batch size fixes (sizes, momentum, a dropout rate, a seed) is passed by value.
* The host launches ahead of the device and cannot look at a loss before it launches the update.
  Kernels that change what outlives a step (weights, moments, averages, totals, counters) take
  ``const unsigned* refused`` last, which the launch fills in, and do nothing where
  ``is_refused(refused)``.
* Nothing is read back: no ``float(array)``, ``.item()``, ``.get()`` or ``if array``.

Every thread of the process computes on the one stream that ``stream()`` returns. A thread that
records a step does so on a stream apart, where what others launch meanwhile does not get into it.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import cupy
import numpy as np

from minicnn.backends.cupy_gpu.signatures import KERNELS, Argument, signatures, source
from minicnn.backends.spec import Array

DType = str | np.dtype

#: threads of a block where a kernel does not ask for another number
BLOCK = 256
#: no launch on a GPU has more blocks along its first axis, nor along its other two
MAX_GRID = 2**31 - 1
MAX_GRID_YZ = 65_535

_NULL = np.uint64(0)

#: what kernels of that argument look at, (1,) uint32; None outside of ``graph.refusable``
refused: Array | None = None


@cache
def module(dtype: str) -> cupy.RawModule:
    """The module for "float32" or "float64", compiled when a kernel is first asked for."""
    return cupy.RawModule(code=source(dtype), options=("-std=c++17",))


@cache
def _kernel(dtype: str, name: str) -> tuple[Callable[..., None], tuple[Argument, ...]]:
    known = signatures(dtype)
    if name not in known:
        raise ValueError(f"there is no kernel {name!r} in {KERNELS}")
    return module(dtype).get_function(name), known[name]


@cache
def _streams() -> tuple[cupy.cuda.Stream, cupy.cuda.Stream]:
    # they do not wait for other streams, as a stream that is captured must not
    return cupy.cuda.Stream(non_blocking=True), cupy.cuda.Stream(non_blocking=True)


def stream() -> cupy.cuda.Stream:
    """The stream of everything that this backend does and does not record."""
    return _streams()[0]


_thread = threading.local()


@contextmanager
def recording() -> Iterator[cupy.cuda.Stream]:
    """Inside, the calling thread launches on a stream apart; one thread at a time."""
    _thread.stream = _streams()[1]
    try:
        yield use_stream()
    finally:
        _thread.stream = None
        use_stream()


def use_stream() -> cupy.cuda.Stream:
    """Make ``stream()`` (or that of ``recording``) the calling thread's current stream, for CuPy's
    own operations too, and return it.
    """
    ours = getattr(_thread, "stream", None) or stream()
    if cupy.cuda.get_current_stream() != ours:
        ours.use()
    return ours


def launch(dtype: DType, kernel: str, threads: int, *arguments: object, block: int = BLOCK) -> None:
    """Run ``kernel`` of the module for ``dtype`` with at least ``threads`` threads in a row.

    Args:
        dtype: float32 or float64: what ``real`` is.
        threads: one for each output, say; rounded up to whole blocks. 0 runs nothing.
        arguments: arrays (None: a null pointer) and numbers, in the order of the kernel's, without
            its ``refused``.
    """
    launch_grid(dtype, kernel, (-(-threads // block),), (block,), *arguments)


def launch_rows(dtype: DType, kernel: str, rows: int, *arguments: object) -> None:
    """Run ``kernel`` with a warp, the 32 threads that run in step, for each row."""
    launch(dtype, kernel, 32 * rows, *arguments)


def launch_grid(
    dtype: DType, kernel: str, grid: tuple[int, ...], block: tuple[int, ...], *arguments: object
) -> None:
    """Run ``kernel`` with ``grid`` blocks of ``block`` threads, each of one to three axes.

    Raises:
        TypeError: the arguments are not those of the kernel.
        ValueError: more blocks than a launch can have.
    """
    if 0 in grid:
        return
    if grid[0] > MAX_GRID or any(n > MAX_GRID_YZ for n in grid[1:]):
        raise ValueError(f"kernel {kernel}: a grid of {grid} blocks is larger than a launch can be")
    function, expected = _kernel(str(dtype), kernel)
    if expected[-1].name == "refused":
        arguments = *arguments, refused
    if len(arguments) != len(expected):
        raise TypeError(
            f"kernel {kernel} takes {len(expected)} arguments "
            f"({', '.join(a.name for a in expected)}), got {len(arguments)}"
        )
    passed = tuple(
        _pointer(kernel, a, value) if a.is_pointer else _number(kernel, a, value)
        for a, value in zip(expected, arguments, strict=True)
    )
    use_stream()
    function(grid, block, passed)


def _pointer(kernel: str, argument: Argument, value: object) -> object:
    """``value`` as a kernel can read it: an array of the right dtype, without gaps."""
    if value is None:
        return _NULL
    if not isinstance(value, cupy.ndarray):
        raise TypeError(
            f"kernel {kernel}: {argument.name} is {type(value).__name__}, expected a CuPy array"
        )
    if argument.dtype is not None and value.dtype != argument.dtype:
        raise TypeError(
            f"kernel {kernel}: {argument.name} is an array of {value.dtype}, expected "
            f"{argument.dtype}"
        )
    if not value.flags.c_contiguous:
        raise TypeError(
            f"kernel {kernel}: {argument.name} of shape {value.shape} has strides {value.strides}; "
            "kernels take contiguous arrays"
        )
    return value


def _number(kernel: str, argument: Argument, value: object) -> object:
    """``value`` as the C type of the argument; a whole number that does not fit is an error."""
    assert argument.dtype is not None
    if not isinstance(value, (bool, int, float, np.generic)):
        raise TypeError(
            f"kernel {kernel}: {argument.name} is {type(value).__name__}, expected a number"
        )
    if argument.dtype.kind != "f":
        if int(value) != value:
            raise TypeError(f"kernel {kernel}: {argument.name} must be whole, got {value!r}")
        value = int(value)  # NumPy then raises OverflowError rather than wrap
    return argument.dtype.type(value)
