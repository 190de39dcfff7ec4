"""Right or wrong: gradients against the slopes of forward, all at once, then entry by entry."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from minicnn.gradcheck.numeric import direction_slope, element_slope, slope, typical_size
from minicnn.gradcheck.report import ArrayReport
from minicnn.gradcheck.targets import Array, Run, Target, Values, generic_input

Progress = Callable[[str], None]


@dataclass
class Settings:
    """How hard to look.

    Attributes:
        rtol: largest relative error of a right gradient.
        elements: entries compared one by one in each array that needs it, if time allows.
        spot: entries compared one by one in an array that passed the check of all at once.
        seconds: time for the entries of one array.
    """

    seed: int = 0
    rtol: float = 1e-6
    elements: int = 2000
    spot: int = 6
    seconds: float = 0.4
    progress: Progress = field(default=lambda text: None)


def cotangent(target: Target, y: Array, seed: int) -> Array:
    """A random gradient of the output; ones hide errors (a softmax's answer to ones is zero)."""
    if not target.takes_cotangent:
        return np.ones(y.shape)
    dy = np.random.default_rng(seed + 7).standard_normal(y.shape)
    return np.asarray(dy + np.sign(dy) * 0.1)


def judge_array(
    target: Target, values: Values, run: Run, dy: Array, name: str, settings: Settings,
    trusted: bool = False,
) -> ArrayReport:  # fmt: skip
    """Compare the gradient of one array, which has the right shape, with the slopes.

    ``trusted`` says that all arrays together passed already.
    """
    array, grad = values[name], run.grads[name]
    assert grad is not None
    result = ArrayReport(name, array.shape, target.axes[name], size=array.size)
    if not np.isfinite(grad).all():
        result.ok = False
        result.problem = f"{int((~np.isfinite(grad)).sum())} entries are NaN or infinite"
    verdict = "right" if trusted else all_at_once(target, values, {name: grad}, dy, run.y, settings)
    sound = verdict == "right"
    count = array.size if not sound else settings.spot
    if array.size <= settings.spot * 2:
        count = array.size
    indices = sample(array.shape, min(count, settings.elements), settings.seed)
    _compare(target, values, grad, dy, run.y, result, indices, settings)
    if verdict == "wrong" and result.wrong == 0 and result.checked < result.size:
        # the directions disagree although no sampled entry does: believe them
        result.ok = False
        result.problem = result.problem or (
            "the slope along a random direction disagrees, but none of the sampled entries does"
        )
    return result


def all_at_once(
    target: Target, values: Values, grads: Values, dy: Array, y: Array, settings: Settings
) -> str:
    """Whether <grad, u> is the slope of <dy, y> along random directions u.

    Returns:
        "right", "wrong", or "unclear" where kinks are so near that only single entries can tell.
    """
    rng = np.random.default_rng(settings.seed + 11)
    for _ in range(2):
        u = {n: rng.standard_normal(g.shape) * typical_size(values[n]) for n, g in grads.items()}
        s = slope(_together(target, values, u), 1.0, y)
        low, high, error = s.along(dy)
        told = sum(float(np.sum(np.nan_to_num(grads[n], nan=np.inf) * d)) for n, d in u.items())
        terms = sum(float(np.abs(grads[n] * d).sum()) for n, d in u.items())
        tolerance = settings.rtol * max(abs(low), abs(high)) + 5 * error + 1e-9 * terms
        if s.kink.any():
            return "unclear"
        if not low - tolerance <= told <= high + tolerance:
            return "wrong"
    return "right"


def _together(target: Target, values: Values, u: Values) -> Callable[[float], Array]:
    """t -> the output with every array in ``u`` moved by t times its direction."""
    return lambda t: target.forward({**values, **{n: values[n] + t * d for n, d in u.items()}})


def _compare(
    target: Target, values: Values, grad: Array, dy: Array, y: Array, result: ArrayReport,
    indices: Array, settings: Settings,
) -> None:  # fmt: skip
    floor = 1e-7 * float(np.nanmax(np.abs(grad), initial=0.0))
    numeric = np.full(grad.size, np.nan)
    flat = grad.reshape(-1)
    worst, start = -1.0, time.perf_counter()
    for done, index in enumerate(indices):
        if done >= 16 and time.perf_counter() - start > settings.seconds:
            break
        if done % 50 == 0:
            settings.progress(f"{result.name}: entry {done} of {len(indices)}")
        s = element_slope(target.forward, values, result.name, int(index), y)
        low, high, error = s.along(dy)
        told = float(flat[index])
        nearest = min(max(told, low), high) if told == told else low
        numeric[index] = nearest
        gap = abs(told - nearest)
        size = max(abs(told), abs(nearest))
        allowed = settings.rtol * size + error + floor
        result.checked += 1
        result.kinks += bool(s.kink.any() and high - low > allowed)
        wrong = not gap <= allowed
        result.wrong += wrong
        most = float((np.abs(dy) * np.maximum(np.abs(s.low), np.abs(s.high))).sum())
        result.beyond += wrong and not abs(told) <= most + allowed
        badness = (gap if gap == gap else np.inf) / (allowed or 1e-300)
        if badness > worst:
            worst = badness
            result.index = tuple(int(i) for i in np.unravel_index(index, grad.shape))
            result.analytic, result.numeric = told, nearest
            result.absolute_error = gap
            result.relative_error = gap / size if size else 0.0
    result.ok = result.ok and result.wrong == 0
    result.analytic_map = np.array(grad)
    result.numeric_map = numeric.reshape(grad.shape)


def sample(shape: tuple[int, ...], count: int, seed: int) -> Array:
    """Flat indices: all of them, or corners first and then a random choice."""
    size = int(np.prod(shape))
    if count >= size:
        return np.arange(size)
    corners = np.indices([min(2, n) for n in shape]).reshape(len(shape), -1)
    ends = [np.where(c > 0, n - 1, 0) for c, n in zip(corners, shape, strict=True)]
    first = np.ravel_multi_index(tuple(ends), shape)[: count // 2]
    rest = np.random.default_rng(seed + 3).permutation(size)
    rest = rest[~np.isin(rest, first)]
    return np.concatenate([np.unique(first), rest])[:count].astype(int)


def tie_probe(target: Target, values: Values, settings: Settings) -> tuple[str, Values]:
    """What is wrong at an input full of ties (or nothing), and that input.

    Entries that are equal move together and zeros stay: then no max-pooling changes its winner and
    no ReLU its branch, so the slope exists, and a gradient that is handed to every tied entry
    adds up to too much.
    """
    name = next(iter(values))
    rng = np.random.default_rng(settings.seed + 5)
    levels = np.array([-0.7, 0.0, 0.4, 1.3])
    choice = rng.integers(0, 4, values[name].shape)
    tied = {**values, name: levels[choice]}
    y = target.forward(tied)
    if y.size <= 1 or not np.isfinite(y).all():
        return "", tied
    dy = np.abs(cotangent(target, y, settings.seed + 1))
    grad = target.run(tied, dy).grads.get(name)
    if grad is None or grad.shape != values[name].shape or not np.isfinite(grad).all():
        return "", tied
    for _ in range(2):
        move = rng.uniform(0.5, 1.5, 4) * np.array([1.0, 0.0, 1.0, 1.0])
        u = move[choice]
        low, high, error = direction_slope(target.forward, tied, name, u, y).along(dy)
        told = float(np.sum(grad * u))
        tolerance = 1e-5 * float(np.abs(grad * u).sum()) + 5 * error
        if not low - tolerance <= told <= high + tolerance:
            middle = (low + high) / 2
            more = "more" if told > middle else "less"
            return (
                f"where entries of the input are equal the gradient adds up to {told:.4g}, "
                f"{more} than the slope {middle:.4g}"
            ), tied
    return "", tied


def second_point(values: Values, seed: int) -> Values:
    """Another generic input and moved weights: some mistakes do not show everywhere."""
    rng = np.random.default_rng(seed + 13)
    first = next(iter(values))
    x = generic_input(values[first].shape, seed + 13) * 1.5 + 0.2
    moved = {n: v * rng.uniform(0.6, 1.5, v.shape) for n, v in values.items() if n != first}
    return {first: np.abs(x) * 0.3 + 0.1 if values[first].min() > 0 else x, **moved}


def jittered(values: Values, name: str, seed: int) -> Values:
    """The same values with ties and zeros of array ``name`` pulled apart a little."""
    array = values[name]
    n = array.size
    offsets = np.random.default_rng(seed + 9).permutation(np.arange(n) + 0.37).reshape(array.shape)
    size = max(float(np.abs(array).mean()), 0.1)
    return {**values, name: array + (offsets / n - 0.5) * 0.05 * size}


def has_ties(array: Array) -> bool:
    """Whether entries are equal or zero, so that kinks may sit exactly on them."""
    return array.size != np.unique(array).size or bool((array == 0).any())
