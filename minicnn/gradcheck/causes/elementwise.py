"""Activations and dropout, where output i depends on input i alone; and terms left out of a sum."""

from collections.abc import Iterator

import numpy as np

from minicnn.gradcheck.causes.evidence import STEP, Tables, nonzero, same
from minicnn.gradcheck.causes.masks import drops_at_random
from minicnn.gradcheck.numeric import typical_size
from minicnn.gradcheck.report import Finding
from minicnn.gradcheck.targets import Array


def _diagonal(t: Tables, table: Array) -> Array | None:
    """The diagonal of a square table that has nothing else, or None."""
    if t.y.shape != t.values[t.first].shape or t.y.size < 4:
        return None
    d = np.diag(table)
    rest = table - np.diag(d)
    return d if not nonzero(rest).any() or same(table, np.diag(d)) else None


def masked(t: Tables, name: str) -> Iterator[Finding]:
    """Piecewise linear in the input: ReLU and its like, dropout."""
    if name != t.first or name not in t.B or not t.linear:
        return
    j, b = _diagonal(t, t.J[name]), _diagonal(t, t.B[name])
    if j is None or b is None or same(b, j):
        return
    levels = np.unique(np.round(j, 6))
    if len(levels) > 3:
        return
    if drops_at_random(t):
        scale = levels[np.abs(levels) > 1e-9]
        same_places = (nonzero(b) == nonzero(j)).all()
        if not same_places:
            where = "everywhere" if nonzero(b).all() else "in other places than forward did"
            text = f"backward lets gradient through {where}: its mask is forgotten or another one"
            yield Finding("dropout_mask", text, name, 91)
        elif len(np.unique(np.round(b[nonzero(j)], 6))) == 1:
            told = b[nonzero(j)][0]
            text = f"the mask is right, its scale is {told:.4g} where forward has {scale[0]:.4g}"
            yield Finding("dropout_scale", text, name, 91)
        return
    if len(levels) == 1:
        return
    if same(np.abs(b), np.abs(j)):
        yield Finding(
            "sign", "the size of the gradient is right, its sign is not everywhere", name, 91
        )
        return
    if len(np.unique(np.round(b, 6))) <= 3 or _levels_of_mask(b, levels):
        share = float(np.mean(~np.isclose(b, j, atol=1e-6)))
        text = (
            f"the slope of forward takes the values {', '.join(f'{v:g}' for v in levels)}, and "
            f"backward picks the wrong one in {share:.0%} of the entries: its mask is missing or "
            "from the wrong array"
        )
        yield Finding("relu_mask", text, name, 90)


def _levels_of_mask(b: Array, levels: Array) -> bool:
    return bool(np.isin(np.round(b, 6), np.append(levels, 0.0)).all())


def slope_at(t: Tables, point: Array) -> Array | None:
    """Slope of an elementwise forward at another input."""
    h = STEP * typical_size(point)
    up = t.target.forward({**t.values, t.first: point + h})
    down = t.target.forward({**t.values, t.first: point - h})
    return np.asarray(((up - down) / (2 * h)).reshape(-1)) if np.isfinite(up - down).all() else None


def smooth(t: Tables, name: str) -> Iterator[Finding]:
    """An elementwise function with a curved slope: a wrong argument, factor or term."""
    if name != t.first or name not in t.B or not t.linear:
        return
    j, b = _diagonal(t, t.J[name]), _diagonal(t, t.B[name])
    if j is None or b is None or same(b, j) or len(np.unique(np.round(j, 6))) <= 3:
        return
    x, y = t.values[name].reshape(-1), t.y.reshape(-1)
    if not nonzero(b).any():
        return
    at_y = slope_at(t, t.y)
    if at_y is not None and same(b, at_y):
        text = "backward takes the slope at the output y where it belongs at the input x"
        yield Finding("wrong_array", text, name, 79)
        return
    if _formula_of_output_given_input(x, y, j, b):
        text = "the formula of the slope in terms of the output y was given the input x"
        yield Finding("wrong_array", text, name, 79)
        return
    x_safe = np.where(x == 0, 1, x)
    for label, term in {"y": y, "y / x": y / x_safe}.items():
        alone, left = _multiple(b, term), _multiple(j - b, term)
        if any(c is not None and abs(c - round(c)) < 1e-5 for c in (alone, left)):
            side = "is all there is" if alone is not None else "is missing"
            text = f"of the two terms of the product rule, {label} {side}"
            yield Finding("missing_term", text, name, 78)
            return
    if same(b, np.full_like(b, b[0])):
        text = f"the slope varies, backward uses {b[0]:.4g} everywhere: the derivative is missing"
        yield Finding("chain_rule", text, name, 60)
    factors = {
        "y": y, "1 - y": 1 - y, "1 + y": 1 + y, "x": x, "1 - y^2": 1 - y**2, "y^2": y**2,
        "1 / y": 1 / np.where(y == 0, 1, y),
    }  # fmt: skip
    for label, factor in factors.items():
        if same(b * factor, j):
            yield Finding(
                "chain_rule",
                f"the right gradient is backward's times {label}: a factor is missing",
                name,
                72,
            )
            return
    for label, term in _terms(t).items():
        c = _multiple(j - b, term)
        if c is not None:
            yield Finding(
                "missing_term", f"backward lacks the term {c:.4g} times {label}", name, 70
            )
            return


