"""``check_gradients``: from anything that has a backward pass to a :class:`Report`."""

import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from minicnn.gradcheck import judge
from minicnn.gradcheck.causes import diagnose, explain
from minicnn.gradcheck.choose import make_target
from minicnn.gradcheck.errors import GradientCheckError
from minicnn.gradcheck.judge import Settings
from minicnn.gradcheck.loss_target import ModelTarget
from minicnn.gradcheck.protocol import Conduct, examine, frozen
from minicnn.gradcheck.report import ArrayReport, Report
from minicnn.gradcheck.targets import Target, Values, is_shape


def check_gradients(
    target: Any, x: Any = None, *, input_shape: Any = None,
    params: Mapping[str, Any] | Sequence[Any] | None = None, loss: Any = None, y: Any = None,
    seed: int = 0, training: bool = True, backend: str | None = None, rtol: float = 1e-6,
    max_elements: int = 2000, progress: bool | None = None,
) -> Report:  # fmt: skip
    """Check hand-written gradients against the slopes of forward, and name the likeliest mistake.

    Everything is computed in float64. All gradients are first checked at once, along random
    directions; what fails is compared entry by entry, and the cause is looked for by comparing
    the whole Jacobian that backward claims with the one that forward has, on a small copy.

    Args:
        target: a layer (class or instance) with ``forward(ctx, x)`` and ``backward(ctx, dy)``, or
            with ``forward(x)`` and ``backward(dy)``; a model; a loss; a pair of functions
            ``(forward, backward)`` with ``forward(x, w, b) -> (out, cache)`` and
            ``backward(dout, cache) -> (dx, dw, db)``; or one function ``loss(x, y) -> (loss, dx)``.
            It is copied, never changed.
        x: the input, batch axis first: an array, or a shape such as (2, 7, 6, 3) for a random one.
        input_shape: the shape, as a keyword.
        params: what else the target needs: the arguments of a layer class, or the further
            arguments of a forward function by name or in order. Float arrays among these are
            differentiated, except those named like targets (y, labels, ...).
        loss: of a model: the loss to end it with, a name or an object.
        y: targets for the loss; random ones by default.
        seed: of every random choice. The step that dropout draws from is fixed.
        training: whether layers run as in training.
        backend: which backend runs the layer; by default "numpy" ("cupy" for a CuPy input).
        rtol: largest relative error of a right gradient.
        max_elements: entries compared one by one in an array that needs it.
        progress: a progress line on standard error; by default on a terminal only.

    Returns:
        A :class:`Report`: ``ok``, ``cause``, ``explanation``, ``print(report)``, ``plot()``.

    Raises:
        GradientCheckError: the check cannot be done (no backward, a forgotten return, an exception
            in the layer); the message names the line.
    """
    settings = Settings(seed=seed, rtol=rtol, elements=max_elements)
    line = _ProgressLine(progress)
    settings.progress = line.show
    start = time.perf_counter()
    try:
        if x is None:
            x = input_shape
        with np.errstate(all="ignore"), _seeded(seed):
            made = make_target(
                target, x, params=params, loss=loss, y=y, seed=seed, training=training,
                backend=backend,
            )  # fmt: skip
            report = _check(made, settings, generated=is_shape(x))
    except GradientCheckError as error:
        raise error.with_traceback(None) from None
    finally:
        line.clear()
    report.seconds = time.perf_counter() - start
    return report


def assert_gradients(target: Any, x: Any = None, **options: Any) -> Report:
    """For tests: :func:`check_gradients`, and fail with the printed report if anything is wrong.

    Raises:
        AssertionError: a gradient is wrong.
        GradientCheckError: the check cannot be done.
    """
    return check_gradients(target, x, **options).raise_if_failed()


def _check(target: Target, settings: Settings, generated: bool) -> Report:
    values = _usable(target, generated)
    settings.progress("forward and backward")
    conduct = examine(target, values, settings.seed)
    if conduct.random:
        with frozen(target, settings.seed) as still:
            if still:
                report = _judge(
                    target, values, settings, examine(target, values, settings.seed), generated
                )
            else:
                report = Report(False, target.name, arrays=[])
        report.ok = False
        report.findings = sorted([*report.findings, conduct.random], key=lambda f: -f.weight)
        if report.findings[0] is conduct.random:
            report.cause, report.explanation = conduct.random.cause, explain(conduct.random)
        return report
    return _judge(target, values, settings, conduct, generated)


def _judge(
    target: Target, values: Values, settings: Settings, conduct: Conduct, generated: bool
) -> Report:
    notes, ties = list(target.notes), ""
    arrays = _compare_all(target, values, conduct, settings)
    if not all(a.ok for a in arrays) and not conduct.findings:
        notes += _forgive_kinks(target, values, settings, arrays)
    if all(a.ok for a in arrays):
        settings.progress("other inputs")
        with suppress(GradientCheckError):  # a layer may refuse an input that it was not given
            ties, tied = judge.tie_probe(target, values, settings)
            others = [judge.jittered(tied, next(iter(values)), settings.seed)] if ties else []
            others += [judge.second_point(values, settings.seed)] if generated else []
            found = (_wrong_at(target, other, settings) for other in others)
            wrong = next((f for f in found if f is not None), None)
            if wrong is not None:
                (arrays, conduct, values), ties = wrong, ""
    if ties:
        arrays[0].ok, arrays[0].problem = False, ties
    kinks = sum(a.kinks for a in arrays)
    if kinks:
        notes.append(
            f"{kinks} entries sit on a kink (a ReLU at 0, a tie in a max): any gradient between "
            "the slopes to the left and to the right is right there"
        )
    report = Report(all(a.ok for a in arrays) and not conduct.findings, target.name, arrays=arrays)
    report.notes = notes
    for a in arrays:
        if not a.ok:
            a.lines = target.source(a.name)
    if isinstance(target, ModelTarget) and not report.ok:
        _blame_layer(target, report, settings)
    elif not report.ok:
        settings.progress("looking for the cause")
        target.values = values
        diagnose(target, conduct, report, settings, ties)
    return report


