"""The right numbers in the wrong places: axes permuted, kernel flipped, shifted, stride ignored."""

import itertools
from collections.abc import Iterator

import numpy as np

from minicnn.gradcheck.causes.evidence import Tables, close, nonzero, same
from minicnn.gradcheck.report import Finding
from minicnn.gradcheck.targets import Array


def rearranged(t: Tables, name: str) -> Iterator[Finding]:
    """B is J with the entries of the array, or of the output, in another order."""
    if name not in t.B or not t.linear or _few_values(t, name):
        return
    B, J = t.B[name], t.J[name]
    rng = np.random.default_rng(29)
    for shape, what, told, right in (
        (t.values[name].shape, name, B, J),
        (t.y.shape, "dy", B.T, J.T),
    ):
        mix = rng.standard_normal(len(told))
        a, b = mix @ told, mix @ right  # a quick look before the whole tables
        for order, cause, text in _orders(shape, name != t.first and what == name):
            if (same(a[order], b) and same(told[:, order], right)) or (
                same(a, b[order]) and same(told, right[:, order])
            ):
                words = f"the gradient is right with the entries of {what} in another order: {text}"
                yield Finding(cause, words, name, 78)
                return


def _few_values(t: Tables, name: str) -> bool:
    """Whether places could match by chance: one output whose slopes take few values (a hinge)."""
    return t.y.size == 1 and len(np.unique(np.round(t.J[name], 9))) < 8


def _orders(shape: tuple[int, ...], is_weight: bool) -> Iterator[tuple[Array, str, str]]:
    """Ways to confuse the entries of an array: (flat order, cause, words)."""
    plain = np.arange(int(np.prod(shape))).reshape(shape)
    seen = {tuple(plain.reshape(-1))} if plain.size < 200 else set()
    axes = range(len(shape))
    long = [a for a in axes if shape[a] > 1]
    flips = [c for k in (2, 1, 3) for c in itertools.combinations(long, k)]
    if len(shape) >= 4:  # a kernel's two spatial axes first: channels last, then channels first
        flips.sort(key=lambda c: c not in ((0, 1), (2, 3), (1, 2)))
    for chosen in flips:
        order = np.flip(plain, chosen).reshape(-1)
        if is_weight and len(shape) >= 2:
            yield order, "kernel_flipped", f"axes {list(chosen)} run backwards"
        else:
            yield order, "axes_permuted", f"axes {list(chosen)} run backwards"
    if len(shape) <= 5:
        for p in itertools.permutations(axes):
            order = plain.transpose(p).reshape(-1)
            if (plain.size >= 200 and p == tuple(axes)) or tuple(order[:200]) in seen:
                continue
            if not np.array_equal(order, plain.reshape(-1)):
                yield order, "axes_permuted", f"axes permuted to {list(p)}"
    for axis in long:
        for by in (1, -1):
            if shape[axis] > 2:
                yield np.roll(plain, by, axis).reshape(-1), "shifted", f"axis {axis} rolled by {by}"


def shifted(t: Tables, name: str) -> Iterator[Finding]:
    """B[..., i] = J[..., i - 1] where both exist, along an axis of the array or of the output."""
    if name not in t.B or not t.linear or _few_values(t, name):
        return
    m = t.y.size
    for own in (True, False):
        shape = t.values[name].shape if own else t.y.shape
        B = t.B[name].reshape(m, *shape) if own else t.B[name].T.reshape(-1, *shape)
        J = t.J[name].reshape(m, *shape) if own else t.J[name].T.reshape(-1, *shape)
        few = np.random.default_rng(31).permutation(len(B))[:12]
        spatial = [a for a in range(len(shape)) if shape[a] > 2]
        steps = [(a,) for a in spatial] + list(itertools.combinations(spatial, 2))
        for chosen in steps:
            for amounts in itertools.product((1, -1, 2, -2), repeat=len(chosen)):
                if any(abs(k) >= shape[a] - 1 for k, a in zip(amounts, chosen, strict=True)):
                    continue
                if _moved(B[few], J[few], chosen, amounts) and _moved(B, J, chosen, amounts):
                    yield _shift_finding(t, name, own, chosen, amounts)
                    return


