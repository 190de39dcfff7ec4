"""The whole Jacobian, twice: what forward has (J) and what backward claims (B).

Row o of J is the slope of output o with respect to every entry of an array, measured by central
differences. Row o of B is what backward answers to a cotangent of 1 at output o and 0 elsewhere.
A right backward has B = J; what a mistake did to B is compared with what known mistakes do.
"""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeGuard

import numpy as np

from minicnn.gradcheck.numeric import typical_size
from minicnn.gradcheck.targets import Array, Grads, Shrink, Target, Values, has_ties, jittered
from minicnn.gradcheck.user_code import GradientCheckError

STEP = 1e-5
TOLERANCE = 1e-5
#: seconds that the tables should take, that they may take if need be, and entries they may have
SECONDS, PATIENCE, ENTRIES = 0.6, 20.0, 6_000_000
SIZES = (Shrink(3, 9), Shrink(2, 7), Shrink(2, 7, channels=3), Shrink(2, 5, channels=2))

#: what a hypothesis says: cause, one sentence of evidence, weight
Claims = Iterator[tuple[str, str, float]]


@dataclass
class Tables:
    """J and B of every array of a target, at one generic input.

    Attributes:
        J, B: by array name, (outputs, entries); B only where the gradient has the right shape.
        grads: answer of backward to ``dy``, in the shape it gave; None where there is none.
        linear: whether backward is linear in the cotangent, as every right one is.
    """

    target: Target
    values: Values
    y: Array
    dy: Array
    J: dict[str, Array] = field(default_factory=dict)
    B: dict[str, Array] = field(default_factory=dict)
    grads: Grads = field(default_factory=dict)
    linear: bool = True

    @property
    def first(self) -> str:
        """Name of the input."""
        return next(iter(self.values))

    def backward(self, dy: Array) -> Grads:
        """Gradients for another cotangent."""
        return self.target.run(self.values, dy).grads

    def claims(self, dy: float = 1.0) -> Iterator[Grads]:
        """Gradients for a cotangent of ``dy`` at one output and 0 elsewhere, output by output."""
        for o in range(self.y.size):
            one = np.zeros(self.y.size)
            one[o] = dy
            yield self.backward(one.reshape(self.y.shape))

    def slopes(self, name: str) -> Array:
        """What the gradient of array ``name`` should be."""
        return np.asarray((self.dy.reshape(-1) @ self.J[name]).reshape(self.values[name].shape))

    def wrong(self) -> list[str]:
        """Arrays whose gradient is wrong here."""
        grads = {n: self.grads.get(n) for n in self.J}
        return [n for n, g in grads.items() if g is None or not same(g, self.slopes(n))]


Hypothesis = Callable[[Tables, str], Claims]


def comparing(hypothesis: Callable[[Tables, str, Array, Array], Claims]) -> Hypothesis:
    """A hypothesis on B and J of an array, asked where there is B and backward is linear."""

    @functools.wraps(hypothesis)
    def asked(t: Tables, name: str) -> Claims:
        if t.linear and name in t.B:
            yield from hypothesis(t, name, t.B[name], t.J[name])

    return asked


def same(a: Array, b: Array, tolerance: float = TOLERANCE) -> bool:
    """Whether two arrays agree, relative to the largest entry of either."""
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    size = max(float(np.abs(a).max(initial=0.0)), float(np.abs(b).max(initial=0.0)))
    return bool(np.abs(a - b).max(initial=0.0) <= tolerance * size)


def close(a: Array, b: Array) -> Array:
    """Entry by entry, relative to the largest of ``b``."""
    size = float(np.abs(b).max(initial=0.0)) or 1.0
    return np.asarray(np.abs(a - b) <= TOLERANCE * size)


def ratio(a: Array, b: Array, least: float = 0.0) -> float | None:
    """c where a = c b, if it is larger than ``least``, or None."""
    size = float((b * b).sum())
    c = float((a * b).sum()) / size if size else 0.0
    return c if abs(c) > least and same(a, c * b) else None


def nonzero(a: Array) -> Array:
    """Where an array is not zero, relative to its largest entry."""
    return ~close(np.zeros_like(a), a)


