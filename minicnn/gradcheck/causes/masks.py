"""B is J with contributions left out or put in: masks, edges, overwriting."""

from collections.abc import Iterator

import numpy as np

from minicnn.gradcheck.causes.evidence import Tables, close, nonzero, same
from minicnn.gradcheck.report import Finding
from minicnn.gradcheck.targets import Array


def drops_at_random(t: Tables) -> bool:
    """Whether forward drops outputs or inputs in places that do not depend on the input."""
    x = t.values[t.first]
    elsewhere = {**t.values, t.first: -x + 0.013}
    other = t.target.forward(elsewhere)
    zero = t.y == 0
    if zero.any() and not zero.all():
        return other.shape == t.y.shape and bool(((other == 0) == zero).all())
    dead = ~np.any(nonzero(t.J[t.first]), axis=0).reshape(x.shape)  # dropout of the input
    if not dead.any() or dead.all() or whole_slices(dead) is not None:
        return False
    moved = {**elsewhere, t.first: elsewhere[t.first] + 0.1 * dead}
    return bool((t.target.forward(moved) == other).all())


def not_linear(t: Tables, name: str) -> Iterator[Finding]:
    """Backward is not linear in dy: a mask or a decision is taken from dy."""
    if t.linear or name not in t.B:
        return
    grad, v, B = t.grads[name], t.dy.reshape(-1), t.B[name]
    if grad is None:
        return
    shape = grad.shape
    minus = negative_claim(t, name)
    homogeneous = np.where(v > 0, v, 0) @ B + np.where(v < 0, v, 0) @ minus
    tests = (
        (homogeneous, "the incoming gradient dy"),
        (np.where(v > 0, v, 0) @ B, "the incoming gradient dy"),
        (np.where(v < 0, v, 0) @ B, "the incoming gradient dy"),
        (np.where(v > 0, v, 0) @ t.J[name], "the incoming gradient dy"),
        (np.maximum(v @ B, 0), "the gradient it returns"),
        (np.maximum(v @ t.J[name], 0), "the gradient it returns"),
        (np.minimum(v @ t.J[name], 0), "the gradient it returns"),
    )
    for predicted, array in tests:
        if same(np.asarray(predicted).reshape(shape), grad):
            text = f"backward keeps or drops by the sign of {array}, not of what forward saw"
            yield Finding("relu_mask", text, name, 90)
            return
    if same(B, t.J[name]) and _one_of_several(t, name):
        text = f"where several windows meet in an entry of {name}, one replaces the others"
        yield Finding("overwritten", text, name, 82)
        return
    zero = t.backward(np.zeros_like(t.dy)).get(name)
    double = t.backward(2 * t.dy).get(name)
    if zero is not None and double is not None and nonzero(zero).any():
        if same(double, grad):
            text = (
                f"the gradient of {name} does not change with dy: the chain rule multiplies by it"
            )
            yield Finding("cotangent_ignored", text, name, 89)
        elif same(grad - zero, t.slopes(name)):
            text = f"a term that does not depend on dy is added to the gradient of {name}"
            yield Finding("extra_term", text, name, 80)


def negative_claim(t: Tables, name: str) -> Array:
    """B from cotangents of -1, which a mask by the sign of dy answers differently."""
    rows = []
    for o in range(t.y.size):
        one = np.zeros(t.y.size)
        one[o] = -1.0
        grad = t.backward(one.reshape(t.y.shape))[name]
        assert grad is not None
        rows.append(-grad.reshape(-1))
    return np.array(rows)


def _one_of_several(t: Tables, name: str) -> bool:
    """Whether each entry of the gradient is the contribution of a single output position."""
    grad = t.grads[name]
    assert grad is not None
    parts = t.J[name] * t.dy.reshape(-1, 1)
    hit = close(parts, grad.reshape(1, -1)) & nonzero(t.J[name])
    return bool((hit.any(axis=0) | ~nonzero(t.J[name]).any(axis=0)).all())


