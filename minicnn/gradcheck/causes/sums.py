"""Gradients of the wrong shape, and sums over the wrong axes."""

import itertools
from collections.abc import Iterator

import numpy as np

from minicnn.gradcheck.causes.evidence import Tables, nonzero, same
from minicnn.gradcheck.causes.scalars import ratio
from minicnn.gradcheck.report import Finding
from minicnn.gradcheck.targets import Array


def wrong_shape(t: Tables, name: str) -> Iterator[Finding]:
    """What a gradient of another shape has to do with the right one."""
    grad, shape = t.grads.get(name), t.values[name].shape
    if grad is None or grad.shape == shape:
        return
    right = t.slopes(name)
    says = f"the gradient of {name} has shape {grad.shape}, the array has {shape}"
    yield Finding("wrong_shape", says, name, 30)
    if grad.size == right.size:
        for p in itertools.permutations(range(right.ndim)):
            turned = right.transpose(p)
            if same(turned.reshape(-1), grad.reshape(-1)):
                if (
                    p == tuple(range(right.ndim))
                    or turned.reshape(-1).tolist() == right.reshape(-1).tolist()
                ):
                    yield Finding("wrong_shape", f"{says}; its numbers are right", name, 92)
                else:
                    yield Finding(
                        "axes_permuted",
                        f"{says}; it is the right one with axes {list(p)}",
                        name,
                        92,
                    )
                return
    axes = range(grad.ndim)
    for k in range(1, grad.ndim + 1):
        for chosen in itertools.combinations(axes, k):
            total = grad.sum(axis=chosen)
            if total.size == right.size and same(total.reshape(-1), right.reshape(-1)):
                text = (
                    f"{says}; summed over its axes {list(chosen)} it is right: this sum is missing"
                )
                yield Finding("sum_missing", text, name, 91)
                return
            mean = grad.mean(axis=chosen)
            if total.size == right.size and same(mean.reshape(-1), right.reshape(-1)):
                yield Finding(
                    "wrong_shape", f"{says}; its numbers repeat along axes {list(chosen)}", name, 60
                )
    for k in range(1, right.ndim + 1):
        for chosen in itertools.combinations(range(right.ndim), k):
            if same(right.sum(axis=chosen).reshape(-1), grad.reshape(-1)):
                text = f"{says}; it is the right one summed over axes {list(chosen)} as well"
                yield Finding("wrong_axis", text, name, 90)
                return
    yield from grouped(t, name)
    yield from _cropped(grad, right, says, name)


def _cropped(grad: Array, right: Array, says: str, name: str) -> Iterator[Finding]:
    """A gradient of the padded input, of which a part is the right one."""
    if grad.ndim != right.ndim or any(g < r for g, r in zip(grad.shape, right.shape, strict=True)):
        return
    room = [range(g - r + 1) for g, r in zip(grad.shape, right.shape, strict=True)]
    for start in itertools.islice(itertools.product(*room), 400):
        part = grad[tuple(slice(s, s + n) for s, n in zip(start, right.shape, strict=True))]
        if same(part, right):
            text = f"{says}; from {list(start)} on it is right: the padding was not cut off"
            yield Finding("wrong_shape", text, name, 90)
            return


def grouped(t: Tables, name: str) -> Iterator[Finding]:
    """A bias or a scale: each output uses one entry, and the gradient sums over the other axes."""
    grad, J = t.grads.get(name), t.J[name]
    if grad is None or name == t.first or not (nonzero(J).sum(axis=1) <= 1).all():
        return
    terms = (t.dy.reshape(-1) * J.sum(axis=1)).reshape(t.y.shape)
    flat = np.asarray(grad, float).reshape(-1)
    right = _summed_axes(t, name)
    for k in range(t.y.ndim + 1):
        for chosen in itertools.combinations(range(t.y.ndim), k):
            total = terms.sum(axis=chosen)
            if total.size != flat.size or tuple(chosen) == right:
                continue
            for divided, words in ((total, "sums"), (terms.mean(axis=chosen), "averages")):
                if chosen == () and words == "averages":
                    continue
                if same(divided.reshape(-1), flat):
                    text = (
                        f"the gradient of {name} {words} dy's terms over axes {list(chosen)}, "
                        f"it should sum over {list(right) if right else 'others'}"
                    )
                    fewer = right is not None and set(chosen) < set(right)
                    yield Finding("sum_missing" if fewer else "wrong_axis", text, name, 89)
                    return
            for axis in chosen:  # one entry taken where a sum belongs
                rest = tuple(a for a in chosen if a != axis)
                for index, words in ((0, "first"), (-1, "last")):
                    picked = np.take(terms, [index], axis).sum(axis=(*rest, axis))
                    if same(picked.reshape(-1), flat):
                        text = f"dy enters {name} by its {words} entry along axis {axis} alone"
                        yield Finding("sum_missing", text, name, 85)
                        return


def _summed_axes(t: Tables, name: str) -> tuple[int, ...] | None:
    """The output axes over which the right gradient sums, from which outputs share an entry."""
    J = t.J[name]
    used = np.where(nonzero(J).any(axis=1), nonzero(J).argmax(axis=1), -1).reshape(t.y.shape)
    axes = []
    for a in range(t.y.ndim):
        first = np.take(used, [0], axis=a)
        if ((used == first) | (used == -1) | (first == -1)).all():
            axes.append(a)
    return tuple(axes)


def same_shape(t: Tables, name: str) -> Iterator[Finding]:
    """Sums over wrong axes that happen to have the right shape."""
    if t.linear and name in t.B and ratio(t.B[name], t.J[name]) is None:
        yield from grouped(t, name)
