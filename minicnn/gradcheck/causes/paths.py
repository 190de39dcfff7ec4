"""Rows of the Jacobian scaled one by one, and ways from an array to the output left out."""

from collections.abc import Iterator

import numpy as np

from minicnn.gradcheck.causes.evidence import Tables, build, jacobian, nonzero, same
from minicnn.gradcheck.causes.masks import drops_at_random
from minicnn.gradcheck.report import Finding
from minicnn.gradcheck.targets import Array, Target, Values


def scaled_rows(t: Tables, name: str) -> Iterator[Finding]:
    """B[o] = r_o J[o]: a factor that belongs to each output is wrong or missing."""
    if name not in t.B or not t.linear or t.y.size < 2:
        return
    B, J = t.B[name], t.J[name]
    alive = nonzero(J).any(axis=1)
    if alive.sum() < 2:
        return
    r = (B * J).sum(axis=1)[alive] / (J * J).sum(axis=1)[alive]
    if not same(B[alive], r[:, None] * J[alive]):
        return
    constant = same(r, np.full_like(r, r[0]))
    dead_too = nonzero(B[~alive]).any() if (~alive).any() else False
    if constant:
        if dead_too and drops_at_random(t):
            text = "gradient comes back through outputs that dropout set to zero"
            yield Finding("dropout_mask", text, name, 87)
        return
    y = t.y.reshape(-1)[alive]
    levels = np.unique(np.round(r, 5))
    if len(levels) == 2 and _split_by(r, y):
        text = f"outputs on one side of zero get their gradient times {levels[0]:g}: a wrong mask"
        yield Finding("relu_mask", text, name, 87)
        return
    slopes = {"y (1 - y)": y * (1 - y), "1 - y^2": 1 - y**2, "y": y, "1 - y": 1 - y, "2 y": 2 * y}
    for label, slope in slopes.items():
        if same(r * slope, np.ones_like(r)):
            yield Finding("chain_rule", f"the inner derivative {label} is missing", name, 80)
            return
        if same(r, slope):
            yield Finding(
                "chain_rule", f"the gradient is multiplied by {label} once too often", name, 80
            )
            return
    for other, value in t.values.items():
        if value.ndim != 1 or other == t.first:
            continue
        for axis in range(t.y.ndim):
            if t.y.shape[axis] != value.size:
                continue
            line = np.broadcast_to(
                value.reshape([-1 if a == axis else 1 for a in range(t.y.ndim)]), t.y.shape
            )
            factor = line.reshape(-1)[alive]
            if same(r * factor, np.ones_like(r)) or same(r, factor):
                yield Finding(
                    "chain_rule",
                    f"the factor {other} is missing, or there once too often",
                    name,
                    80,
                )
                return


def _split_by(r: Array, y: Array) -> bool:
    one = np.isclose(r, r[0], atol=1e-5)
    sign = (y > 0) == (y[0] > 0)
    return bool((one == sign).all())


def other_array(t: Tables, name: str) -> Iterator[Finding]:
    """A scale: each output uses one entry, times what backward takes from another array."""
    if name == t.first or name not in t.B or not t.linear or t.y.shape != t.values[t.first].shape:
        return
    B, J = t.B[name], t.J[name]
    column = (np.abs(J) + np.abs(B)).argmax(axis=1)
    rest = np.ones(J.shape, bool)
    rest[np.arange(len(J)), column] = False
    if nonzero(np.where(rest, J, 0)).any() or nonzero(np.where(rest, B, 0)).any() or same(B, J):
        return
    told = B[np.arange(len(B)), column]
    for label, value in (("the input x", t.values[t.first]), ("the output y", t.y)):
        if same(told, value.reshape(-1)):
            yield Finding("wrong_array", f"the gradient of {name} is made with {label}", name, 79)
            return


def path_through(t: Tables, name: str) -> Iterator[Finding]:
    """The way from the input through one weight is missing, or is all there is.

    Where a weight enters as z = x w, J_w holds dy/dz times x, and so gives what x owes to w.
    """
    if name != t.first or name not in t.B or not t.linear:
        return
    B, J = t.B[name], t.J[name]
    x = t.values[name]
    for weight, w in t.values.items():
        if (
            weight == name
            or x.ndim != 2
            or t.y.shape[:1] != x.shape[:1]
            or w.ndim > 2
            or w.shape[0] != x.shape[1]
        ):
            continue
        table = t.J.get(weight)
        table = jacobian(t.target, t.values, weight, t.y.size) if table is None else table
        path = _owed(t, x, w, table)
        if path is None:
            continue
        if same(J - B, path):
            yield Finding(
                "missing_term", f"the way from {name} through {weight} is left out", name, 81
            )
            return
        if same(B, path) and not same(B, J):
            yield Finding(
                "missing_term", f"only the way from {name} through {weight} is there", name, 81
            )
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


def left_out(t: Tables, name: str) -> Iterator[Finding]:
    """What is missing, E = J - B, behaves like one of several ways from the array to the output."""
    if name not in t.B or not t.linear or t.y.size < 2:
        return
    B, J = t.B[name], t.J[name]
    E = J - B
    if same(B, J) or not nonzero(B).any() or same(E, J) or _multiple_of(E, J):
        return
    other = _elsewhere(t, name, 0.7)
    if other is not None:
        B2, J2 = other.B[name], other.J[name]
        E2 = J2 - B2
        if same(E, E2, 1e-6) and not same(J, J2, 1e-3):
            text = f"what is missing does not depend on {name}: a linear path is left out"
            yield Finding("missing_term", text, name, 66)
            return
        double = _elsewhere(t, name, None)
        if double is not None and name in double.B:
            Bd, Jd = double.B[name], double.J[name]
            if all(same(2 * p, q) for p, q in ((B, Bd), (J, Jd), (E, Jd - Bd))):
                text = f"the output is quadratic in {name}: one of the two terms is missing"
                yield Finding("missing_term", text, name, 55)
                return
    changed = nonzero(np.where(nonzero(J), E, 0))
    square = t.y.shape == t.values[name].shape and not nonzero(J - np.diag(np.diag(J))).any()
    share = changed.mean()
    if square or not 0 < share < 0.5 or nonzero(J).mean() < 0.9:
        return
    if nonzero(B)[changed].mean() > 0.9 and not _multiple_of(E[changed], J[changed]):
        text = f"most of the gradient of {name} is right, one way to the output is left out"
        yield Finding("missing_term", text, name, 45)


def _elsewhere(t: Tables, name: str, by: float | None) -> Tables | None:
    """Tables at another value of the array: stretched and moved, or just doubled."""
    value = t.values[name]
    moved = 2 * value if by is None else value * by + 0.05
    tables = build(_At(t.target, {**t.values, name: moved}), 0, [name])
    return tables if tables is not None and name in tables.B else None


class _At(Target):
    """The same target at other values."""

    def __init__(self, target: Target, values: Values) -> None:
        super().__init__(target.name)
        self.values, self.takes_cotangent = values, target.takes_cotangent
        self.forward, self.run = target.forward, target.run  # type: ignore[method-assign]


def _multiple_of(a: Array, b: Array) -> bool:
    size = float((b * b).sum())
    return size > 0 and same(a, float((a * b).sum()) / size * b)
