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
        (d1, left, right), (d2, left2, right2) = (_differences(f, h * scale, y) for h in steps)
        gap1, gap2 = np.abs(right - left), np.abs(right2 - left2)
        noise = ROUNDING * size / (steps[1] * scale)
        big = np.maximum(np.abs(left2), np.abs(right2))
        # a smooth function's gap is h f'': it shrinks with the step; a kink's stays
        suspect = gap2 > 1e-4 * big + 4 * noise
        kink = suspect & (gap2 > 0.3 * gap1)
        # a curve with little slope of its own (near a minimum): gap2 is large only beside that
        curve = ~kink & (np.abs(d1 - d2) <= 0.01 * gap1 + noise)
        smooth_at_both = gap1 <= 20 * gap2 + 20 * noise + 1e-3 * big
        best = np.where(smooth_at_both, (100 * d2 - d1) / 99, d2)
        # how far the two differ bounds the rounding of whatever large numbers are inside
        rest = np.where(smooth_at_both, np.abs(d1 - d2), 0.0)
        low = np.where(kink, np.minimum(left2, right2), best)
        high = np.where(kink, np.maximum(left2, right2), best)
        new = (low, high, noise + rest, kink)
        if found is None:
            found, recheck = new, suspect & ~curve
        else:  # the smaller steps decide only where the larger ones met a kink
            found = tuple(np.where(recheck, n, f) for n, f in zip(new, found, strict=True))
        if not recheck.any():
            break
    assert found is not None
    return Slope(*found)


def _differences(f: Callable[[float], Array], h: float, y: Array) -> tuple[Array, Array, Array]:
    """The central difference, and those to the left and to the right."""
    up, down = f(h), f(-h)
    return (up - down) / (2 * h), (y - down) / h, (up - y) / h


def direction_slope(
    forward: Callable[[Values], Array], values: Values, name: str, direction: Array, y: Array,
    scale: float | None = None,
) -> Slope:  # fmt: skip
    """Slope of every output when array ``name`` moves along ``direction``.

    The steps are in proportion to ``scale``, by default the typical size of the array.
    """
    array = values[name]
    size = scale or typical_size(array)
    return slope(lambda t: forward({**values, name: array + t * direction}), size, y)


def directional_errors(
    forward: Callable[[Values], Array], backward: Callable[[Array], Values], values: Values,
    rng: np.random.Generator, step: float = 1e-3,
) -> dict[str, float]:  # fmt: skip
    """Relative error of every gradient: <v, J u> = <J^T v, u> for random u and v.

    With J the Jacobian of ``forward`` with respect to one array, the left side is measured with
    forward calls alone and the right side is what ``backward`` says. A random v sees a gradient
    that has the right sum in the wrong places. The error is relative to the sum of the absolute
    terms of <v, J u>, since the sum itself may cancel; where the true gradient is 0 (a softmax
    over one class) only rounding is left, so that sum is taken as 1e-3 |v| at least.

    Args:
        forward: from all arrays by name to y, in float64. It is called with ``values`` first,
            right before ``backward``.
        backward: from dy, of the shape of y, to the gradients by name.
        values: the arrays by name, away from kinks: at one, the middle of the slopes to the left
            and to the right counts.
        step: how far along u the values move; a second step is a tenth of it. 1e-3 keeps rounding
            and truncation both small for values of size 1; only where the slope seems to jump
            do steps a hundred times smaller decide.

    Returns:
        The error of each gradient that ``backward`` returns; below 1e-7 for a right one.

    Raises:
        ValueError: a gradient has another shape than its array.
    """
    y = forward(values)
    v = rng.standard_normal(y.shape)
    floor = 1e-3 * float(np.abs(v).sum())
    errors = {}
    for name, grad in backward(v).items():
        u = rng.standard_normal(values[name].shape)
        if grad.shape != u.shape:
            raise ValueError(f"the gradient of {name} has shape {grad.shape}, {name} has {u.shape}")
        terms = v * direction_slope(forward, values, name, u, y, step / STEPS[0][0]).middle
        gap = abs(float(np.sum(grad * u)) - float(terms.sum()))
        errors[name] = gap / max(float(np.abs(terms).sum()), floor)
    return errors


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
