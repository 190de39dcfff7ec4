"""Ways from an array to the output that are left out, scaled, or taken at other values."""

import itertools
from collections.abc import Iterator

import numpy as np

from minicnn.gradcheck.causes import evidence
from minicnn.gradcheck.causes.evidence import Claims, Tables, comparing, nonzero, ratio, same
from minicnn.gradcheck.causes.masks import drops_at_random
from minicnn.gradcheck.targets import Array


@comparing
def scaled_rows(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """B[o] = r_o J[o]: a factor that belongs to each output is wrong or missing."""
    alive = nonzero(J).any(axis=1)
    if alive.sum() < 2:
        return
    r = (B * J).sum(axis=1)[alive] / (J * J).sum(axis=1)[alive]
    if not same(B[alive], r[:, None] * J[alive]):
        return
    if same(r, np.full_like(r, r[0])):
        if nonzero(B[~alive]).any() and drops_at_random(t):
            yield "dropout_mask", "gradient comes back through outputs that dropout set to zero", 87
        return
    y = t.y.reshape(-1)[alive]
    levels = np.unique(np.round(r, 5))
    low = np.isclose(r, r[0], atol=1e-5)
    if len(levels) == 2 and (low == ((y > 0) == (y[0] > 0))).all():
        text = f"outputs on one side of zero get their gradient times {levels[0]:g}: a wrong mask"
        yield "relu_mask", text, 87
        return
    slopes = {"y (1 - y)": y * (1 - y), "1 - y^2": 1 - y**2, "y": y, "1 - y": 1 - y, "2 y": 2 * y}
    for label, slope in slopes.items():
        if same(r * slope, np.ones_like(r)):
            yield "chain_rule", f"the inner derivative {label} is missing", 80
            return
        if same(r, slope):
            yield "chain_rule", f"the gradient is multiplied by {label} once too often", 80
            return
    for other, value in t.values.items():
        if value.ndim != 1 or other == t.first:
            continue
        for axis in range(t.y.ndim):
            if t.y.shape[axis] != value.size:
                continue
            factor = value[np.indices(t.y.shape)[axis]].reshape(-1)[alive]
            if same(r * factor, np.ones_like(r)) or same(r, factor):
                yield "chain_rule", f"the factor {other} is missing, or there once too often", 80
                return


@comparing
def other_array(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """A scale: each output uses one entry, times what backward takes from another array."""
    if name == t.first or t.y.shape != t.values[t.first].shape or same(B, J):
        return
    column = (np.abs(J) + np.abs(B)).argmax(axis=1)
    rest = np.ones(J.shape, bool)
    rest[np.arange(len(J)), column] = False
    if nonzero(np.where(rest, J, 0)).any() or nonzero(np.where(rest, B, 0)).any():
        return
    told = B[np.arange(len(B)), column]
    for label, value in (("the input x", t.values[t.first]), ("the output y", t.y)):
        if same(told, value.reshape(-1)):
            yield "wrong_array", f"the gradient of {name} is made with {label}", 79
            return


@comparing
def path_through(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """The way from the input through one weight is missing, or is all there is.

    Where a weight enters as z = x w, J_w holds dy/dz times x, and so gives what x owes to w.
    """
    x = t.values[name]
    if name != t.first or x.ndim != 2 or t.y.shape[:1] != x.shape[:1]:
        return
    for weight, w in t.values.items():
        if weight == name or w.ndim not in (1, 2) or w.shape[0] != x.shape[1]:
            continue
        table = t.J.get(weight)
        table = evidence.jacobian(t.target, t.values, weight, t.y.size) if table is None else table
        path = _owed(t, x, w, table)
        if path is None:
            continue
        if same(J - B, path):
            yield "missing_term", f"the way from {name} through {weight} is left out", 81
            return
        if same(B, path) and not same(B, J):
            yield "missing_term", f"only the way from {name} through {weight} is there", 81
            return


def _owed(t: Tables, x: Array, w: Array, table: Array) -> Array | None:
    """Jacobian of the outputs by x (N, D) along z = x w alone, from that by w (D,) or (D, U)."""
    sample = np.unravel_index(np.arange(t.y.size), t.y.shape)[0]
    path = np.zeros((t.y.size, *x.shape))
    for o, n in enumerate(sample):
        by_w = table[o].reshape(w.shape)
        if w.ndim == 1:
            path[o, n] = by_w / np.where(x[n] == 0, 1, x[n]) * w
            continue
        by_z = x[n] @ by_w / float(x[n] @ x[n])
        if not np.allclose(np.outer(x[n], by_z), by_w, atol=1e-5 * (np.abs(by_w).max() or 1)):
            return None
        path[o, n] = w @ by_z
    return path.reshape(t.y.size, -1)


@comparing
def left_out(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """What is missing, E = J - B, behaves like one of several ways from the array to the output."""
    E = J - B
    if t.y.size < 2 or same(B, J) or not nonzero(B).any() or ratio(E, J):
        return
    value = t.values[name]
    other = _elsewhere(t, name, value * 0.7 + 0.05)
    if other is not None:
        B2, J2 = other
        if same(E, J2 - B2, 1e-6) and not same(J, J2, 1e-3):
            text = f"what is missing does not depend on {name}: a linear path is left out"
            yield "missing_term", text, 66
            return
        double = _elsewhere(t, name, 2 * value)
        if double is not None:
            Bd, Jd = double
            if all(same(2 * p, q) for p, q in ((B, Bd), (J, Jd), (E, Jd - Bd))):
                text = f"the output is quadratic in {name}: one of the two terms is missing"
                yield "missing_term", text, 55
                return
    changed = nonzero(np.where(nonzero(J), E, 0))
    square = t.y.shape == value.shape and not nonzero(J - np.diag(np.diag(J))).any()
    if square or not 0 < changed.mean() < 0.5 or nonzero(J).mean() < 0.9:
        return
    if nonzero(B)[changed].mean() > 0.9 and not ratio(E[changed], J[changed]):
        text = f"most of the gradient of {name} is right, one way to the output is left out"
        yield "missing_term", text, 45


def _elsewhere(t: Tables, name: str, value: Array) -> tuple[Array, Array] | None:
    """B and J at another value of the array."""
    tables = evidence.build(t.target, 0, [name], {**t.values, name: value})
    return None if tables is None or name not in tables.B else (tables.B[name], tables.J[name])


# -- right for other values: the kernel flipped, two axes swapped, one negated -------------------


def other_values(t: Tables, name: str) -> Claims:
    """Measure forward's slope with one of the other arrays changed, and compare."""
    grad = t.grads.get(name)
    if grad is None or grad.shape != t.values[name].shape or not t.linear:
        return
    rng = np.random.default_rng(17)
    directions = [rng.standard_normal(t.values[name].shape) for _ in range(2)]
    told = np.array([(grad * u).sum() for u in directions])
    for other, value in t.values.items():
        if value.ndim < 2 or value.size < 2:
            continue
        for changed, cause, words in _variants(value, is_input=other == t.first):
            there = {**t.values, other: changed}
            slopes = [evidence.difference(t.target, there, name, u) for u in directions]
            right = [(t.dy * s).sum() if s.shape == t.dy.shape else np.nan for s in slopes]
            if same(told, np.array(right), 1e-6):
                text = f"the gradient of {name} is the right one for {other} with {words}"
                yield cause, text, 71
                return


def _variants(value: Array, is_input: bool) -> Iterator[tuple[Array, str, str]]:
    axes = [a for a in range(value.ndim) if value.shape[a] > 1]
    flips = [c for k in (2, 1) for c in itertools.combinations(axes, k)]
    if value.ndim == 4:
        flips.sort(key=lambda c: c not in ((0, 1), (2, 3)))
    for chosen in flips:
        cause = "axes_permuted" if is_input else "kernel_flipped"
        yield np.flip(value, chosen), cause, f"axes {list(chosen)} run backwards"
    for p in itertools.permutations(range(value.ndim)):
        if p != tuple(range(value.ndim)):
            turned = value.transpose(p).reshape(value.shape)
            yield turned, "axes_permuted", f"axes permuted to {list(p)}"
    yield -value, "sign", "its sign changed"
    if is_input:
        for axis in axes:
            for k in (1, -1):
                yield np.roll(value, k, axis), "shifted", f"axis {axis} rolled by {k}"
