"""Activations, dropout, softmax and normalisation; and terms left out of a sum.

Where output i depends on input i alone, B and J are their diagonals. Where every output of a group
depends on the whole group, a row of J is a combination of few vectors: of the group's softmax (or
all ones, or the centred input) and of a one at the output's own place. What backward lacks of it
is the cause.
"""

import numpy as np

from minicnn.gradcheck.causes.evidence import (
    Claims,
    Tables,
    comparing,
    difference,
    nonzero,
    ratio,
    same,
)
from minicnn.gradcheck.causes.masks import drops_at_random
from minicnn.gradcheck.targets import Array

SMALL = 1e-6  # smallest multiple of a term that counts


def _alone(table: Array) -> Array:
    """A table with the entries of the diagonal only."""
    return np.diag(np.diag(table))


def _diagonals(t: Tables, name: str, B: Array, J: Array) -> tuple[Array, Array] | None:
    """Those of B and J, where they have nothing else and differ, or None."""
    if name != t.first or t.y.shape != t.values[name].shape or t.y.size < 4:
        return None
    if not all(not nonzero(a - _alone(a)).any() or same(a, _alone(a)) for a in (B, J)):
        return None
    b, j = np.diag(B), np.diag(J)
    return None if same(b, j) else (b, j)


@comparing
def masked(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """Piecewise linear in the input: ReLU and its like, dropout."""
    diagonals = _diagonals(t, name, B, J)
    if diagonals is None:
        return
    b, j = diagonals
    levels = np.unique(np.round(j, 6))
    if len(levels) > 3:
        return
    if drops_at_random(t):
        scale = levels[np.abs(levels) > 1e-9]
        told = b[nonzero(j)]
        if not (nonzero(b) == nonzero(j)).all():
            where = "everywhere" if nonzero(b).all() else "in other places than forward did"
            text = f"backward lets gradient through {where}: its mask is forgotten or another one"
            yield "dropout_mask", text, 91
        elif len(np.unique(np.round(told, 6))) == 1:
            text = f"the mask is right, its scale is {told[0]:.4g} where forward has {scale[0]:.4g}"
            yield "dropout_scale", text, 91
        return
    if len(levels) == 1:
        return
    if same(np.abs(b), np.abs(j)):
        yield "sign", "the size of the gradient is right, its sign is not everywhere", 91
    elif len(np.unique(np.round(b, 6))) <= 3 or np.isin(np.round(b, 6), [*levels, 0.0]).all():
        share = float(np.mean(~np.isclose(b, j, atol=1e-6)))
        values = ", ".join(f"{v:g}" for v in levels)
        text = f"the slope of forward takes the values {values}, and backward picks the wrong one"
        text += f" in {share:.0%} of the entries: its mask is missing or from the wrong array"
        yield "relu_mask", text, 90


@comparing
def smooth(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """An elementwise function with a curved slope: a wrong argument, factor or term."""
    diagonals = _diagonals(t, name, B, J)
    if diagonals is None:
        return
    b, j = diagonals
    if len(np.unique(np.round(j, 6))) <= 3 or not nonzero(b).any():
        return
    x, y = t.values[name].reshape(-1), t.y.reshape(-1)
    if same(b, difference(t.target, {**t.values, name: t.y}, name).reshape(-1)):
        text = "backward takes the slope at the output y where it belongs at the input x"
        yield "wrong_array", text, 79
        return
    if _formula_of_output_given_input(x, y, j, b):
        text = "the formula of the slope in terms of the output y was given the input x"
        yield "wrong_array", text, 79
        return
    for label, term in {"y": y, "y / x": y / _safe(x)}.items():
        alone, left = ratio(b, term, SMALL), ratio(j - b, term, SMALL)
        if any(c is not None and abs(c - round(c)) < 1e-5 for c in (alone, left)):
            side = "is all there is" if alone is not None else "is missing"
            yield "missing_term", f"of the two terms of the product rule, {label} {side}", 78
            return
    if same(b, np.full_like(b, b[0])):
        text = f"the slope varies, backward uses {b[0]:.4g} everywhere: the derivative is missing"
        yield "chain_rule", text, 60
    factors = {
        "y": y, "1 - y": 1 - y, "1 + y": 1 + y, "x": x, "1 - y^2": 1 - y**2, "y^2": y**2,
        "1 / y": 1 / _safe(y),
    }  # fmt: skip
    for label, factor in factors.items():
        if same(b * factor, j):
            text = f"the right gradient is backward's times {label}: a factor is missing"
            yield "chain_rule", text, 72
            return
    for label, term in _terms(t).items():
        c = ratio(j - b, term, SMALL)
        if c is not None:
            yield "missing_term", f"backward lacks the term {c:.4g} times {label}", 70
            return


def _formula_of_output_given_input(x: Array, y: Array, j: Array, b: Array) -> bool:
    """Whether the slope is a simple polynomial of y, such as y (1 - y), and b is that of x."""
    for degree in (1, 2, 3):
        formula = np.polynomial.Polynomial.fit(y, j, degree)
        if y.size > 2 * degree + 2 and same(formula(y), j, 1e-6):
            return same(formula(x), b, 1e-4)
    return False


def _safe(a: Array) -> Array:
    """What can be divided by."""
    return np.where(a == 0, 1, a)


def _terms(t: Tables) -> dict[str, Array]:
    x, y = t.values[t.first].reshape(-1), t.y.reshape(-1)
    terms = {
        "1": np.ones(x.shape), "x": x, "x^2": x**2, "y": y, "y^2": y**2, "x y": x * y,
        "1 / x": 1 / _safe(x),
    }  # fmt: skip
    for name, value in t.values.items():
        if name != t.first and value.shape == t.values[t.first].shape:
            terms[name] = value.reshape(-1)
    return terms


@comparing
def missing_path(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """One of several ways from the array to the output is left out: a residual, a target."""
    E = J - B
    if not nonzero(E).any() or same(B, J):
        return
    square = t.y.shape == t.values[name].shape and t.y.size >= 4
    if square and nonzero(J - _alone(J)).any():  # outputs depend on other inputs as well
        for part, what in ((E, "is missing"), (B, "is all there is")):
            d = np.diag(part)
            if not nonzero(d).any() or not same(part, _alone(part)):
                continue
            y_by_x = (t.y / _safe(t.values[name])).reshape(-1)
            for label, term in {**_terms(t), "y / x": y_by_x}.items():
                if (part is E or label in ("1", "y / x")) and ratio(d, term, SMALL) is not None:
                    direct = f"the direct path (dy times {label})"
                    path = "the identity path" if label == "1" else direct
                    yield "missing_term", f"{path} {what}", 76
                    return
    if t.y.size == 1:
        yield from _missing_in_loss(t, name, E.reshape(-1))


def _missing_in_loss(t: Tables, name: str, e: Array) -> Claims:
    """Of a scalar loss: the prediction's or the target's part of the gradient is left out."""
    shape = t.values[name].shape
    candidates = {name: t.values[name].reshape(-1), "1": np.ones(e.shape)}
    labelled: list[Array] = []  # where labels name an entry
    for key, value in {**t.target.constants, **t.values}.items():
        if value.shape == shape and key != name:
            candidates[key] = value.reshape(-1).astype(float)
        elif _are_labels(value, shape):
            candidates[f"the one-hot {key}"] = np.eye(shape[1])[value].reshape(-1)
            labelled.append(candidates[f"the one-hot {key}"] > 0)
    if len(shape) == 2:
        z = np.exp(t.values[name] - t.values[name].max(axis=1, keepdims=True))
        candidates["the softmax"] = (z / z.sum(axis=1, keepdims=True)).reshape(-1)
    for label, term in candidates.items():
        c = ratio(e, term, SMALL)
        if c is not None:
            yield "missing_term", f"the gradient lacks {c:.4g} times {label}", 77
            return
    here = nonzero(e)
    if labelled and here[labelled[0]].mean() > 0.5 and not here[~labelled[0]].any():
        text = "the gradient is wrong at the label's own entry alone: its term is missing"
        yield "missing_term", text, 60


def _are_labels(value: Array, shape: tuple[int, ...]) -> bool:
    """Whether an array names one class for each sample of predictions (N, K)."""
    fits = value.dtype.kind in "iu" and len(shape) == 2 and value.shape == shape[:1]
    return fits and bool(value.min() >= 0 and value.max() < shape[1])


# -- groups --------------------------------------------------------------------------------------


@comparing
def groups(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """Compare what J and B are made of, group by group."""
    if name != t.first or t.y.shape != t.values[name].shape:
        return
    own = np.eye(len(J), dtype=bool)
    j_members, b_members = nonzero(J) | own, nonzero(B) | own
    if not (j_members & ~own).any():
        return
    told, right = _axes(b_members, t.y.shape), _axes(j_members, t.y.shape)
    if (b_members & ~own).any() and told != right and told is not None and right is not None:
        text = f"an output depends on inputs along axes {right}, backward sums along axes {told}"
        yield "wrong_axis", text, 85
        return
    if j_members[0].sum() < 3:
        return
    kind = _softmax_kind(t.y)
    yield from _softmax(B, J, kind) if kind else _normalisation(t.values[name].reshape(-1), B, J)


def _axes(support: Array, shape: tuple[int, ...]) -> list[int] | None:
    """Along which axes the entries lie that an output depends on; None when it is not a box."""
    axes: set[int] = set()
    for o in (0, len(support) - 1):
        places = np.unravel_index(np.flatnonzero(support[o]), shape)
        axes |= {a for a, p in enumerate(places) if len(np.unique(p)) > 1}
    total = int(np.prod([shape[a] for a in axes]))
    dense = support.sum(axis=1)
    return sorted(axes) if (dense > 0.6 * total).all() and total > 1 else None


def _softmax_kind(y: Array) -> str:
    """ "softmax" or "log_softmax" when the output is one along some axis."""
    for axis in range(y.ndim):
        if y.shape[axis] < 2:
            continue
        if y.min() > 0 and np.allclose(y.sum(axis=axis), 1):
            return "softmax"
        if y.max() < 0 and np.allclose(np.exp(y).sum(axis=axis), 1):
            return "log_softmax"
    return ""


def _softmax(B: Array, J: Array, kind: str) -> Claims:
    if same(B, _alone(B)):
        text = f"backward treats every entry of the {kind} alone; an entry changes all outputs"
        text += " of its group through the sum (subtract the sum of dy y)"
        yield "softmax_cross_terms", text, 90
        return
    told, cross = B - _alone(B), J - _alone(J)
    if same(told, -cross) or same(told, cross) or same(B, cross):
        text = f"the diagonal and the cross terms of the {kind}'s Jacobian do not go together"
        yield "softmax_cross_terms", text, 84
    elif same(_alone(B), _alone(J)):
        text = f"the cross terms of the {kind}'s Jacobian are wrong, its diagonal is right"
        yield "softmax_cross_terms", text, 83


@comparing
def after_softmax(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """The output is a softmax of something else that depends on the array.

    With z in front of the softmax and s behind, J_k = s_k (z'_k - m), where m is the group's mean
    of z' weighted by s. Forgotten cross terms give B_k = s_k (1 - s_k) z'_k, a forgotten sum gives
    B_k = s_k z'_k: what is left of B_k over its factor without J_k / s_k is the same for all k.
    """
    if _softmax_kind(t.y) != "softmax" or t.y.shape[-1] < 3 or not np.allclose(t.y.sum(axis=-1), 1):
        return
    s = t.y.reshape(-1, 1)
    for factor in (s * (1 - s), s):
        m = (B / factor - J / s).reshape(-1, t.y.shape[-1], B.shape[1])
        if nonzero(m).any() and same(m, np.broadcast_to(m[:, :1], m.shape)):
            text = "backward goes through the softmax as if each of its outputs stood alone"
            yield "softmax_cross_terms", text, 84
            return


def _normalisation(x: Array, B: Array, J: Array) -> Claims:
    """Rows in the basis: own place, ones over the group, centred input over the group."""
    told, right = [], []
    for o in range(len(J)):
        group = nonzero(J[o : o + 1])[0]
        group[o] = True
        if group.sum() < 4:
            return
        centred = x[group] - x[group].mean()
        own = (np.flatnonzero(group) == o).astype(float)
        basis = np.stack([own, np.ones(centred.size), centred])
        a, b = _fit(basis, J[o][group]), _fit(basis, B[o][group])
        if a is None or b is None or nonzero(np.where(group, 0, B[o])).any():
            return
        right.append(a)
        told.append(b)
        if abs(J[o].sum()) > 1e-4 * np.abs(J[o]).sum():
            return  # the output follows a shift of its group: no mean is taken off
    R, T = np.array(right), np.array(told)
    if not same(np.abs(R[:, 0]), np.abs(T[:, 0])) and ratio(T[:, 0], R[:, 0]) is None:
        return
    mean = bool(np.abs(R[:, 1]).max() > 1e-6 * np.abs(R).max())
    variance = bool(nonzero(R[:, 2]).any())
    if not (mean or variance):
        return
    scale = float((T[:, 0] * R[:, 0]).sum() / (R[:, 0] * R[:, 0]).sum())
    lost_mean = mean and not same(T[:, 1], scale * R[:, 1], 1e-4)
    lost_variance = variance and not same(T[:, 2], scale * R[:, 2], 1e-4)
    words = "the term by which the group's {} depends on each input {}"
    if lost_variance:
        text = words.format("variance", _how(T[:, 2], R[:, 2]))
        yield "batchnorm_variance", text, 83.5 if lost_mean else 84
    if lost_mean:
        yield "batchnorm_mean", words.format("mean", _how(T[:, 1], R[:, 1])), 84


def _how(told: Array, right: Array) -> str:
    c = float((told * right).sum() / ((right * right).sum() or 1.0))
    if not same(told, c * right, 1e-4):
        return "is wrong"
    return "is missing" if abs(c) < 1e-4 else f"is {c:.4g} times the right one"


def _fit(basis: Array, row: Array) -> Array | None:
    """Coefficients of ``row`` in ``basis``, or None when it does not lie in it."""
    coefficients = np.linalg.lstsq(basis.T, row, rcond=None)[0]
    size = float(np.abs(row).max(initial=0.0)) or 1.0
    return coefficients if np.abs(coefficients @ basis - row).max() < 1e-5 * size else None
