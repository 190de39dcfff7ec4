"""Slopes from forward calls alone: central differences at two step sizes, kinks recognised.

For a smooth function the central difference (f(x+h) - f(x-h)) / 2h is wrong by O(h^2): from a step
h and a step h/10 the error is known and removed (Richardson 1911). At a kink the slopes to the
left and to the right differ and do not approach each other as h shrinks; the slope is then an
interval, and a gradient anywhere inside it is right (a subgradient).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minicnn.gradcheck.targets import Array, Values

#: steps relative to the size of the value; the second pair is for kinks close by
STEPS = ((1e-4, 1e-5), (1e-6, 1e-7))
ROUNDING = 20 * np.finfo(np.float64).eps


@dataclass
class Slope:
    """Derivative of every output along one direction.

    Attributes:
        low, high: ends of the interval, equal where there is no kink; of the shape of y.
        error: what rounding and truncation leave uncertain, of the shape of y.
        kink: True where the slope jumps.
    """

    low: Array
    high: Array
    error: Array
    kink: Array

    def along(self, dy: Array) -> tuple[float, float, float]:
        """(low, high, error) of the sum of dy times the slope."""
        a, b = dy * self.low, dy * self.high
        low, high = float(np.minimum(a, b).sum()), float(np.maximum(a, b).sum())
        return low, high, float(np.sqrt(np.sum((dy * self.error) ** 2)) * 3)

    @property
    def middle(self) -> Array:
        """The slope, at kinks the middle of the interval."""
        return (self.low + self.high) / 2


def slope(f: Callable[[float], Array], scale: float, y: Array) -> Slope:
    """Derivative of ``f(t)`` at t = 0, where ``f(0)`` is ``y``.

    Args:
        scale: size of the values that are moved; steps are in proportion to it.
    """
    size = np.abs(y) + (np.abs(y).mean() if y.size else 0.0)
    found: tuple[Array, ...] | None = None
    recheck = np.zeros(y.shape, bool)
    for steps in STEPS:
        (d1, gap1, _), (d2, gap2, (left, right)) = (_differences(f, h * scale, y) for h in steps)
        noise = ROUNDING * size / (steps[1] * scale)
        big = np.maximum(np.abs(left), np.abs(right))
        # a smooth function's gap is h f'': it shrinks with the step; a kink's stays
        suspect = gap2 > 1e-4 * big + 4 * noise
        kink = suspect & (gap2 > 0.3 * gap1)
        smooth_at_both = gap1 <= 20 * gap2 + 20 * noise + 1e-3 * big
        best = np.where(smooth_at_both, (100 * d2 - d1) / 99, d2)
        # how far the two differ bounds the rounding of whatever large numbers are inside
        rest = np.where(smooth_at_both, np.abs(d1 - d2), 0.0)
        low = np.where(kink, np.minimum(left, right), best)
        high = np.where(kink, np.maximum(left, right), best)
        new = (low, high, noise + rest, kink)
        if found is None:
            found, recheck = new, suspect
        else:  # the smaller steps decide only where the larger ones met a kink or a strong curve
            found = tuple(np.where(recheck, n, f) for n, f in zip(new, found, strict=True))
        if not recheck.any():
            break
    assert found is not None
    return Slope(*found)


def _differences(
    f: Callable[[float], Array], h: float, y: Array
) -> tuple[Array, Array, tuple[Array, Array]]:
    up, down = f(h), f(-h)
    left, right = (y - down) / h, (up - y) / h
    return (up - down) / (2 * h), np.abs(right - left), (left, right)


def moved(values: Values, name: str, direction: Array) -> Callable[[float], Values]:
    """t -> the values with array ``name`` moved by t times ``direction``."""

    def at(t: float) -> Values:
        return {**values, name: values[name] + t * direction}

    return at


def direction_slope(
    forward: Callable[[Values], Array], values: Values, name: str, direction: Array, y: Array
) -> Slope:
    """Slope of every output when array ``name`` moves along ``direction``."""
    at = moved(values, name, direction)
    return slope(lambda t: forward(at(t)), typical_size(values[name]), y)


def element_slope(
    forward: Callable[[Values], Array], values: Values, name: str, index: int, y: Array
) -> Slope:
    """Slope of every output when one entry (flat ``index``) of array ``name`` moves."""
    array = values[name]
    work = {**values, name: array.copy()}
    flat = work[name].reshape(-1)
    start = float(flat[index])

    def f(t: float) -> Array:
        flat[index] = start + t
        try:
            return forward(work)
        finally:
            flat[index] = start

    return slope(f, max(abs(start), typical_size(array)), y)


def typical_size(array: Array) -> float:
    """Mean absolute value, at least 0.01; 1 for an array of zeros."""
    size = float(np.abs(array).mean()) if array.size else 0.0
    return max(size, 0.01) if size else 1.0
