"""A whole step as one CUDA graph: recorded once, then replayed by one call.

What a step costs the host is the launching of its kernels, one by one. A *capture* records the
launches instead of running them; the graph that comes out of it is launched as a whole.

A graph holds addresses, not arrays. All that it reads and writes must stay where it is: weights,
totals and data sets do, buffers of contexts are kept by whoever holds the graph, and what CuPy
allocates during the capture comes from a pool that belongs to the graph, so that nobody else is
ever handed this memory.

Source: NVIDIA CUDA C++ Programming Guide, "CUDA Graphs", "Creating a Graph Using Stream Capture".
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import cupy

from minicnn.backends.cupy_gpu import blas
from minicnn.backends.cupy_gpu.runtime import recording, use_stream


class Replay:
    """A recorded step; call it to run the step once more."""

    def __init__(self, step: Callable[[], Any]) -> None:
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


def capture(step: Callable[[], Any]) -> Replay:
    """Record ``step``, which must have run before: kernels are compiled and buffers made by then.

    Nothing is computed. Reading an array back inside ``step`` is an error of the CUDA runtime.
    """
    return Replay(step)
