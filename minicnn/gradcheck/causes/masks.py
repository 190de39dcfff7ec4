"""B is J with contributions left out or put in: masks, edges, overwriting."""

import math
from collections.abc import Sequence

import numpy as np

from minicnn.gradcheck.causes.evidence import Claims, Tables, close, comparing, nonzero, same
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


def not_linear(t: Tables, name: str) -> Claims:
    """Backward is not linear in dy: a mask or a decision is taken from dy."""
    grad, v = t.grads.get(name), t.dy.reshape(-1)
    if t.linear or name not in t.B or grad is None:
        return
    B, J = t.B[name], t.J[name]
    # a mask by the sign of dy answers otherwise to -1
    told = (grads[name] for grads in t.claims(-1.0))
    negative = np.array([g.reshape(-1) for g in told if g is not None])
    up, down = np.where(v > 0, v, 0), np.where(v < 0, v, 0)
    incoming, returned = "the incoming gradient dy", "the gradient it returns"
    tests = (
        (up @ B - down @ negative, incoming),
        (up @ B, incoming),
        (down @ B, incoming),
        (up @ J, incoming),
        (np.maximum(v @ B, 0), returned),
        (np.maximum(v @ J, 0), returned),
        (np.minimum(v @ J, 0), returned),
    )
    for predicted, array in tests:
        if same(predicted.reshape(grad.shape), grad):
            text = f"backward keeps or drops by the sign of {array}, not of what forward saw"
            yield "relu_mask", text, 90
            return
    if same(B, J) and _one_of_several(t, J, grad):
        text = f"where several windows meet in an entry of {name}, one replaces the others"
        yield "overwritten", text, 82
        return
    zero = t.backward(np.zeros_like(t.dy)).get(name)
    double = t.backward(2 * t.dy).get(name)
    if zero is None or double is None or not nonzero(zero).any():
        return
    if same(double, grad):
        text = f"the gradient of {name} does not change with dy: the chain rule multiplies by it"
        yield "cotangent_ignored", text, 89
    elif same(grad - zero, t.slopes(name)):
        text = f"a term that does not depend on dy is added to the gradient of {name}"
        yield "extra_term", text, 80


def _one_of_several(t: Tables, J: Array, grad: Array) -> bool:
    """Whether each entry of the gradient is the contribution of a single output position."""
    hit = close(J * t.dy.reshape(-1, 1), grad.reshape(1, -1)) & nonzero(J)
    return bool((hit.any(axis=0) | ~nonzero(J).any(axis=0)).all())


