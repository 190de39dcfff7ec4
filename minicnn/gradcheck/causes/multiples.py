"""B is a multiple of J, or sums over other axes: sign, constant factors, nothing, wrong shapes."""

import contextlib
import itertools
import math
import operator
from collections.abc import Iterable, Iterator

import numpy as np

from minicnn.gradcheck.causes.evidence import Claims, Tables, comparing, nonzero, ratio, same
from minicnn.gradcheck.causes.masks import drops_at_random
from minicnn.gradcheck.numeric import direction_slope
from minicnn.gradcheck.targets import Array, Shrink, Target
from minicnn.gradcheck.user_code import GradientCheckError

BIASES = ("b", "bias", "beta", "offset", "shift")


def untouched(t: Tables, name: str) -> Claims:
    """No gradient, or zeros."""
    grad = t.grads.get(name)
    if grad is not None and not (name in t.B and not nonzero(t.B[name]).any() and t.linear):
        return
    if not nonzero(t.J[name]).any():
        return
    what = "gives no gradient" if grad is None else "leaves the gradient at zero"
    if is_bias(t, name):
        yield "bias_forgotten", f"backward {what} for the bias {name}", 100
    else:
        yield "untouched", f"backward {what} for {name}, on which the output depends", 100


def is_bias(t: Tables, name: str) -> bool:
    """Whether array ``name`` is added to the output: by its name, or by a Jacobian of ones."""
    if name == t.first:
        return False
    J, word = t.J[name], name.rsplit("/", 1)[-1].lower()
    one_sign = bool((J >= 0).all() or (J <= 0).all())
    if word in BIASES and (len(word) > 1 or one_sign or t.values[name].ndim != 1):
        return True
    ones = np.abs(J[nonzero(J)] - 1) < 1e-6
    return bool(ones.all() and (nonzero(J).sum(axis=1) <= 1).all() and t.values[name].ndim == 1)


