"""The right numbers in the wrong places: axes permuted, kernel flipped, shifted, stride ignored."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from minicnn.gradcheck.causes.evidence import Claims, Tables, close, comparing, nonzero, same
from minicnn.gradcheck.targets import Array


@comparing
def rearranged(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """B is J with the entries of the array, or of the output, in another order."""
    if _few_values(t, J):
        return
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
                yield cause, words, 78
                return


def _few_values(t: Tables, J: Array) -> bool:
    """Whether places could match by chance: one output whose slopes take few values (a hinge)."""
    return t.y.size == 1 and len(np.unique(np.round(J, 9))) < 8


def _orders(shape: tuple[int, ...], is_weight: bool) -> Iterator[tuple[Array, str, str]]:
    """Ways to confuse the entries of an array: (flat order, cause, words)."""
    plain = np.arange(int(np.prod(shape))).reshape(shape)
    seen = {tuple(plain.reshape(-1))} if plain.size < 200 else set()
    axes = range(len(shape))
    long = [a for a in axes if shape[a] > 1]
    flips = [c for k in (2, 1, 3) for c in itertools.combinations(long, k)]
    if len(shape) >= 4:  # a kernel's two spatial axes first: channels last, then channels first
        flips.sort(key=lambda c: c not in ((0, 1), (2, 3), (1, 2)))
    flipped = "kernel_flipped" if is_weight and len(shape) >= 2 else "axes_permuted"
    for chosen in flips:
        yield np.flip(plain, chosen).reshape(-1), flipped, f"axes {list(chosen)} run backwards"
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


@comparing
def shifted(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """B[..., i] = J[..., i - 1] where both exist, along an axis of the array or of the output."""
    if _few_values(t, J):
        return
    for whose, shape, b, j in ((name, t.values[name].shape, B, J), ("dy", t.y.shape, B.T, J.T)):
        b, j = b.reshape(-1, *shape), j.reshape(-1, *shape)
        few = np.random.default_rng(31).permutation(len(b))[:12]
        spatial = [a for a in range(len(shape)) if shape[a] > 2]
        for chosen in [(a,) for a in spatial] + list(itertools.combinations(spatial, 2)):
            for amounts in itertools.product((1, -1, 2, -2), repeat=len(chosen)):
                if any(abs(k) >= shape[a] - 1 for k, a in zip(amounts, chosen, strict=True)):
                    continue
                if _moved(b[few], j[few], chosen, amounts) and _moved(b, j, chosen, amounts):
                    yield _shift(t, name, whose, chosen, amounts)
                    return


def _moved(B: Array, J: Array, axes: tuple[int, ...], amounts: tuple[int, ...]) -> bool:
    """Whether B is J moved along some axes, wherever both exist."""
    for k, a in zip(amounts, axes, strict=True):
        n = B.shape[a + 1]
        B = np.take(B, np.arange(max(k, 0), n + min(k, 0)), a + 1)
        J = np.take(J, np.arange(max(-k, 0), n - max(k, 0)), a + 1)
    there, wanted = nonzero(B), nonzero(J)
    if not there.any() or wanted.mean() <= 0.02:
        return False
    # some entries may be lost, at most half of them, as at an edge
    mostly = close(B, J)[there].all() and there.sum() >= 0.5 * wanted.sum()
    return same(B, J) or bool(mostly)


def _shift(
    t: Tables, name: str, whose: str, axes: Sequence[int], amounts: Sequence[int]
) -> tuple[str, str, float]:
    where = " and ".join(f"{k:+d} along axis {a}" for k, a in zip(amounts, axes, strict=True))
    text = f"the gradient of {name} is the right one with {whose} moved by {where}"
    if has_padding(t):
        text += "; forward pads the input, and the padding is taken off (or put on)"
        return "padding_side", f"{text} on the other side", 77
    return "shifted", text, 77


def has_padding(t: Tables) -> bool:
    """Whether windows reach beyond the input: outputs at the border see fewer entries."""
    if t.y.ndim < 3:
        return False
    J = t.J[t.first]
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
    found = []
    for axis in range(x.ndim):
        offsets = ((s, first[used][:, axis] - s * out[:, axis]) for s in (1, 2, 3, 4))
        reach = [(s, int(o.min()), int(o.max() - o.min())) for s, o in offsets]
        found.append(min(reach, key=lambda r: r[2]))
    strides, lows, spreads = np.array(found).T
    return strides, lows, spreads


@comparing
def displaced(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """Each output's block of B is that of J, moved by an amount that depends on its place."""
    shape = t.values[name].shape
    if name != t.first or t.y.ndim != len(shape) or t.y.ndim < 3:
        return
    sb, eb = starts(B, shape)
    sj, ej = starts(J, shape)
    full = (ej == ej.max(axis=0)).all(axis=1) & (eb == ej).all(axis=1)
    if full.sum() < 4:
        return
    for o in np.flatnonzero(full):
        if not same(_block(B[o], shape, sb[o], eb[o]), _block(J[o], shape, sj[o], ej[o])):
            return
    delta = (sb - sj)[full]
    if not delta.any():
        return
    if (delta == delta[0]).all():
        axes = [int(a) for a in np.flatnonzero(delta[0])]
        yield _shift(t, name, name, axes, [int(delta[0][a]) for a in axes])
        return
    out = np.stack(np.unravel_index(np.flatnonzero(full), t.y.shape), axis=1)
    design = np.hstack([out, np.ones((len(out), 1))])
    D = np.linalg.lstsq(design, delta.astype(float), rcond=None)[0]
    if np.abs(design @ D - delta).max() < 1e-6:
        slopes = np.round(D[:-1], 3)
        if np.count_nonzero(slopes - np.diag(np.diag(slopes))):
            yield "axes_permuted", f"the windows of {name} move along the wrong axes", 76
        else:
            text = f"in {name} the windows lie as they would with another stride than forward's"
            yield "stride_ignored", text, 76