@comparing
def rows(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """Whole rows of B are missing or extra: outputs masked otherwise than forward did."""
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
            yield "dropout_mask", "gradient comes back through outputs that dropout set to zero", 88
        else:
            text = "gradient comes back through outputs that are clipped (their slope is zero)"
            yield "relu_mask", f"{text}: the mask is missing or taken from the wrong array", 88
    elif not extra.any():
        yield from _left_out(t, name, (~equal).reshape(t.y.shape))


def _left_out(t: Tables, name: str, dropped: Array) -> Claims:
    """Outputs whose whole contribution is missing."""
    kept, shape = ~dropped, dropped.shape
    places = [np.unique(p) for p in np.nonzero(kept)]
    lone = {a: p[0] for a, p in enumerate(places) if len(p) == 1 and shape[a] > 1}
    all_else = kept.sum() == math.prod(n for a, n in enumerate(shape) if a not in lone)
    enough = any(shape[a] > 2 for a in lone) or 0 in lone or len(lone) > 1
    if lone and all_else and enough and name != t.first:
        last = all(place == shape[a] - 1 for a, place in lone.items())
        which = "last" if last else "first" if not any(lone.values()) else "same"
        axes = ", ".join(map(str, lone))
        text = f"only the {which} entry along output axes {axes} reaches the gradient of {name}"
        if last:
            yield "overwritten", f"{text}: = where += belongs", 86
        yield "sum_missing", f"{text}: the sum over these axes is missing", 80 if last else 86
        return
    slices = whole_slices(dropped)
    if slices is not None and _at_edges(slices, shape):
        where = _spell(slices, shape)
        text = f"the contribution of the {where} of the output is missing in the gradient of {name}"
        yield "edge_missing", text, 86
    elif (t.y == 0).any():
        if drops_at_random(t):
            yield "dropout_mask", "the mask of backward is another one than forward's", 84
        elif (t.J[name][dropped.reshape(-1)] != 0).any() and not _regular(dropped):
            text = "outputs that forward lets through get no gradient: the wrong mask is used"
            yield "relu_mask", text, 84


@comparing
def columns(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """Whole columns of B are missing or extra: entries of the array that are masked otherwise."""
    equal = np.all(close(B, J), axis=0)
    b_zero, j_zero = ~np.any(nonzero(B), axis=0), ~np.any(nonzero(J), axis=0)
    if not (equal | b_zero | j_zero).all() or equal.all() or b_zero.all():
        return
    x = t.values[name]
    extra, dropped = (~equal & j_zero).reshape(x.shape), (~equal & ~j_zero).reshape(x.shape)
    slices = whole_slices(dropped) if dropped.any() and not extra.any() else None
    if slices is not None and _at_edges(slices, x.shape):
        where = _spell(slices, x.shape, t.target.axes.get(name, ()))
        yield "edge_missing", f"the {where} of the gradient of {name} stays zero", 87
        return
    dead = x[j_zero.reshape(x.shape)]
    alive = x[~j_zero.reshape(x.shape)]
    if name != t.first or not dead.size or not (extra.any() or dropped.any()):
        return
    if dead.max() < alive.min() or dead.min() > alive.max():
        text = "gradient goes to inputs that are clipped, or not to those that pass"
        yield "relu_mask", f"{text}: the mask is wrong", 88


@comparing
def contributions(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """B is J with single entries left out: only one of several windows arrives."""
    there = nonzero(J)
    kept = close(B, J) & there
    if not (kept | ~nonzero(B)).all() or (kept == there).all() or not kept.any():
        return
    if B.shape[0] == B.shape[1] and t.y.shape == t.values[name].shape:
        diagonal = np.eye(B.shape[0], dtype=bool)
        if (kept == (there & diagonal)).all():
            return  # cross terms: see activations.py
    for channel in (None, *reversed(range(1, t.y.ndim))):
        arrive = _positions(kept, t.y.shape, channel)
        come = _positions(there, t.y.shape, channel)
        crowded = come > 1
        one_hot = (there.sum(axis=1) <= 1).all()  # a zero of a pool may overwrite a lone one
        lone_ones_kept = not (arrive < come)[~crowded].any()
        if crowded.any() and (arrive <= 1).all() and (lone_ones_kept or one_hot):
            text = f"where several windows overlap, the gradient of {name} holds the contribution"
            yield "overwritten", f"{text} of one only: = where += belongs", 82
            return
    share = 1 - float(kept.sum() / there.sum())
    text = f"{share:.0%} of the contributions to the gradient of {name} are left out"
    yield "missing_term", text, 40


def _positions(table: Array, shape: tuple[int, ...], channel: int | None) -> Array:
    """For each entry of the array, how many output positions contribute."""
    full = table.reshape(*shape, -1)
    if channel is not None:
        full = np.any(full, axis=channel, keepdims=True)
    return np.asarray(full.reshape(-1, table.shape[1]).sum(axis=0))


def whole_slices(D: Array) -> dict[int, list[int]] | None:
    """Axis -> indices such that D is exactly the union of these slices, or None."""
    found: dict[int, list[int]] = {}
    union = np.zeros(D.shape, bool)
    for axis in range(D.ndim):
        others = tuple(a for a in range(D.ndim) if a != axis)
        full = np.flatnonzero(D.all(axis=others))
        if len(full) and len(full) < D.shape[axis]:
            found[axis] = [int(i) for i in full]
            union |= np.isin(np.indices(D.shape)[axis], full)
    return found if found and (union == D).all() else None


def _at_edges(slices: dict[int, list[int]], shape: tuple[int, ...]) -> bool:
    """Whether the missing slices are runs at the beginning or the end, leaving something."""
    kept = [[k for k in range(shape[a]) if k not in where] for a, where in slices.items()]
    return all(k[-1] - k[0] + 1 == len(k) for k in kept)


def _spell(slices: dict[int, list[int]], shape: Sequence[int], axes: Sequence[str] = ()) -> str:
    words = []
    for axis, where in slices.items():
        label = axes[axis] if axes else f"axis {axis}"
        ends = (("first", 0), ("last", shape[axis] - 1))
        words.append(f"{' and '.join(w for w, i in ends if i in where)} of {label}")
    return " and the ".join(words)


def _regular(D: Array) -> bool:
    """Whether the dropped outputs are a pattern of positions rather than of values."""
    return all(
        (np.take(D, [0], axis=axis) == D).all() for axis in (0, D.ndim - 1) if D.shape[axis] > 1
    )