def rows(t: Tables, name: str) -> Iterator[Finding]:
    """Whole rows of B are missing or extra: outputs masked otherwise than forward did."""
    if name not in t.B or not t.linear:
        return
    B, J = t.B[name], t.J[name]
    equal = np.all(close(B, J), axis=1)
    b_zero, j_zero = ~np.any(nonzero(B), axis=1), ~np.any(nonzero(J), axis=1)
    if not (equal | b_zero | j_zero).all() or equal.all():
        return
    extra = ~equal & j_zero
    clipped = t.y.reshape(-1)[extra]
    extra_is_mask = clipped.size > 0 and len(np.unique(clipped)) <= 2  # a floor, a ceiling
    some_right = (equal & ~j_zero).any() or b_zero[~j_zero].all()
    if extra_is_mask and some_right:
        if drops_at_random(t):
            text = "gradient comes back through outputs that dropout set to zero"
            yield Finding("dropout_mask", text, name, 88)
        else:
            text = (
                "gradient comes back through outputs that are clipped (their slope is zero): the "
                "mask is missing or taken from the wrong array"
            )
            yield Finding("relu_mask", text, name, 88)
        return
    if not extra.any():
        yield from _left_out(t, name, ~equal)


def _left_out(t: Tables, name: str, dropped: Array) -> Iterator[Finding]:
    """Outputs whose whole contribution is missing."""
    D = dropped.reshape(t.y.shape)
    kept = ~D
    slices = whole_slices(D)
    single = {
        axis: np.flatnonzero(kept.any(axis=tuple(a for a in range(D.ndim) if a != axis)))
        for axis in range(D.ndim)
    }
    lone = [a for a, where in single.items() if len(where) == 1 and D.shape[a] > 1]
    box = np.ones(D.shape, bool)
    for a in lone:
        box &= index_along(D.shape, a) == single[a][0]
    longer = [a for a in lone if D.shape[a] > 2]
    if lone and (box == kept).all() and (longer or 0 in lone or len(lone) > 1) and name != t.first:
        last = all(single[a][0] == D.shape[a] - 1 for a in lone)
        axes = ", ".join(f"{a}" for a in lone)
        which = "last" if last else "first" if all(single[a][0] == 0 for a in lone) else "same"
        text = f"only the {which} entry along output axes {axes} reaches the gradient of {name}"
        if last:
            yield Finding("overwritten", f"{text}: = where += belongs", name, 86)
            yield Finding("sum_missing", f"{text}: the sum over these axes is missing", name, 80)
        else:
            yield Finding("sum_missing", f"{text}: the sum over these axes is missing", name, 86)
        return
    if slices is not None and _at_edges(slices, D.shape):
        where = _spell(slices, D.shape)
        text = f"the contribution of the {where} of the output is missing in the gradient of {name}"
        yield Finding("edge_missing", text, name, 86)
        return
    if ((t.y == 0) & kept).any() or (t.y == 0).any():
        if drops_at_random(t):
            text = "the mask of backward is another one than forward's"
            yield Finding("dropout_mask", text, name, 84)
        elif (t.J[name][dropped] != 0).any() and not _regular(D):
            text = "outputs that forward lets through get no gradient: the wrong mask is used"
            yield Finding("relu_mask", text, name, 84)


def columns(t: Tables, name: str) -> Iterator[Finding]:
    """Whole columns of B are missing or extra: entries of the array that are masked otherwise."""
    if name not in t.B or not t.linear:
        return
    B, J = t.B[name], t.J[name]
    equal = np.all(close(B, J), axis=0)
    b_zero, j_zero = ~np.any(nonzero(B), axis=0), ~np.any(nonzero(J), axis=0)
    if not (equal | b_zero | j_zero).all() or equal.all() or b_zero.all():
        return
    shape = t.values[name].shape
    extra, dropped = (~equal & j_zero).reshape(shape), (~equal & ~j_zero).reshape(shape)
    slices = whole_slices(dropped) if dropped.any() and not extra.any() else None
    if slices is not None and _at_edges(slices, shape):
        axes = t.target.axes.get(name)
        text = f"the {_spell(slices, shape, axes)} of the gradient of {name} stays zero"
        yield Finding("edge_missing", text, name, 87)
        return
    if name != t.first:
        return
    dead = j_zero.reshape(shape)
    x = t.values[name]
    by_sign = (
        dead.any()
        and x[dead].size
        and (x[dead].max() < x[~dead].min() or x[dead].min() > x[~dead].max())
    )
    if dead.any() and (extra.any() or dropped.any()) and by_sign:
        text = (
            "gradient goes to inputs that are clipped, or not to those that pass: the mask is wrong"
        )
        yield Finding("relu_mask", text, name, 88)