@comparing
def multiple(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """B = c J."""
    c = ratio(B, J)
    if c is None or is_about(c, 1, 1e-6):
        return
    if abs(c + 1) < 1e-5:
        yield "sign", f"the gradient of {name} is the right one times -1, everywhere", 96
        return
    text = f"the gradient of {name} is the right one times {c:.6g}, everywhere"
    if drops_at_random(t):
        yield "dropout_scale", *_rate(t, text, c)
        return
    yield _factor(t, name, text, c)


def is_about(c: float, number: float, tolerance: float = 1e-4) -> bool:
    """Whether c is ``number``, relative to it."""
    return abs(c / number - 1) < tolerance


def _rate(t: Tables, text: str, c: float) -> tuple[str, float]:
    """What the factor is of a rate of dropout."""
    for rate_name, rate in t.target.rates.items():
        keep = 1 - rate
        numbers = {
            "1 - rate": keep, "1 / (1 - rate)": 1 / keep, "(1 - rate)^2": keep**2,
            "1 / (1 - rate)^2": keep**-2, "rate": rate, "1 / rate": 1 / rate,
            "rate / (1 - rate)": rate / keep, "(1 - rate) / rate": keep / rate,
        }  # fmt: skip
        for spelled, number in numbers.items():
            if is_about(c, number):
                return f"{text}, which is {spelled} for {rate_name} = {rate:g}", 95
    return f"{text}; forward scales what dropout keeps", 94


def _factor(t: Tables, name: str, text: str, c: float) -> tuple[str, str, float]:
    """What kind of number the factor is."""
    x = t.values[t.first]
    batch = x.shape[0] if x.ndim else 1
    power = batch_power(t, name, c)
    scalar_loss = t.y.size == 1
    rest = c / batch**power
    exact = is_about(rest, 1)
    named = _number(t, name, rest)
    number = named or f"{rest:.4g}"
    leading = itertools.accumulate(x.shape, operator.mul)
    positions = (math.prod(chosen) for chosen in _subsets(t.y.shape[1:]))
    if scalar_loss and power == 1:
        more = "" if exact else f" (and {number})"
        more = f"the batch size{more}, by which the loss is divided"
        return "loss_not_divided", f"{text}: {more}", 95
    if scalar_loss and power == 0 and _is_one_of(c, [*leading, *x.shape]):
        return "loss_not_divided", f"{text}: {named}, by which the loss is divided", 93
    if not scalar_loss and power == -1 and name != t.first:
        more = "" if exact else f" times {number}"
        return "batch_mean", f"{text}: 1 / batch size{more}, a mean where the sum belongs", 95
    if not scalar_loss and power == 0 and name != t.first and _is_one_of(1 / c, positions):
        return "batch_mean", f"{text}: {named}, a mean over positions where their sum belongs", 94
    if power:
        powers = {1: "the batch size", -1: "1 / batch size"}
        spelled = powers.get(power, f"batch size^{power}")
        named = spelled if exact else f"{spelled} times {number}"
    return "factor", text + (f": {named}" if named else ""), 92


def batch_power(t: Tables, name: str, c: float) -> int:
    """k if the factor goes with the k-th power of the batch size, by trying another size."""
    x = t.values[t.first]
    if x.ndim == 0:
        return 0
    n = x.shape[0]
    d = None
    with contextlib.suppress(GradientCheckError):  # a layer made for one size
        other = t.target.resized(Shrink(add_batch=1))
        d = None if other is None else _factor_along(other, name)
    if d is not None and c / d > 0:
        power = math.log(d / c) / math.log((n + 1) / n)
        return round(power) if abs(power - round(power)) < 1e-3 else 0
    if n > 1:
        return 1 if is_about(c, n) else -1 if is_about(c, 1 / n) else 0
    return 0


def _factor_along(target: Target, name: str) -> float | None:
    """The factor of a gradient, from the slope along one direction."""
    y = target.forward(target.values)
    dy = target.cotangent(y, 1)
    grad = target.run(target.values, dy).grads.get(name)
    if grad is None or grad.shape != target.values[name].shape:
        return None
    u = np.random.default_rng(23).standard_normal(grad.shape)
    low, high, _ = direction_slope(target.forward, target.values, name, u, y).along(dy)
    return 2 * float((grad * u).sum()) / (low + high) if low + high else None


def _number(t: Tables, name: str, c: float) -> str:
    """A name for a constant factor."""
    if is_about(c, 1):
        return ""
    window = int(np.median(nonzero(t.J[t.first]).sum(axis=1)))
    numbers = [(2.0, "2"), (1 / 2, "1/2"), (3.0, "3"), (1 / 3, "1/3")]
    if window > 1 and t.y.size > 1:
        numbers.append((window, f"the window size {window}"))
        numbers.append((1 / window, f"1 / window size {window}"))
    for number, words in numbers:
        if is_about(c, number):
            return words
    for array, whose in ((t.values[t.first], "input"), (t.y, "output"), (t.values[name], name)):
        for chosen in _subsets(range(array.ndim)):
            size = math.prod(array.shape[a] for a in chosen)
            if size > 1 and is_about(c, size):
                return f"the size of {whose} axes {list(chosen)}"
            if size > 1 and is_about(c, 1 / size):
                return f"1 / the size of {whose} axes {list(chosen)}"
    return ""


def _subsets(items: range | tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Every choice of one or more, small choices first."""
    for k in range(1, len(items) + 1):
        yield from itertools.combinations(items, k)


def _is_one_of(c: float, sizes: Iterable[int]) -> bool:
    return any(n > 1 and is_about(c, n) for n in sizes)


# -- sums over other axes ------------------------------------------------------------------------


def wrong_shape(t: Tables, name: str) -> Claims:
    """What a gradient of another shape has to do with the right one."""
    grad, shape = t.grads.get(name), t.values[name].shape
    if grad is None or grad.shape == shape:
        return
    right = t.slopes(name)
    says = f"the gradient of {name} has shape {grad.shape}, the array has {shape}"
    yield "wrong_shape", says, 30
    if grad.size == right.size:
        for p in itertools.permutations(range(right.ndim)):
            turned = right.transpose(p)
            if same(turned.reshape(-1), grad.reshape(-1)):
                if turned.reshape(-1).tolist() == right.reshape(-1).tolist():
                    yield "wrong_shape", f"{says}; its numbers are right", 92
                else:
                    yield "axes_permuted", f"{says}; it is the right one with axes {list(p)}", 92
                return
    for chosen in _subsets(range(grad.ndim)):
        total = grad.sum(axis=chosen)
        if total.size != right.size:
            continue
        along = f"its axes {list(chosen)}"
        if same(total.reshape(-1), right.reshape(-1)):
            yield "sum_missing", f"{says}; summed over {along} it is right: this sum is missing", 91
            return
        if same(grad.mean(axis=chosen).reshape(-1), right.reshape(-1)):
            yield "wrong_shape", f"{says}; its numbers repeat along axes {list(chosen)}", 60
    for chosen in _subsets(range(right.ndim)):
        if same(right.sum(axis=chosen).reshape(-1), grad.reshape(-1)):
            text = f"{says}; it is the right one summed over axes {list(chosen)} as well"
            yield "wrong_axis", text, 90
            return
    yield from grouped(t, name)
    yield from _cropped(grad, right, says)


def _cropped(grad: Array, right: Array, says: str) -> Claims:
    """A gradient of the padded input, of which a part is the right one."""
    if grad.ndim != right.ndim or any(g < r for g, r in zip(grad.shape, right.shape, strict=True)):
        return
    room = [range(g - r + 1) for g, r in zip(grad.shape, right.shape, strict=True)]
    for start in itertools.islice(itertools.product(*room), 400):
        part = grad[tuple(slice(s, s + n) for s, n in zip(start, right.shape, strict=True))]
        if same(part, right):
            text = f"{says}; from {list(start)} on it is right: the padding was not cut off"
            yield "wrong_shape", text, 90
            return


@comparing
def same_shape(t: Tables, name: str, B: Array, J: Array) -> Claims:
    """Sums over wrong axes that happen to have the right shape."""
    if ratio(B, J) is None:
        yield from grouped(t, name)


def grouped(t: Tables, name: str) -> Claims:
    """A bias or a scale: each output uses one entry, and the gradient sums over the other axes."""
    grad, J = t.grads.get(name), t.J[name]
    if grad is None or name == t.first or not (nonzero(J).sum(axis=1) <= 1).all():
        return
    terms = (t.dy.reshape(-1) * J.sum(axis=1)).reshape(t.y.shape)
    flat = np.asarray(grad, float).reshape(-1)
    right = _summed_axes(t, J)
    for chosen in ((), *_subsets(range(t.y.ndim))):
        total = terms.sum(axis=chosen)
        if total.size != flat.size or chosen == right:
            continue
        for told, words in ((total, "sums"), (terms.mean(axis=chosen), "averages")):
            if same(told.reshape(-1), flat):
                text = f"the gradient of {name} {words} dy's terms over axes {list(chosen)}"
                text += f", it should sum over {list(right) if right else 'others'}"
                yield "sum_missing" if set(chosen) < set(right) else "wrong_axis", text, 89
                return
        for axis in chosen:  # one entry taken where a sum belongs
            for index, words in ((0, "first"), (-1, "last")):
                picked = np.take(terms, [index], axis).sum(axis=chosen)
                if same(picked.reshape(-1), flat):
                    text = f"dy enters {name} by its {words} entry along axis {axis} alone"
                    yield "sum_missing", text, 85
                    return


def _summed_axes(t: Tables, J: Array) -> tuple[int, ...]:
    """The output axes over which the right gradient sums, from which outputs share an entry."""
    used = np.where(nonzero(J).any(axis=1), nonzero(J).argmax(axis=1), -1).reshape(t.y.shape)
    axes = []
    for a in range(t.y.ndim):
        first = np.take(used, [0], axis=a)
        if ((used == first) | (used == -1) | (first == -1)).all():
            axes.append(a)
    return tuple(axes)
