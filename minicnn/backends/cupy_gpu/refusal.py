"""A step whose loss is not finite changes nothing, though nobody waits to see its loss.

The host launches steps ahead of the device. So the device itself notes, in ``refused`` (1,) uint32,
the number of the first step whose loss was NaN or infinite, and every kernel that changes what
outlives a step does nothing from then on. The host sees the number when it reads the totals.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from minicnn.backends.cupy_gpu.runtime import launch
from minicnn.backends.spec import Array

_refused: Array | None = None


def refused() -> Array | None:
    """What the kernels of the step under way look at; None outside of ``refusable``."""
    return _refused


@contextmanager
def refusable(refused: Array) -> Iterator[None]:
    """Inside, operations that change what outlives a step do nothing while ``refused[0]``."""
    global _refused
    before, _refused = _refused, refused
    try:
        yield
    finally:
        _refused = before


def refuse_unless_finite(loss: Array, step: Array, refused: Array) -> None:
    """refused[0] = step[0] if loss[0] is not finite and no earlier step was refused."""
    launch(loss.dtype, "refuse_unless_finite", 1, loss, step, refused, block=32)


def restore_refused(value: Array, kept: Array, refused: Array) -> None:
    """value = kept, of one shape, if ``refused[0]``."""
    launch(value.dtype, "restore_refused", value.size, value, kept, value.size, refused)
