"""Softmax and normalisation: every output of a group depends on the whole group.

A row of the Jacobian is a combination of few vectors: of the group's softmax (or all ones, or the
centred input) and of a one at the output's own place. Which of them backward lacks is the cause.
"""

from collections.abc import Iterator

import numpy as np

from minicnn.gradcheck.causes.evidence import Tables, nonzero, same
from minicnn.gradcheck.report import Finding
from minicnn.gradcheck.targets import Array


def groups(t: Tables, name: str) -> Iterator[Finding]:
    """Compare what J and B are made of, group by group."""
    if name != t.first or name not in t.B or not t.linear or t.y.shape != t.values[name].shape:
        return
    J, B = t.J[name], t.B[name]
    off = ~np.eye(len(J), dtype=bool)
    j_off, b_off = nonzero(J) & off, nonzero(B) & off
    if not j_off.any():
        return
    members = (nonzero(J) | ~off)[0]
    if b_off.any() and _axes(b_off | ~off, t.y.shape) != _axes(j_off | ~off, t.y.shape):
        told, right = _axes(b_off | ~off, t.y.shape), _axes(j_off | ~off, t.y.shape)
        if told is not None and right is not None:
            text = (
                f"an output depends on inputs along axes {right}, backward sums along axes {told}"
            )
            yield Finding("wrong_axis", text, name, 85)
            return
    if members.sum() < 3:
        return
    kind = _softmax_kind(t)
    if kind:
        yield from _softmax(t, name, kind)
    else:
        yield from _normalisation(t, name)


def _axes(support: Array, shape: tuple[int, ...]) -> list[int] | None:
    """Along which axes the entries lie that an output depends on; None when it is not a box."""
    axes: set[int] = set()
    total = 1
    for o in (0, len(support) - 1):
        places = np.unravel_index(np.flatnonzero(support[o]), shape)
        spread = {a for a, p in enumerate(places) if len(np.unique(p)) > 1}
        axes |= spread
    for a in axes:
        total *= shape[a]
    dense = support.sum(axis=1)
    return sorted(axes) if (dense > 0.6 * total).all() and total > 1 else None


def _softmax_kind(t: Tables) -> str:
    """ "softmax" or "log_softmax" when the output is one along some axis."""
    for axis in range(t.y.ndim):
        if t.y.shape[axis] < 2:
            continue
        if t.y.min() > 0 and np.allclose(t.y.sum(axis=axis), 1):
            return "softmax"
        if t.y.max() < 0 and np.allclose(np.exp(t.y).sum(axis=axis), 1):
            return "log_softmax"
    return ""


def _softmax(t: Tables, name: str, kind: str) -> Iterator[Finding]:
    J, B = t.J[name], t.B[name]
    if same(B, np.diag(np.diag(B))):
        text = (
            f"backward treats every entry of the {kind} alone; an entry changes all outputs of its "
            "group through the sum (subtract the sum of dy y)"
        )
        yield Finding("softmax_cross_terms", text, name, 90)
        return
    own, cross = np.diag(np.diag(J)), J - np.diag(np.diag(J))
    if (
        same(B - np.diag(np.diag(B)), -cross)
        or same(B - np.diag(np.diag(B)), cross)
        or same(B, cross)
    ):
        text = f"the diagonal and the cross terms of the {kind}'s Jacobian do not go together"
        yield Finding("softmax_cross_terms", text, name, 84)
    elif same(np.diag(np.diag(B)), own):
        text = f"the cross terms of the {kind}'s Jacobian are wrong, its diagonal is right"
        yield Finding("softmax_cross_terms", text, name, 83)


def after_softmax(t: Tables, name: str) -> Iterator[Finding]:
    """The output is a softmax of something else that depends on the array.

    With z in front of the softmax and s behind, J_k = s_k (z'_k - m), where m is the group's mean
    of z' weighted by s. Forgotten cross terms give B_k = s_k (1 - s_k) z'_k, a forgotten sum gives
    B_k = s_k z'_k: what is left of B_k over its factor without J_k / s_k is the same for all k.
    """
    if name not in t.B or not t.linear or _softmax_kind(t) != "softmax" or t.y.shape[-1] < 3:
        return
    if not np.allclose(t.y.sum(axis=-1), 1):
        return
    s = t.y.reshape(-1, 1)
    B, J = t.B[name], t.J[name]
    for factor in (s * (1 - s), s):
        m = (B / factor - J / s).reshape(-1, t.y.shape[-1], B.shape[1])
        if nonzero(m).any() and same(m, np.broadcast_to(m[:, :1], m.shape)):
            text = "backward goes through the softmax as if each of its outputs stood alone"
            yield Finding("softmax_cross_terms", text, name, 84)
            return


def _normalisation(t: Tables, name: str) -> Iterator[Finding]:
    """Rows in the basis: own place, ones over the group, centred input over the group."""
    J, B = t.J[name], t.B[name]
    x = t.values[name].reshape(-1)
    told, right = [], []
    for o in range(len(J)):
        group = nonzero(J[o : o + 1])[0]
        group[o] = True
        if group.sum() < 4:
            return
        centred = x[group] - x[group].mean()
        basis = np.stack(
            [(np.flatnonzero(group) == o).astype(float), np.ones(centred.size), centred]
        )
        a, b = _fit(basis, J[o][group]), _fit(basis, B[o][group])
        if a is None or b is None or nonzero(np.where(group, 0, B[o])).any():
            return
        right.append(a)
        told.append(b)
        if abs(J[o].sum()) > 1e-4 * np.abs(J[o]).sum():
            return  # the output follows a shift of its group: no mean is taken off
    R, T = np.array(right), np.array(told)
    if not same(np.abs(R[:, 0]), np.abs(T[:, 0])) and not _parallel(R[:, 0], T[:, 0]):
        return
    mean = bool(np.abs(R[:, 1]).max() > 1e-6 * np.abs(R).max())
    variance = bool(nonzero(R[:, 2]).any())
    if not (mean or variance):
        return
    scale = float((T[:, 0] * R[:, 0]).sum() / (R[:, 0] * R[:, 0]).sum())
    lost_mean = mean and not same(T[:, 1], scale * R[:, 1], 1e-4)
    lost_variance = variance and not same(T[:, 2], scale * R[:, 2], 1e-4)
    if lost_variance:
        how = _how(T[:, 2], R[:, 2])
        text = f"the term by which the group's variance depends on each input {how}"
        yield Finding("batchnorm_variance", text, name, 84 if not lost_mean else 83.5)
    if lost_mean:
        how = _how(T[:, 1], R[:, 1])
        text = f"the term by which the group's mean depends on each input {how}"
        yield Finding("batchnorm_mean", text, name, 84)


def _how(told: Array, right: Array) -> str:
    c = float((told * right).sum() / ((right * right).sum() or 1.0))
    if not same(told, c * right, 1e-4):
        return "is wrong"
    return "is missing" if abs(c) < 1e-4 else f"is {c:.4g} times the right one"


def _parallel(a: Array, b: Array) -> bool:
    c = float((a * b).sum() / ((a * a).sum() or 1.0))
    return c != 0 and same(b, c * a)


def _fit(basis: Array, row: Array) -> Array | None:
    """Coefficients of ``row`` in ``basis``, or None when it does not lie in it."""
    coefficients = np.linalg.lstsq(basis.T, row, rcond=None)[0]
    size = float(np.abs(row).max(initial=0.0)) or 1.0
    return coefficients if np.abs(coefficients @ basis - row).max() < 1e-5 * size else None
