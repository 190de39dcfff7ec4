"""Right or wrong: gradients against the slopes of forward, all at once, then entry by entry."""

import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from minicnn.gradcheck.causes import diagnose, explain
from minicnn.gradcheck.conduct import Conduct, examine, frozen
from minicnn.gradcheck.library_style import ModelTarget
from minicnn.gradcheck.numeric import direction_slope, element_slope, slope, typical_size
from minicnn.gradcheck.report import ArrayReport, Report
from minicnn.gradcheck.targets import Array, Target, Values, generic_input, has_ties, jittered
from minicnn.gradcheck.user_code import GradientCheckError


def check(target: Target, generated: bool) -> Report:
    """The report on a target; ``generated`` says that its input is not the user's own."""
    values = _usable(target, generated)
    target.settings.progress("forward and backward")
    conduct = examine(target, values)
    if conduct.random is None:
        return _judge(target, conduct, generated)
    report = Report(False, target.name)
    with frozen(target) as still:
        if still:
            report = _judge(target, examine(target, values), generated)
    report.ok = False
    report.findings = sorted([*report.findings, conduct.random], key=lambda f: -f.weight)
    if report.findings[0] is conduct.random:
        report.cause, report.explanation = conduct.random.cause, explain(conduct.random)
    return report


def _usable(target: Target, generated: bool) -> Values:
    """The values, with the input made positive when forward is not finite for others."""
    values = target.values
    if np.isfinite(target.forward(values)).all():
        return values
    if generated:
        positive = {**values, target.first: np.abs(values[target.first]) * 0.4 + 0.1}
        if np.isfinite(target.forward(positive)).all():
            target.values = positive
            target.notes.append("the input was made positive: forward is not finite for others")
            return positive
    raise GradientCheckError(
        f"forward of {target.name} gives NaN or infinity for this input, so there is no slope to "
        "measure; give an input x that it is meant for"
    )


def _judge(target: Target, conduct: Conduct, generated: bool) -> Report:
    settings, values, notes, ties = target.settings, conduct.values, list(target.notes), ""
    arrays = _compare_all(target, conduct)
    if not all(a.ok for a in arrays) and not conduct.findings:
        notes += _forgive_kinks(target, values, arrays)
    if all(a.ok for a in arrays):
        settings.progress("other inputs")
        with suppress(GradientCheckError):  # a layer may refuse an input that it was not given
            ties, tied = tie_probe(target, values)
            others = [jittered(tied, target.first, settings.seed)] if ties else []
            others += [second_point(values, settings.seed)] if generated else []
            found = (_wrong_at(target, other) for other in others)
            wrong = next((f for f in found if f is not None), None)
            if wrong is not None:
                (arrays, conduct), ties = wrong, ""
    if ties:
        arrays[0].ok, arrays[0].problem = False, ties
    kinks = sum(a.kinks for a in arrays)
    if kinks:
        text = f"{kinks} entries sit on a kink (a ReLU at 0, a tie in a max): any gradient between"
        notes.append(f"{text} the slopes to the left and to the right is right there")
    report = Report(all(a.ok for a in arrays) and not conduct.findings, target.name, arrays=arrays)
    report.notes = notes
    for a in arrays:
        if not a.ok:
            a.lines = target.source(a.name)
    if isinstance(target, ModelTarget) and not report.ok:
        _blame_layer(target, report)
    elif not report.ok:
        settings.progress("looking for the cause")
        target.values = conduct.values
        diagnose(target, conduct, report, ties)
    return report


def _forgive_kinks(target: Target, values: Values, arrays: list[ArrayReport]) -> list[str]:
    """At a given input full of ties, several kinks may meet: then the point next to it decides."""
    if not has_ties(values[target.first]) or any(a.problem or a.beyond for a in arrays):
        return []
    near = examine(target, jittered(values, target.first, target.settings.seed))
    fine = all(_judge_one(target, near, n).ok for n in values)
    if not fine or tie_probe(target, values)[0]:
        return []
    for a in arrays:
        if not a.ok:
            a.kinks += a.wrong
            a.wrong, a.ok = 0, True
    return ["at this input several kinks meet; the gradients are right at the points next to it"]


def _wrong_at(target: Target, values: Values) -> tuple[list[ArrayReport], Conduct] | None:
    """The comparison at another point, if it shows a mistake there."""
    if not np.isfinite(target.forward(values)).all():
        return None
    conduct = examine(target, values)
    grads = _fitting(conduct)
    if set(grads) == set(values) and all(
        all_at_once(target, conduct, {n: g}) == "right" for n, g in grads.items()
    ):
        return None
    arrays = _compare_all(target, conduct)
    if all(a.ok for a in arrays) and not conduct.findings:
        return None
    return arrays, conduct


def _blame_layer(model: ModelTarget, report: Report) -> None:
    """A model's gradients are wrong: check each of its layers, and the loss, alone."""
    for part in model.parts():
        model.settings.progress(f"layer {part.name}")
        alone = check(part, generated=False)
        if alone.ok:
            continue
        report.cause = alone.cause
        report.explanation = f"In {part.kind} {part.name}. {alone.explanation}"
        report.findings = alone.findings
        everything = [*alone.findings, *(f for a in alone.arrays for f in a.findings)]
        for f in {id(f): f for f in everything}.values():
            f.evidence = f"in {part.kind} {part.name}, {f.evidence}"
        for array in report.arrays:
            for a in alone.arrays:
                if not a.ok and not array.ok and array.name.endswith(f"{part.name}/{a.name}"):
                    array.findings, array.lines = a.findings, a.lines
        return
    report.explanation = "The gradients are wrong, although every layer alone is right."