def contributions(t: Tables, name: str) -> Iterator[Finding]:
    """B is J with single entries left out: only one of several windows arrives."""
    if name not in t.B or not t.linear:
        return
    B, J = t.B[name], t.J[name]
    there = nonzero(J)
    kept = close(B, J) & there
    if not (kept | ~nonzero(B)).all() or (kept == there).all() or not kept.any():
        return
    if B.shape[0] == B.shape[1] and t.y.shape == t.values[name].shape:
        diagonal = np.eye(B.shape[0], dtype=bool)
        if (kept == (there & diagonal)).all():
            return  # cross terms: see rows.py
    for channel in (None, *reversed(range(1, t.y.ndim))):
        arrive = _positions(kept, t.y.shape, channel)
        come = _positions(there, t.y.shape, channel)
        crowded = come > 1
        lone_ones_lost = bool(
            (arrive < come)[~crowded].any()
        )  # a zero of a pool may overwrite them
        if crowded.any() and (arrive <= 1).all() and (not lone_ones_lost or _one_hot(J)):
            text = (
                f"where several windows overlap, the gradient of {name} holds the contribution of "
                "one only: = where += belongs"
            )
            yield Finding("overwritten", text, name, 82)
            return
    share = 1 - float(kept.sum() / there.sum())
    text = f"{share:.0%} of the contributions to the gradient of {name} are left out"
    yield Finding("missing_term", text, name, 40)


def _positions(table: Array, shape: tuple[int, ...], channel: int | None) -> Array:
    """For each entry of the array, how many output positions contribute."""
    full = table.reshape(*shape, -1)
    if channel is not None:
        full = np.any(full, axis=channel, keepdims=True)
    return np.asarray(full.reshape(-1, table.shape[1]).sum(axis=0))


def _one_hot(J: Array) -> bool:
    return bool((nonzero(J).sum(axis=1) <= 1).all())


def whole_slices(D: Array) -> dict[int, list[int]] | None:
    """Axis -> indices such that D is exactly the union of these slices, or None."""
    found: dict[int, list[int]] = {}
    union = np.zeros(D.shape, bool)
    for axis in range(D.ndim):
        others = tuple(a for a in range(D.ndim) if a != axis)
        full = np.flatnonzero(D.all(axis=others))
        if len(full) and len(full) < D.shape[axis]:
            found[axis] = [int(i) for i in full]
            union |= np.isin(index_along(D.shape, axis), full)
    return found if found and (union == D).all() else None


def index_along(shape: tuple[int, ...], axis: int) -> Array:
    """The index along one axis at every place of an array of ``shape``."""
    return np.asarray(
        np.broadcast_to(
            np.arange(shape[axis]).reshape([-1 if a == axis else 1 for a in range(len(shape))]),
            shape,
        )
    )


def _at_edges(slices: dict[int, list[int]], shape: tuple[int, ...]) -> bool:
    """Whether the missing slices are runs at the beginning or the end, leaving something."""
    for axis, where in slices.items():
        n = shape[axis]
        head = next((k for k in range(n) if k not in where), n)
        tail = next((k for k in range(n) if n - 1 - k not in where), n)
        if head + tail != len(where):
            return False
    return True


def _spell(
    slices: dict[int, list[int]], shape: tuple[int, ...], axes: tuple[str, ...] | None = None
) -> str:
    words = []
    for axis, where in slices.items():
        label = axes[axis] if axes else f"axis {axis}"
        ends = []
        if 0 in where:
            ends.append("first")
        if shape[axis] - 1 in where:
            ends.append("last")
        words.append(f"{' and '.join(ends)} of {label}")
    return " and the ".join(words)


def _regular(D: Array) -> bool:
    """Whether the dropped outputs are a pattern of positions rather than of values."""
    return all(
        (np.take(D, [0], axis=axis) == D).all() for axis in (0, D.ndim - 1) if D.shape[axis] > 1
    )
