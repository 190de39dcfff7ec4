"""What is checked, seen alike by the rest: arrays in, one array out, a gradient for each array.

A :class:`Target` hides whether a layer, a model, a loss or a pair of functions stands behind it.
All arrays that come and go here are NumPy arrays of float64, and they are copies.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minicnn import backends
from minicnn.backends import spec
from minicnn.gradcheck.user_code import GradientCheckError

Array = np.ndarray
Values = dict[str, Array]
Grads = dict[str, Array | None]


@dataclass
class Settings:
    """How to run what is checked, and how hard to look.

    Attributes:
        seed: of every random choice.
        training: whether layers run as in training.
        backend: name of the backend that runs layers and losses.
        rtol: largest relative error of a right gradient.
        elements: entries compared one by one in each array that needs it, if time allows.
        spot: entries compared one by one in an array that passed the check of all at once.
        seconds: time for the entries of one array.
        progress: is told what goes on.
    """

    seed: int = 0
    training: bool = True
    backend: str = "numpy"
    rtol: float = 1e-6
    elements: int = 2000
    spot: int = 6
    seconds: float = 0.4
    progress: Callable[[str], None] = lambda text: None


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
    """

    y: Array
    grads: Grads = field(default_factory=dict)
    again: Grads | None = None
    changed: set[tuple[str, str]] = field(default_factory=set)
    dtypes: dict[str, str] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)


@dataclass
class Call:
    """One forward call: what was lent to it, and what it left for backward.

    Attributes:
        arrays: lent copies by name: the input; of a function all arguments.
        memory: a context for each stage, the object itself, or what a function returned.
    """

    arrays: dict[str, spec.Array]
    memory: Any = None


@dataclass
class Shrink:
    """How long an axis may be in a copy made for the diagnosis.

    Attributes:
        batch, space, channels: largest sizes; None keeps the channels.
        add_batch: so many samples more than now, instead of shrinking.
    """

    batch: int = 2
    space: int = 7
    channels: int | None = None
    add_batch: int = 0

    def shape(self, shape: tuple[int, ...], keep_channels: bool = False) -> tuple[int, ...]:
        """The size of an input (batch, ..., channels) after shrinking."""
        if self.add_batch:
            return (shape[0] + self.add_batch, *shape[1:])
        sizes = [min(shape[0], self.batch), *shape[1:]]
        for axis in range(1, len(sizes) - 1):
            sizes[axis] = min(sizes[axis], max(self.space - (axis - 1), 1))
        if len(sizes) > 1 and self.channels is not None and not keep_channels:
            sizes[-1] = min(sizes[-1], self.channels if len(sizes) > 2 else self.channels + 2)
        return tuple(sizes)