def _moved(B: Array, J: Array, axes: tuple[int, ...], amounts: tuple[int, ...]) -> bool:
    """Whether B is J moved along some axes, wherever both exist."""
    for k, a in zip(amounts, axes, strict=True):
        B, J = _overlap(B, J, a + 1, k)
    enough = nonzero(J).mean() > 0.02
    return bool(enough and nonzero(B).any() and (same(B, J) or _mostly(B, J)))


def _mostly(b: Array, j: Array) -> bool:
    """Whether b is j with some entries lost, at most half of them, as at an edge."""
    there = nonzero(b)
    return bool(close(b, j)[there].all() and there.sum() >= 0.5 * nonzero(j).sum() > 0)


def _overlap(b: Array, j: Array, axis: int, k: int) -> tuple[Array, Array]:
    """The parts of b and of j that meet when j is moved by k along ``axis``."""
    n = b.shape[axis]
    first, last = np.arange(max(k, 0), n + min(k, 0)), np.arange(max(-k, 0), n - max(k, 0))
    return np.take(b, first, axis), np.take(j, last, axis)


def _shift_finding(
    t: Tables, name: str, own: bool, axes: tuple[int, ...], amounts: tuple[int, ...]
) -> Finding:
    whose = name if own else "dy"
    where = " and ".join(f"{k:+d} along axis {a}" for k, a in zip(amounts, axes, strict=True))
    text = f"the gradient of {name} is the right one with {whose} moved by {where}"
    if has_padding(t):
        text += (
            "; forward pads the input, and the padding is taken off (or put on) on the other side"
        )
        return Finding("padding_side", text, name, 77)
    return Finding("shifted", text, name, 77)


def has_padding(t: Tables) -> bool:
    """Whether windows reach beyond the input: outputs at the border see fewer entries."""
    first = next((n for n in t.J if n == t.first), None)
    if first is None or t.y.ndim < 3:
        return False
    J = t.J[first]
    seen = nonzero(J).sum(axis=1)
    if seen.max() > 1:
        full = seen == seen.max()
        return bool(0.2 < full[seen > 0].mean() < 1)  # most windows lie inside
    reach = window_reach(t, J)
    return reach is not None and bool((reach[1] < 0).any())


