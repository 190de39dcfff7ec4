"""What is checked, seen alike by the rest: arrays in, one array out, a gradient for each array.

A :class:`Target` hides whether a layer, a model, a loss or a pair of functions stands behind it.
All arrays that come and go here are NumPy arrays of float64, and they are copies.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minicnn.gradcheck.errors import GradientCheckError

Array = np.ndarray
Values = dict[str, Array]


@dataclass
class Run:
    """One forward and one or two backward calls.

    Attributes:
        y: what forward returned.
        grads: gradient by array name, in the shape backward gave it; None where there is none.
        again: the same from a second backward call on the same context, or None.
        changed: who wrote where it should not, such as {("backward", "x")}.
        dtypes: dtype that backward gave each gradient in.
        replaced: parameters whose ``.grad`` was bound to a new array rather than written to.
        left: per parameter, where the gradient still held what stood in it before.
    """

    y: Array
    grads: dict[str, Array | None]
    again: dict[str, Array | None] | None = None
    changed: set[tuple[str, str]] = field(default_factory=set)
    dtypes: dict[str, str] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)


class Target:
    """Base of the adapters.

    Attributes:
        name: how the report calls it.
        kind: "layer", "model", "loss" or "functions".
        values: every array that a gradient is checked for, float64; "x" first, if there is one.
        axes: names of the axes of each array.
        notes: what was done to the input so that it could be checked.
        constants: arrays that are passed on but not differentiated (labels, for example).
        takes_cotangent: False for a loss whose backward takes no dy: the cotangent is 1 then.
        rates: numbers among the arguments between 0 and 1 by name, such as a dropout rate.
    """

    kind = "layer"
    takes_cotangent = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.values: Values = {}
        self.axes: dict[str, tuple[str, ...]] = {}
        self.notes: list[str] = []
        self.constants: dict[str, Array] = {}
        self.rates: dict[str, float] = {}

    def forward(self, values: Values) -> Array:
        """The output for ``values``."""
        raise NotImplementedError

    def run(self, values: Values, dy: Array, fill: float = 0.0, twice: bool = False) -> Run:
        """Forward and backward; ``fill`` stands in the gradients of parameters before."""
        raise NotImplementedError

    def resized(self, shrink: "Shrink") -> "Target | None":
        """The same thing at a smaller or other size, or None when that is not possible."""
        return None

    def source(self, name: str) -> list[str]:
        """The lines of the source that own the gradient of array ``name``."""
        return []


@dataclass
class Shrink:
    """How long an axis may be in a copy made for the diagnosis.

    Attributes:
        batch, space, channels: largest sizes; None keeps the size.
        add_batch: so many samples more than now, instead of shrinking.
    """

    batch: int | None = 2
    space: int | None = 7
    channels: int | None = 3
    add_batch: int = 0

    def shape(self, shape: tuple[int, ...], keep_channels: bool = False) -> tuple[int, ...]:
        """The size of an input (batch, ..., channels) after shrinking."""
        if self.add_batch:
            return (shape[0] + self.add_batch, *shape[1:])
        sizes = list(shape)
        if self.batch is not None:
            sizes[0] = min(sizes[0], self.batch)
        for axis in range(1, len(sizes) - 1):
            if self.space is not None:
                sizes[axis] = min(sizes[axis], max(self.space - (axis - 1), 1))
        if len(sizes) > 1 and self.channels is not None and not keep_channels:
            sizes[-1] = min(sizes[-1], self.channels if len(sizes) > 2 else self.channels + 2)
        return tuple(sizes)


def generic_input(shape: tuple[int, ...], seed: int) -> Array:
    """Shuffled, evenly spaced values in (-2, 2): no two alike and none zero, so no kink is near."""
    n = int(np.prod(shape))
    grid = (np.arange(n) + 0.37) / max(n, 1) * 4 - 2
    return np.random.default_rng(seed).permutation(grid).reshape(shape)


def as_float64(value: Any, what: str, notes: list[str]) -> Array:
    """``value`` as a float64 copy; a cast is written into ``notes``."""
    try:
        array = np.asarray(value.get() if hasattr(value, "get") else value)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        raise GradientCheckError(f"{what} must hold numbers, got {type(value).__name__}")
    if array.dtype != np.float64:
        notes.append(f"{what} was {array.dtype}; it is checked in float64")
    if not np.isfinite(array).all():
        raise GradientCheckError(f"{what} holds NaN or infinity, so there is no slope to measure")
    return np.array(array, dtype=np.float64)


def is_shape(value: Any) -> bool:
    """Whether ``value`` is a shape rather than an array: a tuple of integers (or None first)."""
    return (
        isinstance(value, tuple)
        and len(value) > 0
        and all(
            isinstance(n, int | np.integer) or (n is None and i == 0) for i, n in enumerate(value)
        )
    )


def input_array(x: Any, seed: int, notes: list[str], add_batch: bool = False) -> Array:
    """The input: a given array in float64, or a generic one of a given shape."""
    if is_shape(x):
        shape = tuple(2 if n is None else int(n) for n in x)
        if min(shape) < 1:
            raise GradientCheckError(f"the input shape {shape} has an axis without entries")
        return generic_input(shape, seed)
    array = as_float64(x, "the input", notes)
    if array.size == 0:
        raise GradientCheckError(f"the input of shape {array.shape} has no entries")
    return array


def host(array: Any) -> Any:
    """A copy as a NumPy array of whatever dtype it has (CuPy arrays are fetched)."""
    return np.array(array.get() if hasattr(array, "get") else array)


def plain_axes(shape: tuple[int, ...]) -> tuple[str, ...]:
    """Axis names when the layout is not known."""
    return tuple(f"axis {i}" for i in range(len(shape)))


_INPUT_AXES = {
    1: ("batch",),
    2: ("batch", "feature"),
    3: ("batch", "position", "channel"),
    4: ("batch", "height", "width", "channel"),
}
_WEIGHT_AXES = {
    1: ("unit",),
    2: ("input", "unit"),
    4: ("kernel height", "kernel width", "channel", "filter"),
}


def layer_axes(name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Axis names in this library's layout, channels last."""
    table = _INPUT_AXES if name == "x" else _WEIGHT_AXES
    return table.get(len(shape), plain_axes(shape))