def gather(target: Target, wanted: list[str]) -> Tables | None:
    """Tables of the target, or of a copy small enough, in which the arrays ``wanted`` are wrong."""
    slow: list[tuple[float, int, Target]] = []
    for copy in _copies(target):
        cost = _cost(copy, wanted)
        if cost > SECONDS:  # the largest copy that is quick comes first
            slow.append((cost, len(slow), copy))
        elif (tables := _wrong_tables(copy, wanted)) is not None:
            return tables
    for cost, _, copy in sorted(slow, key=lambda entry: entry[:2]):
        if cost < PATIENCE and (tables := _wrong_tables(copy, wanted)) is not None:
            return tables
    return None


def _copies(target: Target) -> Iterator[Target]:
    """The target, then smaller ones.

    What was made for one size may not run at another, or be wrong there in another way.
    """
    shapes = _misshaped(target)
    yield target
    for size in SIZES:
        with contextlib.suppress(GradientCheckError):
            smaller = target.resized(size)
            if smaller is not None and _misshaped(smaller) == shapes:
                yield smaller


def _misshaped(target: Target) -> set[str]:
    """Arrays whose gradient has the wrong shape."""
    dy = target.cotangent(target.forward(target.values), 0)
    grads = target.run(target.values, dy).grads
    return {n for n, v in target.values.items() if getattr(grads.get(n), "shape", None) != v.shape}


def _wrong_tables(target: Target, wanted: list[str]) -> Tables | None:
    tables = build(target, target.settings.seed, wanted)
    return tables if tables is not None and set(tables.wrong()) & set(wanted) else None


def _cost(target: Target, wanted: list[str]) -> float:
    """Seconds that the tables will take."""
    entries = sum(v.size for n, v in target.values.items() if n in wanted or n == target.first)
    start = time.perf_counter()
    y = target.forward(target.values)
    one = time.perf_counter()
    target.run(target.values, target.cotangent(y, 0))
    two = time.perf_counter()
    if y.size * entries > ENTRIES:
        return float("inf")
    return 2 * entries * (one - start) + y.size * (two - one)


def build(
    target: Target, seed: int, wanted: list[str], values: Values | None = None
) -> Tables | None:
    """Measure J of the input and of the arrays ``wanted``, and ask for B.

    ``values`` are by default the target's own.
    """
    values = dict(values or target.values)
    first = next(iter(values))
    if has_ties(values[first]):
        values = jittered(values, first, seed)
    y = target.forward(values)
    if not np.isfinite(y).all():
        return None
    dy = target.cotangent(y, seed)
    tables = Tables(target, values, y, dy)
    tables.grads = tables.backward(dy)
    names = [n for n in values if n in wanted or n == first]
    for name in names:
        tables.J[name] = jacobian(target, values, name, y.size)
    claims: dict[str, list[Array]] = {n: [] for n in names if _fits(tables.grads.get(n), values[n])}
    for grads in tables.claims():
        for name in list(claims):
            grad = grads.get(name)
            if _fits(grad, values[name]):
                claims[name].append(np.asarray(grad, np.float64).reshape(-1))
            else:
                del claims[name]
    for name, rows in claims.items():
        tables.B[name] = np.array(rows)
        told = np.asarray(tables.grads[name], np.float64).reshape(-1)
        tables.linear = tables.linear and same(dy.reshape(-1) @ tables.B[name], told)
    return tables


def jacobian(target: Target, values: Values, name: str, outputs: int) -> Array:
    """J of one array, (outputs, entries)."""
    array = values[name]
    work = {**values, name: array.copy()}
    flat = work[name].reshape(-1)
    J = np.empty((outputs, array.size))
    size = typical_size(array)
    for i, start in enumerate(array.reshape(-1)):
        h = STEP * max(abs(float(start)), size)
        flat[i] = start + h
        up = target.forward(work).reshape(-1)
        flat[i] = start - h
        J[:, i] = (up - target.forward(work).reshape(-1)) / (2 * h)
        flat[i] = start
    J[np.abs(J) < 1e-8 * float(np.abs(J).max(initial=0.0))] = 0.0  # rounding
    return J


def difference(target: Target, values: Values, name: str, u: Array | float = 1.0) -> Array:
    """Slope of the output when array ``name`` moves along u, by one central difference."""
    h = STEP * typical_size(values[name])
    up = target.forward({**values, name: values[name] + h * u})
    down = target.forward({**values, name: values[name] - h * u})
    return np.asarray((up - down) / (2 * h))


def _fits(grad: Array | None, value: Array) -> TypeGuard[Array]:
    return grad is not None and grad.shape == value.shape and bool(np.isfinite(grad).all())
