"""The gradient is right for other values: the kernel flipped, two axes swapped, one negated."""

import itertools
from collections.abc import Iterator

import numpy as np

from minicnn.gradcheck.causes.evidence import STEP, Tables, same
from minicnn.gradcheck.numeric import typical_size
from minicnn.gradcheck.report import Finding
from minicnn.gradcheck.targets import Array, Values


def other_values(t: Tables, name: str) -> Iterator[Finding]:
    """Measure forward's slope with one of the other arrays changed, and compare."""
    grad = t.grads.get(name)
    if grad is None or grad.shape != t.values[name].shape or not t.linear:
        return
    rng = np.random.default_rng(17)
    directions = [rng.standard_normal(t.values[name].shape) for _ in range(2)]
    told = np.array([float((grad * u).sum()) for u in directions])
    for other, value in t.values.items():
        if value.ndim < 2 or value.size < 2:
            continue
        for changed, cause, words in _variants(value, other, t.first):
            values = {**t.values, other: changed}
            slopes = _slopes(t, values, name, directions)
            if slopes is not None and same(told, slopes, 1e-6):
                text = f"the gradient of {name} is the right one for {other} with {words}"
                yield Finding(cause, text, name, 71)
                return


def _variants(value: Array, other: str, first: str) -> Iterator[tuple[Array, str, str]]:
    axes = [a for a in range(value.ndim) if value.shape[a] > 1]
    flips = [c for k in (2, 1) for c in itertools.combinations(axes, k)]
    if value.ndim == 4:
        flips.sort(key=lambda c: c not in ((0, 1), (2, 3)))
    for chosen in flips:
        cause = "kernel_flipped" if other != first else "axes_permuted"
        yield np.flip(value, chosen), cause, f"axes {list(chosen)} run backwards"
    for p in itertools.permutations(range(value.ndim)):
        turned = value.transpose(p)
        if turned.size == value.size and p != tuple(range(value.ndim)):
            yield turned.reshape(value.shape), "axes_permuted", f"axes permuted to {list(p)}"
    yield -value, "sign", "its sign changed"
    if other == first:
        for axis in axes:
            for k in (1, -1):
                yield np.roll(value, k, axis), "shifted", f"axis {axis} rolled by {k}"


def _slopes(t: Tables, values: Values, name: str, directions: list[Array]) -> Array | None:
    h = STEP * typical_size(values[name])
    slopes = []
    for u in directions:
        up = t.target.forward({**values, name: values[name] + h * u})
        down = t.target.forward({**values, name: values[name] - h * u})
        if up.shape != t.dy.shape:
            return None
        slopes.append(float((t.dy * (up - down)).sum() / (2 * h)))
    return np.array(slopes)
