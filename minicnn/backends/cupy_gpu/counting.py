"""What counts from step to step lives on the device, so that a replayed step finds it advanced."""

from typing import Any

from minicnn.backends.cupy_gpu.refusal import refused
from minicnn.backends.cupy_gpu.runtime import launch
from minicnn.backends.spec import Array


def advance(counter: Array) -> None:
    """counter[0] += 1, of uint32 or int64."""
    kernel = "advance_uint32" if counter.dtype == "uint32" else "advance_int64"
    launch("float32", kernel, 1, counter, refused(), block=32)


def next_rows(ctx: Any, order: Array, cursor: Array, count: int) -> Array:
    """order[cursor[0] : cursor[0] + count] in the buffer "index", and cursor[0] += count."""
    index = ctx.buffer("index", (count,), "int64")
    launch("float32", "next_rows", 1, order, cursor, index, count)
    return index
