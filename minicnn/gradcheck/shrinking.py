"""A small copy of a problem: arrays cut down, equal lengths kept equal."""

from typing import Any

import numpy as np

from minicnn.gradcheck.targets import Array, Shrink, Values, generic_input


def resized_array(value: Array, shape: tuple[int, ...], fresh: bool, seed: int) -> Array:
    """The leading part of ``value``, or its samples repeated where it must grow."""
    if fresh:
        return generic_input(shape, seed)
    for axis, n in enumerate(shape):
        value = np.take(value, np.arange(n) % value.shape[axis], axis=axis)
    return value


def shrunk_sizes(values: Values, first: str, shrink: Shrink) -> Any:
    """Old axis length -> new, the same wherever the length occurs; None when nothing changes."""
    x = values[first]
    if shrink.add_batch:
        return lambda n, batch: n + shrink.add_batch if batch else n
    lengths = sorted({n for v in values.values() for n in v.shape[1 if v is x else 0 :]})
    new: dict[int, int] = {}
    for n in lengths:
        limit = max(shrink.space or n, max(new.values(), default=0) + 1) if n > 7 else n
        new[n] = min(n, limit)
    batch = min(x.shape[0], shrink.batch or x.shape[0])
    if batch == x.shape[0] and all(k == v for k, v in new.items()):
        return None
    return lambda n, is_batch: batch if is_batch else new.get(n, n)
