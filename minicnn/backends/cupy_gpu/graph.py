"""Steps that the host launches ahead of the device: recorded once, then replayed by one call.

What a step costs the host is the launching of its kernels, one by one. A *capture* records the
launches instead of running them; the graph that comes out of it is launched as a whole.

A graph holds addresses, not arrays. All that it reads and writes must stay where it is: weights,
totals and data sets do, buffers of contexts are kept by whoever holds the graph, and what CuPy
allocates during the capture comes from a pool that belongs to the graph, so that nobody else is
ever handed this memory.

Nobody waits to see the loss of a step. So the device itself notes, in ``refused`` (1,) uint32, the
number of the first step whose loss was NaN or infinite, and every kernel that changes what outlives
a step does nothing from then on. The host sees the number when it reads the totals.

Source: NVIDIA CUDA C++ Programming Guide, "CUDA Graphs", "Creating a Graph Using Stream Capture".
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import cupy

from minicnn.backends.cupy_gpu import blas, runtime
from minicnn.backends.cupy_gpu.runtime import launch, recording, use_stream
from minicnn.backends.spec import Array

R = TypeVar("R")


class Replay:
    """A recorded step; call it to run the step once more."""

    def __init__(self, step: Callable[[], object]) -> None:
        self._pool = cupy.cuda.MemoryPool()  # lives as long as the graph
        pool = cupy.cuda.using_allocator(self._pool.malloc)
        with recording() as stream, blas.on_stream(stream), pool:
            stream.begin_capture()
            try:
                self._result = step()
            except BaseException:
                with suppress(cupy.cuda.runtime.CUDARuntimeError):  # step's own error counts
                    stream.end_capture()
                raise
            self._graph = stream.end_capture()

    def __call__(self) -> Any:
        """Run the step; returns what it returned when it was recorded: the same arrays."""
        self._graph.launch(use_stream())
        return self._result


def capture(step: Callable[[], R]) -> Callable[[], R]:
    """Record ``step``, which must have run before: kernels are compiled and buffers made by then.

    Nothing is computed. Reading an array back inside ``step`` is an error of the CUDA runtime.
    """
    return Replay(step)


@contextmanager
def refusable(refused: Array) -> Iterator[None]:
    """Inside, operations that change what outlives a step do nothing while ``refused[0]``."""
    before, runtime.refused = runtime.refused, refused
    try:
        yield
    finally:
        runtime.refused = before


def refuse_unless_finite(loss: Array, step: Array, refused: Array) -> None:
    """refused[0] = step[0] if loss[0] is not finite and no earlier step was refused."""
    launch(loss.dtype, "refuse_unless_finite", 1, loss, step, refused, block=32)