def _block(row: Array, shape: tuple[int, ...], start: Array, extent: Array) -> Array:
    """The entries of an array of ``shape`` that one output touches."""
    return row.reshape(shape)[tuple(slice(s, s + e) for s, e in zip(start, extent, strict=True))]


@comparing
def stride_of_weights(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """dw made from windows at the output's index rather than at stride times the index."""
    if name == t.first or t.y.ndim < 3 or same(B, J):
        return
    B, J = B.reshape(*t.y.shape, -1), J.reshape(*t.y.shape, -1)
    axes = [a for a in range(1, t.y.ndim) if t.y.shape[a] > 1]
    for chosen in (c for k in (2, 1) for c in itertools.combinations(axes, k)):
        for s in (2, 3):
            if not all(t.y.shape[a] > s for a in chosen):
                continue
            b, j = B, J
            for a in chosen:
                where = np.arange(0, t.y.shape[a], s)
                b, j = np.take(b, where, a), np.take(j, np.arange(len(where)), a)
            if same(b, j) and nonzero(j).any():
                text = f"the gradient of {name} is made from windows {s} times too close together"
                yield "stride_ignored", text, 75
                return


@comparing
def pool_winner(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """Each output is one entry of the input, and backward gives its gradient to another."""
    picked, given = nonzero(J), nonzero(B)
    picks = (picked.sum(axis=1) == 1).all() and np.allclose(J[picked], 1)
    if name != t.first or not picks or t.y.size >= t.values[name].size:
        return
    if not given.any() or same(B, J):
        return
    if (given.sum(axis=1) <= 1).all() and np.allclose(B[given], 1, atol=1e-5):
        told, right = window_reach(t, B), window_reach(t, J)
        if told is not None and right is not None:
            for a in range(1, t.y.ndim):
                smaller = right[0][a] > 1 and told[0][a] < right[0][a]
                if t.y.shape[a] > 2 and smaller and told[2][a] <= right[2][a]:
                    text = "the gradient goes to windows of another stride than forward's"
                    yield "stride_ignored", text, 74
                    return
        wrong = float(((given != picked).any(axis=1)).mean())
        text = f"for {wrong:.0%} of the outputs, an entry of the window that did not win gets it"
        yield "pool_winner", text, 73
    elif (given & picked).any(axis=1).all() or same(B.sum(axis=1), np.ones(len(B))):
        yield "pool_winner", "the gradient goes to entries of the window that did not win", 73
