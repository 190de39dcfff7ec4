"""B is a multiple of J: sign, constant factors, nothing at all."""

import contextlib
import itertools
import math
from collections.abc import Iterator

import numpy as np

from minicnn.gradcheck.causes.evidence import Tables, nonzero, same
from minicnn.gradcheck.causes.masks import drops_at_random
from minicnn.gradcheck.errors import GradientCheckError
from minicnn.gradcheck.judge import cotangent
from minicnn.gradcheck.numeric import direction_slope
from minicnn.gradcheck.report import Finding
from minicnn.gradcheck.targets import Array, Shrink, Target

BIASES = ("b", "bias", "beta", "offset", "shift")


def untouched(t: Tables, name: str) -> Iterator[Finding]:
    """No gradient, or zeros."""
    grad = t.grads.get(name)
    if grad is not None and not (name in t.B and not nonzero(t.B[name]).any() and t.linear):
        return
    if not nonzero(t.J[name]).any():
        return
    what = "gives no gradient" if grad is None else "leaves the gradient at zero"
    if is_bias(t, name):
        yield Finding("bias_forgotten", f"backward {what} for the bias {name}", name, 100)
        return
    yield Finding(
        "untouched", f"backward {what} for {name}, on which the output depends", name, 100
    )


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


def multiple(t: Tables, name: str) -> Iterator[Finding]:
    """B = c J."""
    if name not in t.B or not t.linear:
        return
    c = ratio(t.B[name], t.J[name])
    if c is None or abs(c - 1) < 1e-6:
        return
    if abs(c + 1) < 1e-5:
        text = f"the gradient of {name} is the right one times -1, everywhere"
        yield Finding("sign", text, name, 96)
        return
    yield _factor(t, name, c)


def ratio(B: Array, J: Array) -> float | None:
    """c where B = c J, or None."""
    size = float((J * J).sum())
    if size == 0:
        return None
    c = float((B * J).sum()) / size
    return c if c != 0 and same(B, c * J) else None


def _factor(t: Tables, name: str, c: float) -> Finding:
    """What kind of number the factor is."""
    text = f"the gradient of {name} is the right one times {c:.6g}, everywhere"
    for rate_name, rate in t.target.rates.items():
        keep = 1 - rate
        numbers = {
            "1 - rate": keep, "1 / (1 - rate)": 1 / keep, "(1 - rate)^2": keep**2,
            "1 / (1 - rate)^2": keep**-2, "rate": rate, "1 / rate": 1 / rate,
            "rate / (1 - rate)": rate / keep, "(1 - rate) / rate": keep / rate,
        }  # fmt: skip
        for spelled, number in numbers.items():
            if abs(c / number - 1) < 1e-4 and drops_at_random(t):
                return Finding(
                    "dropout_scale",
                    f"{text}, which is {spelled} for {rate_name} = {rate:g}",
                    name,
                    95,
                )
    if drops_at_random(t):
        return Finding("dropout_scale", f"{text}; forward scales what dropout keeps", name, 94)
    batch = t.values[t.first].shape[0] if t.values[t.first].ndim else 1
    power = batch_power(t, name, c)
    scalar_loss = t.y.size == 1
    rest = c / batch**power if power else c
    named = _number(t, name, rest)
    if power == 1 and scalar_loss:
        more = "" if abs(rest - 1) < 1e-4 else f" (and {named or f'{rest:.4g}'})"
        return Finding(
            "loss_not_divided",
            f"{text}: the batch size{more}, by which the loss is divided",
            name,
            95,
        )
    if scalar_loss and power == 0 and _is_size(c, t):
        return Finding(
            "loss_not_divided", f"{text}: {named}, by which the loss is divided", name, 93
        )
    if power == -1 and name != t.first and not scalar_loss:
        more = "" if abs(rest - 1) < 1e-4 else f" times {named or f'{rest:.4g}'}"
        return Finding(
            "batch_mean", f"{text}: 1 / batch size{more}, a mean where the sum belongs",
            name, 95,
        )  # fmt: skip
    if power == 0 and name != t.first and not scalar_loss and _is_positions(1 / c, t):
        return Finding(
            "batch_mean",
            f"{text}: {named}, a mean over positions where their sum belongs",
            name,
            94,
        )
    if power:
        spelled = (
            "the batch size"
            if power == 1
            else "1 / batch size"
            if power == -1
            else f"batch size^{power}"
        )
        named = spelled if abs(rest - 1) < 1e-4 else f"{spelled} times {named or f'{rest:.4g}'}"
    return Finding("factor", text + (f": {named}" if named else ""), name, 92)


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
        return 1 if abs(c / n - 1) < 1e-4 else -1 if abs(c * n - 1) < 1e-4 else 0
    return 0


def _factor_along(target: Target, name: str) -> float | None:
    """The factor of a gradient, from the slope along one direction."""
    y = target.forward(target.values)
    dy = cotangent(target, y, 1)
    grad = target.run(target.values, dy).grads.get(name)
    if grad is None or grad.shape != target.values[name].shape:
        return None
    u = np.random.default_rng(23).standard_normal(grad.shape)
    low, high, _ = direction_slope(target.forward, target.values, name, u, y).along(dy)
    return 2 * float((grad * u).sum()) / (low + high) if low + high else None


def _number(t: Tables, name: str, c: float) -> str:
    """A name for a constant factor."""
    if abs(c - 1) < 1e-4:
        return ""
    J = t.J[t.first]
    window = int(np.median(nonzero(J).sum(axis=1)))
    for value, spelled in ((2.0, "2"), (3.0, "3")):
        for number, words in ((value, spelled), (1 / value, f"1/{spelled}")):
            if abs(c / number - 1) < 1e-4:
                return words
    if window > 1 and t.y.size > 1:
        for number, words in (
            (window, f"the window size {window}"),
            (1 / window, f"1 / window size {window}"),
        ):
            if abs(c / number - 1) < 1e-4:
                return words
    for array, whose in ((t.values[t.first], "input"), (t.y, "output"), (t.values[name], name)):
        axes = range(array.ndim)
        for k in range(1, array.ndim + 1):
            for chosen in itertools.combinations(axes, k):
                size = math.prod(array.shape[a] for a in chosen)
                if size > 1 and abs(c / size - 1) < 1e-4:
                    return f"the size of {whose} axes {list(chosen)}"
                if size > 1 and abs(c * size - 1) < 1e-4:
                    return f"1 / the size of {whose} axes {list(chosen)}"
    return ""


def _is_size(c: float, t: Tables) -> bool:
    x = t.values[t.first]
    sizes = {math.prod(x.shape[:k]) for k in range(1, x.ndim + 1)} | set(x.shape)
    return any(n > 1 and abs(c / n - 1) < 1e-4 for n in sizes)


def _is_positions(c: float, t: Tables) -> bool:
    """Whether c is the product of sizes of output axes between the batch and the channels."""
    inner = t.y.shape[1:]
    return any(
        abs(c / math.prod(chosen) - 1) < 1e-4
        for k in range(1, len(inner) + 1)
        for chosen in itertools.combinations(inner, k)
        if math.prod(chosen) > 1
    )