def starts(table: Array, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """First index and extent of what each row touches, per axis: (rows, axes) each."""
    there = nonzero(table).reshape(len(table), *shape)
    first = np.zeros((len(table), len(shape)), int)
    extent = np.zeros_like(first)
    for axis in range(len(shape)):
        others = tuple(a + 1 for a in range(len(shape)) if a != axis)
        line = np.asarray(np.any(there, axis=others))
        first[:, axis] = line.argmax(axis=1)
        extent[:, axis] = np.where(
            line.any(axis=1), shape[axis] - line[:, ::-1].argmax(axis=1) - first[:, axis], 0
        )
    return first, extent


def window_reach(t: Tables, table: Array) -> tuple[Array, Array, Array] | None:
    """Per array axis that slides: (stride, smallest offset, spread) of places against outputs."""
    x = t.values[t.first]
    if x.ndim != t.y.ndim or x.ndim < 3:
        return None
    first, extent = starts(table, x.shape)
    used = extent[:, 0] > 0
    if not used.any():
        return None
    out = np.stack(np.unravel_index(np.arange(t.y.size), t.y.shape), axis=1)[used]
    strides, lows, spreads = [], [], []
    for axis in range(x.ndim):
        best: tuple[int, int, int] | None = None
        for s in (1, 2, 3, 4):
            offset = first[used][:, axis] - s * out[:, axis]
            spread = int(offset.max() - offset.min())
            if best is None or spread < best[2]:
                best = (s, int(offset.min()), spread)
        assert best is not None
        strides.append(best[0])
        lows.append(best[1])
        spreads.append(best[2])
    return np.array(strides), np.array(lows), np.array(spreads)


def displaced(t: Tables, name: str) -> Iterator[Finding]:
    """Each output's block of B is that of J, moved by an amount that depends on its place."""
    if (
        name != t.first
        or name not in t.B
        or not t.linear
        or t.y.ndim != t.values[name].ndim
        or t.y.ndim < 3
    ):
        return
    shape, m = t.values[name].shape, t.y.size
    B, J = t.B[name].reshape(m, *shape), t.J[name].reshape(m, *shape)
    sb, eb = starts(t.B[name], shape)
    sj, ej = starts(t.J[name], shape)
    full = (ej == ej.max(axis=0)).all(axis=1) & (eb == ej).all(axis=1)
    if full.sum() < 4:
        return
    same_content = [
        same(_block(B[o], sb[o], eb[o]), _block(J[o], sj[o], ej[o])) for o in np.flatnonzero(full)
    ]
    if not all(same_content):
        return
    delta = (sb - sj)[full]
    out = np.stack(np.unravel_index(np.flatnonzero(full), t.y.shape), axis=1)
    if not delta.any():
        return
    if (delta == delta[0]).all():
        axes = tuple(int(a) for a in np.flatnonzero(delta[0]))
        yield _shift_finding(t, name, True, axes, tuple(int(delta[0][a]) for a in axes))
        return
    design = np.hstack([out, np.ones((len(out), 1))])
    D = np.linalg.lstsq(design, delta.astype(float), rcond=None)[0]
    if np.abs(design @ D - delta).max() < 1e-6:
        slopes = np.round(D[:-1], 3)
        if np.count_nonzero(slopes - np.diag(np.diag(slopes))):
            yield Finding(
                "axes_permuted", f"the windows of {name} move along the wrong axes", name, 76
            )
        else:
            text = f"in {name} the windows lie as they would with another stride than forward's"
            yield Finding("stride_ignored", text, name, 76)


def _block(table: Array, start: Array, extent: Array) -> Array:
    return table[tuple(slice(s, s + e) for s, e in zip(start, extent, strict=True))]


def stride_of_weights(t: Tables, name: str) -> Iterator[Finding]:
    """dw made from windows at the output's index rather than at stride times the index."""
    if name == t.first or name not in t.B or not t.linear or t.y.ndim < 3:
        return
    n = t.values[name].size
    B, J = t.B[name].reshape(*t.y.shape, n), t.J[name].reshape(*t.y.shape, n)
    axes = [a for a in range(1, t.y.ndim) if t.y.shape[a] > 1]
    for k in (2, 1):
        for chosen in itertools.combinations(axes, k):
            for s in (2, 3):
                b, j = B, J
                for a in chosen:
                    where = np.arange(0, t.y.shape[a], s)
                    b = np.take(b, where, a)
                    j = np.take(j, np.arange(len(where)), a)
                moves = all(t.y.shape[a] > s for a in chosen)
                if moves and same(b, j) and not same(B, J) and nonzero(j).any():
                    text = (
                        f"the gradient of {name} is made from windows {s} times too close together"
                    )
                    yield Finding("stride_ignored", text, name, 75)
                    return


def pool_winner(t: Tables, name: str) -> Iterator[Finding]:
    """Each output is one entry of the input, and backward gives its gradient to another."""
    if name != t.first or name not in t.B or not t.linear:
        return
    B, J = t.B[name], t.J[name]
    picked = nonzero(J)
    if (
        not (picked.sum(axis=1) == 1).all()
        or not np.allclose(J[picked], 1)
        or t.y.size >= t.values[name].size
    ):
        return
    if t.y.shape == t.values[name].shape:
        return
    given = nonzero(B)
    if not given.any() or same(B, J):
        return
    if (given.sum(axis=1) <= 1).all() and np.allclose(B[given], 1, atol=1e-5):
        told, right = window_reach(t, B), window_reach(t, J)
        if told is not None and right is not None:
            for a in range(1, t.y.ndim):
                if (
                    t.y.shape[a] > 2
                    and right[0][a] > 1
                    and told[0][a] < right[0][a]
                    and told[2][a] <= right[2][a]
                ):
                    text = "the gradient goes to windows of another stride than forward's"
                    yield Finding("stride_ignored", text, name, 74)
                    return
        wrong = float(((given != picked).any(axis=1)).mean())
        text = f"for {wrong:.0%} of the outputs, an entry of the window that did not win gets it"
        yield Finding("pool_winner", text, name, 73)
    elif (given & picked).any(axis=1).all() or same(B.sum(axis=1), np.ones(len(B))):
        text = "the gradient goes to entries of the window that did not win"
        yield Finding("pool_winner", text, name, 73)