def _compare_all(
    target: Target, values: Values, conduct: Conduct, settings: Settings
) -> list[ArrayReport]:
    trusted = _all_right(target, values, conduct, settings)
    return [_judge_one(target, values, conduct, n, settings, trusted) for n in values]


def _wrong_at(
    target: Target, values: Values, settings: Settings
) -> tuple[list[ArrayReport], Conduct, Values] | None:
    """The comparison at another point, if it shows a mistake there."""
    if not np.isfinite(target.forward(values)).all():
        return None
    conduct = examine(target, values, settings.seed)
    grads = {n: g for n, g in conduct.run.grads.items() if g is not None}
    right = all(n in grads and grads[n].shape == v.shape for n, v in values.items())
    if right and all(
        judge.all_at_once(target, values, {n: g}, conduct.dy, conduct.run.y, settings) == "right"
        for n, g in grads.items()
    ):
        return None
    arrays = _compare_all(target, values, conduct, settings)
    if all(a.ok for a in arrays) and not conduct.findings:
        return None
    return arrays, conduct, values


def _blame_layer(model: ModelTarget, report: Report, settings: Settings) -> None:
    """A model's gradients are wrong: check each of its layers, and the loss, alone."""
    for part in model.parts():
        settings.progress(f"layer {part.name}")
        alone = _check(part, settings, generated=False)
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


def _all_right(target: Target, values: Values, conduct: Conduct, settings: Settings) -> bool:
    """Whether a model's many gradients pass together, which saves asking for each."""
    grads = {n: g for n, g in conduct.run.grads.items() if g is not None}
    if len(values) < 4 or set(grads) != set(values):
        return False
    if any(grads[n].shape != v.shape or not np.isfinite(grads[n]).all() for n, v in values.items()):
        return False
    verdict = judge.all_at_once(target, values, grads, conduct.dy, conduct.run.y, settings)
    return verdict == "right"


def _judge_one(
    target: Target, values: Values, conduct: Conduct, name: str, settings: Settings,
    trusted: bool = False,
) -> ArrayReport:  # fmt: skip
    shape = values[name].shape
    grad = conduct.run.grads.get(name)
    if grad is None:
        result = ArrayReport(name, shape, target.axes[name], ok=False, size=values[name].size)
        result.problem = "backward gives no gradient for it"
        return result
    if grad.shape != shape or grad.dtype.kind not in "fiub":
        result = ArrayReport(name, shape, target.axes[name], ok=False, size=values[name].size)
        result.problem = f"the gradient has shape {grad.shape}, the array has {shape}"
        return result
    return judge.judge_array(target, values, conduct.run, conduct.dy, name, settings, trusted)


def _forgive_kinks(
    target: Target, values: Values, settings: Settings, arrays: list[ArrayReport]
) -> list[str]:
    """At a given input full of ties, several kinks may meet: then the point next to it decides."""
    first = next(iter(values))
    if not judge.has_ties(values[first]) or any(a.problem or a.beyond for a in arrays):
        return []
    near = judge.jittered(values, first, settings.seed)
    conduct = examine(target, near, settings.seed)
    fine = all(_judge_one(target, near, conduct, n, settings).ok for n in values)
    if not fine or judge.tie_probe(target, values, settings)[0]:
        return []
    for a in arrays:
        if not a.ok:
            a.kinks += a.wrong
            a.wrong, a.ok = 0, True
    return ["at this input several kinks meet; the gradients are right at the points next to it"]


def _usable(target: Target, generated: bool) -> Values:
    """The values, with the input made positive when forward is not finite for others."""
    values = target.values
    y = target.forward(values)
    if np.isfinite(y).all():
        return values
    first = next(iter(values))
    if generated:
        positive = {**values, first: np.abs(values[first]) * 0.4 + 0.1}
        if np.isfinite(target.forward(positive)).all():
            target.values = positive
            target.notes.append("the input was made positive: forward is not finite for others")
            return positive
    raise GradientCheckError(
        f"forward of {target.name} gives NaN or infinity for this input, so there is no slope to "
        "measure; give an input x that it is meant for"
    )


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Initial weights come from the seed; the program's own random numbers go on undisturbed."""
    own, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(own)
        np.random.set_state(numpys)  # noqa: NPY002


class _ProgressLine:
    """One line on standard error that is written over, on a terminal only, after a second."""

    def __init__(self, wanted: bool | None) -> None:
        terminal = sys.stderr is not None and sys.stderr.isatty()
        self.on = terminal if wanted is None else wanted
        self.start = time.perf_counter()
        self.width = 0

    def show(self, text: str) -> None:
        """Write ``text`` over the line."""
        if self.on and time.perf_counter() - self.start > 1:
            line = f"gradient check: {text}"
            sys.stderr.write("\r" + line.ljust(self.width))
            sys.stderr.flush()
            self.width = max(self.width, len(line))

    def clear(self) -> None:
        """Take the line away."""
        if self.width:
            sys.stderr.write("\r" + " " * self.width + "\r")
            sys.stderr.flush()