class Target:
    """Base of the adapters: a subclass writes ``_start``, ``_forward`` and ``_backward``.

    Attributes:
        name: how the report calls it.
        kind: what the report of a model calls it: "layer" or "loss".
        values: every array that a gradient is checked for, float64; "x" first, if there is one.
        axes: names of the axes of each array.
        notes: what was done to the input so that it could be checked.
        constants: arrays that are passed on but not differentiated (labels, for example).
        takes_cotangent: False for a loss whose backward takes no dy: the cotangent is 1 then.
        rates: numbers among the arguments between 0 and 1 by name, such as a dropout rate.
    """

    kind = "layer"
    takes_cotangent = True
    #: whether a copy of another size needs as many channels
    keep_channels = True

    def __init__(self, name: str, settings: Settings, backend: str = "numpy") -> None:
        self.name, self.settings, self.backend = name, settings, backend
        self.ops = backends.get(backend)
        self.values: Values = {}
        self.axes: dict[str, tuple[str, ...]] = {}
        self.notes: list[str] = []
        self.constants: dict[str, Array] = {}
        self.rates: dict[str, float] = {}

    @property
    def first(self) -> str:
        """Name of the input."""
        return next(iter(self.values))

    def cotangent(self, y: Array, seed: int) -> Array:
        """A random gradient of the output; ones hide errors (a softmax's answer to ones is 0)."""
        if not self.takes_cotangent:
            return np.ones(y.shape)
        dy = np.random.default_rng(seed + 7).standard_normal(y.shape)
        return np.asarray(dy + np.sign(dy) * 0.1)

    def forward(self, values: Values) -> Array:
        """The output for ``values``."""
        return self._forward(self._start(values))

    def run(self, values: Values, dy: Array, fill: float = 0.0, twice: bool = False) -> Run:
        """Forward and backward; ``fill`` stands in the gradients of parameters before."""
        self._fill(fill)
        call = self._start(values)
        run = Run(self._forward(call))
        self._note_changes(run, "forward", values, call)
        run.grads = self._gradients(call, values, dy, run)
        if twice:
            run.again = self._gradients(call, values, dy, Run(run.y))
        return run

    def _gradients(self, call: Call, values: Values, dy: Array, run: Run) -> Grads:
        lent = self._cotangent(call, dy)
        before = host(lent)
        got = self._backward(call, lent, run)
        run.dtypes = {n: str(getattr(g, "dtype", "float64")) for n, g in got.items()}
        grads = {n: None if g is None else np.asarray(host(g)) for n, g in got.items()}
        if not np.array_equal(host(lent), before, equal_nan=True):
            run.changed.add(("backward", "dy"))
        self._note_changes(run, "backward", values, call)
        return grads

    def _note_changes(self, run: Run, who: str, values: Values, call: Call) -> None:
        for name, value in values.items():
            if not np.array_equal(host(self._held(call, name)), value):
                run.changed.add((who, name))
                self._restore(call, name, value, who)

    def lend(self, value: Array) -> spec.Array:
        """A copy of ``value`` where the target computes."""
        return self.ops.asarray(np.array(value))

    def input_array(self, x: Any) -> Array:
        """The input: a given array in float64, or a generic one of a given shape."""
        if is_shape(x):
            shape = tuple(2 if n is None else int(n) for n in x)
            if min(shape) < 1:
                raise GradientCheckError(f"the input shape {shape} has an axis without entries")
            return generic_input(shape, self.settings.seed)
        array = self.as_float64(x, "the input")
        if array.size == 0:
            raise GradientCheckError(f"the input of shape {array.shape} has no entries")
        return array

    def as_float64(self, value: Any, what: str) -> Array:
        """``value`` as a float64 copy; a cast is written into the notes."""
        try:
            array = host(value)
        except ValueError:
            array = np.asarray(None)
        if array.dtype.kind not in "fiub":
            raise GradientCheckError(f"{what} must hold numbers, got {type(value).__name__}")
        if array.dtype != np.float64:
            self.notes.append(f"{what} was {array.dtype}; it is checked in float64")
        if not np.isfinite(array).all():
            raise GradientCheckError(
                f"{what} holds NaN or infinity, so there is no slope to measure"
            )
        return array.astype(np.float64)

    # -- what a subclass says ----------------------------------------------------------------

    def _start(self, values: Values) -> Call:
        """Put copies of ``values`` where forward reads them."""
        raise NotImplementedError

    def _forward(self, call: Call) -> Array:
        """The output, as a NumPy array."""
        raise NotImplementedError

    def _backward(self, call: Call, dy: spec.Array, run: Run) -> dict[str, spec.Array | None]:
        """The gradients by array name, as backward gave them."""
        raise NotImplementedError

    def _fill(self, value: float) -> None:
        """Put ``value`` into the gradients of parameters."""

    def _cotangent(self, call: Call, dy: Array) -> spec.Array:
        """What backward is called with."""
        return self.lend(dy)

    def _held(self, call: Call, name: str) -> spec.Array:
        """The array that forward and backward read."""
        return call.arrays[name]

    def _restore(self, call: Call, name: str, value: Array, who: str) -> None:
        """Undo what ``who``, "forward" or "backward", did to that array."""
        call.arrays[name][...] = self.lend(value)

    def resized(self, shrink: Shrink) -> "Target | None":
        """The same thing at a smaller or other size, or None when that is not possible.

        Raises:
            GradientCheckError: it does not run at that size.
        """
        old = self.values[self.first].shape
        shape = shrink.shape(old, self.keep_channels)
        return None if shape == old else self._of_shape(shape)

    def _of_shape(self, shape: tuple[int, ...]) -> "Target | None":
        return None

    def source(self, name: str) -> list[str]:
        """The lines of the source that own the gradient of array ``name``."""
        raise NotImplementedError


def generic_input(shape: tuple[int, ...], seed: int) -> Array:
    """Shuffled, evenly spaced values in (-2, 2): no two alike and none zero, so no kink is near."""
    n = int(np.prod(shape))
    grid = (np.arange(n) + 0.37) / max(n, 1) * 4 - 2
    return np.random.default_rng(seed).permutation(grid).reshape(shape)


def jittered(values: Values, name: str, seed: int) -> Values:
    """The same values with ties and zeros of array ``name`` pulled apart a little."""
    array = values[name]
    n = array.size
    offsets = np.random.default_rng(seed + 9).permutation(np.arange(n) + 0.37).reshape(array.shape)
    size = max(float(np.abs(array).mean()), 0.1)
    return {**values, name: array + (offsets / n - 0.5) * 0.05 * size}


def has_ties(array: Array) -> bool:
    """Whether entries are equal or zero, so that kinks may sit exactly on them."""
    return array.size != np.unique(array).size or bool((array == 0).any())


def is_shape(value: object) -> bool:
    """Whether ``value`` is a shape rather than an array: a tuple of integers (or None first)."""
    return isinstance(value, tuple) and len(value) > 0 and all(
        isinstance(n, int | np.integer) or (n is None and i == 0) for i, n in enumerate(value)
    )  # fmt: skip


def apart(value: Array, rng: np.random.Generator) -> Array:
    """A weight; all ones or all zeros would hide a forgotten factor or term, and are moved."""
    return value + rng.uniform(-0.5, 0.5, value.shape) if np.ptp(value) == 0 else value


def rates(arguments: Mapping[str, object]) -> dict[str, float]:
    """The arguments that may be a rate of dropout."""
    return {k: v for k, v in arguments.items() if isinstance(v, float) and 0 < v < 1}


def host(array: Any) -> Array:
    """A copy as a NumPy array of whatever dtype it has (CuPy arrays are fetched)."""
    return np.array(array.get() if hasattr(array, "get") else array)


def plain_axes(shape: tuple[int, ...]) -> tuple[str, ...]:
    """Axis names when the layout is not known."""
    return tuple(f"axis {i}" for i in range(len(shape)))