def _fitting(conduct: Conduct) -> Values:
    """The gradients that have the shape of their array."""
    grads, values = conduct.run.grads, conduct.values
    return {n: g for n, g in grads.items() if g is not None and g.shape == values[n].shape}


def _compare_all(target: Target, conduct: Conduct) -> list[ArrayReport]:
    """The report on every array; many gradients that pass together need not be asked for each."""
    grads = _fitting(conduct)
    trusted = (
        len(conduct.values) >= 4
        and set(grads) == set(conduct.values)
        and all(np.isfinite(g).all() for g in grads.values())
        and all_at_once(target, conduct, grads) == "right"
    )
    return [_judge_one(target, conduct, n, trusted) for n in conduct.values]


def _judge_one(target: Target, conduct: Conduct, name: str, trusted: bool = False) -> ArrayReport:
    """Compare the gradient of one array with the slopes.

    ``trusted`` says that all arrays together passed already.
    """
    settings, array, grad = target.settings, conduct.values[name], conduct.run.grads.get(name)
    result = ArrayReport(name, array.shape, target.axes[name], size=array.size)
    if grad is None:
        result.ok, result.problem = False, "backward gives no gradient for it"
        return result
    if grad.shape != array.shape or grad.dtype.kind not in "fiub":
        result.ok = False
        result.problem = f"the gradient has shape {grad.shape}, the array has {array.shape}"
        return result
    if not np.isfinite(grad).all():
        result.ok = False
        result.problem = f"{int((~np.isfinite(grad)).sum())} entries are NaN or infinite"
    verdict = "right" if trusted else all_at_once(target, conduct, {name: grad})
    few = verdict == "right" and array.size > settings.spot * 2
    count = settings.spot if few else array.size
    indices = sample(array.shape, min(count, settings.elements), settings.seed)
    _compare(target, conduct, grad, result, indices)
    if verdict == "wrong" and result.wrong == 0 and result.checked < result.size:
        # the directions disagree although no sampled entry does: believe them
        missed = (
            "the slope along a random direction disagrees, but none of the sampled entries does"
        )
        result.ok, result.problem = False, result.problem or missed
    return result


def all_at_once(target: Target, conduct: Conduct, grads: Values) -> str:
    """Whether <grad, u> is the slope of <dy, y> along random directions u.

    Returns:
        "right", "wrong", or "unclear" where kinks are so near that only single entries can tell.
    """
    settings, values = target.settings, conduct.values
    rng = np.random.default_rng(settings.seed + 11)
    for _ in range(2):
        u = {n: rng.standard_normal(g.shape) * typical_size(values[n]) for n, g in grads.items()}
        s = slope(_together(target, values, u), 1.0, conduct.run.y)
        low, high, error = s.along(conduct.dy)
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
    target: Target, conduct: Conduct, grad: Array, result: ArrayReport, indices: Array
) -> None:
    """Compare single entries, and fill in the numbers of the report."""
    settings, dy, y = target.settings, conduct.dy, conduct.run.y
    floor = 1e-7 * float(np.nanmax(np.abs(grad), initial=0.0))
    numeric = np.full(grad.size, np.nan)
    flat = grad.reshape(-1)
    worst, start = -1.0, time.perf_counter()
    for done, index in enumerate(indices):
        if done >= 16 and time.perf_counter() - start > settings.seconds:
            break
        if done % 50 == 0:
            settings.progress(f"{result.name}: entry {done} of {len(indices)}")
        s = element_slope(target.forward, conduct.values, result.name, int(index), y)
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


def tie_probe(target: Target, values: Values) -> tuple[str, Values]:
    """What is wrong at an input full of ties (or nothing), and that input.

    Entries that are equal move together and zeros stay: then no max-pooling changes its winner and
    no ReLU its branch, so the slope exists, and a gradient that is handed to every tied entry
    adds up to too much.
    """
    name = target.first
    rng = np.random.default_rng(target.settings.seed + 5)
    levels = np.array([-0.7, 0.0, 0.4, 1.3])
    choice = rng.integers(0, 4, values[name].shape)
    tied = {**values, name: levels[choice]}
    y = target.forward(tied)
    if y.size <= 1 or not np.isfinite(y).all():
        return "", tied
    dy = np.abs(target.cotangent(y, target.settings.seed + 1))
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
            text = f"where entries of the input are equal the gradient adds up to {told:.4g}"
            return f"{text}, {more} than the slope {middle:.4g}", tied
    return "", tied


def second_point(values: Values, seed: int) -> Values:
    """Another generic input and moved weights: some mistakes do not show everywhere."""
    rng = np.random.default_rng(seed + 13)
    first = next(iter(values))
    x = generic_input(values[first].shape, seed + 13) * 1.5 + 0.2
    moved = {n: v * rng.uniform(0.6, 1.5, v.shape) for n, v in values.items() if n != first}
    return {first: np.abs(x) * 0.3 + 0.1 if values[first].min() > 0 else x, **moved}