def _formula_of_output_given_input(x: Array, y: Array, j: Array, b: Array) -> bool:
    """Whether the slope is a simple polynomial of y, such as y (1 - y), and b is that of x."""
    for degree in (1, 2, 3):
        formula = np.polynomial.Polynomial.fit(y, j, degree)
        if y.size > 2 * degree + 2 and same(formula(y), j, 1e-6):
            return same(formula(x), b, 1e-4)
    return False


def _terms(t: Tables) -> dict[str, Array]:
    x, y = t.values[t.first].reshape(-1), t.y.reshape(-1)
    terms = {
        "1": np.ones(x.shape),
        "x": x,
        "x^2": x**2,
        "y": y,
        "y^2": y**2,
        "x y": x * y,
        "1 / x": 1 / np.where(x == 0, 1, x),
    }
    for name, value in t.values.items():
        if name != t.first and value.shape == t.values[t.first].shape:
            terms[name] = value.reshape(-1)
    return terms


def _multiple(values: Array, term: Array) -> float | None:
    """c where values = c times term, or None."""
    size = float((term * term).sum())
    if size == 0:
        return None
    c = float((values * term).sum()) / size
    return c if abs(c) > 1e-6 and same(values, c * term) else None


def missing_path(t: Tables, name: str) -> Iterator[Finding]:
    """One of several ways from the array to the output is left out: a residual, a target."""
    if name not in t.B or not t.linear:
        return
    B, J = t.B[name], t.J[name]
    E = J - B
    if not nonzero(E).any() or same(B, J):
        return
    if t.y.shape == t.values[name].shape and t.y.size >= 4 and _diagonal_free(t, J):
        x_safe = np.where(t.values[name] == 0, 1, t.values[name]).reshape(-1)
        for part, what in ((E, "is missing"), (B, "is all there is")):
            d = np.diag(part)
            if not nonzero(d).any() or not same(part, np.diag(d)):
                continue
            for label, term in {**_terms(t), "y / x": t.y.reshape(-1) / x_safe}.items():
                c = _multiple(d, term)
                if c is not None and (part is E or label in ("1", "y / x")):
                    path = (
                        "the identity path"
                        if label == "1"
                        else f"the direct path (dy times {label})"
                    )
                    yield Finding("missing_term", f"{path} {what}", name, 76)
                    return
    if t.y.size == 1:
        yield from _missing_in_loss(t, name, E.reshape(-1))


def _diagonal_free(t: Tables, J: Array) -> bool:
    """Whether outputs depend on other inputs as well."""
    return bool(nonzero(J - np.diag(np.diag(J))).any())


def _are_labels(value: Array, shape: tuple[int, ...]) -> bool:
    """Whether an array names one class for each sample of predictions (N, K)."""
    fits = value.dtype.kind in "iu" and len(shape) == 2 and value.shape == shape[:1]
    return fits and bool(value.min() >= 0 and value.max() < shape[1])


def _labels_only(t: Tables, shape: tuple[int, ...], e: Array) -> bool:
    """Whether the error sits exactly at the entries that integer labels name."""
    for value in t.target.constants.values():
        if _are_labels(value, shape):
            named = np.eye(shape[1])[value].reshape(-1) > 0
            return bool(nonzero(e)[named].mean() > 0.5 and not nonzero(e)[~named].any())
    return False


def _missing_in_loss(t: Tables, name: str, e: Array) -> Iterator[Finding]:
    """Of a scalar loss: the prediction's or the target's part of the gradient is left out."""
    shape = t.values[name].shape
    candidates: dict[str, Array] = {name: t.values[name].reshape(-1), "1": np.ones(e.shape)}
    for key, value in {**t.target.constants, **t.values}.items():
        if value.shape == shape and key != name:
            candidates[key] = value.reshape(-1).astype(float)
        elif _are_labels(value, shape):
            candidates[f"the one-hot {key}"] = np.eye(shape[1])[value].reshape(-1)
    if len(shape) == 2:
        z = np.exp(t.values[name] - t.values[name].max(axis=1, keepdims=True))
        candidates["the softmax"] = (z / z.sum(axis=1, keepdims=True)).reshape(-1)
    for label, term in candidates.items():
        c = _multiple(e, term)
        if c is not None:
            yield Finding("missing_term", f"the gradient lacks {c:.4g} times {label}", name, 77)
            return
    if _labels_only(t, shape, e):
        text = "the gradient is wrong at the label's own entry alone: its term is missing"
        yield Finding("missing_term", text, name, 60)
