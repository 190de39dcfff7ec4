"""How forward and backward behave, apart from the numbers: repeatable, writing nowhere else."""

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minicnn.gradcheck.judge import cotangent
from minicnn.gradcheck.report import Finding
from minicnn.gradcheck.targets import Array, Run, Target, Values

FILL = 0.734  # what stands in the gradients of parameters before backward, the second time


@dataclass
class Conduct:
    """What a few calls of forward and backward showed.

    Attributes:
        run: forward, backward and backward again, from gradients of zero.
        dy: the cotangent used.
        filled: gradients when something else stood in the parameters' gradients before.
        findings: what went against the rules.
        random: set when forward does not repeat itself.
    """

    run: Run
    dy: Array
    filled: dict[str, Array | None]
    findings: list[Finding] = field(default_factory=list)
    random: Finding | None = None


def examine(target: Target, values: Values, seed: int) -> Conduct:
    """Call forward and backward a few times and compare."""
    y = target.forward(values)
    same = _close(y, target.forward(values))
    dy = cotangent(target, y, seed)
    run = target.run(values, dy, twice=True)
    later = target.run(values, dy, fill=FILL)
    conduct = Conduct(run, dy, later.grads)
    if not same or not _close(y, run.y) or not _close(y, later.y):
        conduct.random = Finding(
            "not_repeatable",
            "forward gives different outputs for the same input: it draws random numbers afresh, "
            "or changes something that it uses (draw from a generator seeded by ctx.step instead)",
            weight=85,  # a wrong mask, seen with the draws held still, goes before
        )
    for who, what in sorted(run.changed):
        cause = "cotangent_modified" if what == "dy" else "input_modified"
        name = {"dy": "the gradient it was lent (dy)", "x": "its input x"}.get(
            what, f"array {what}"
        )
        conduct.findings.append(
            Finding(
                cause, f"{who} writes into {name}; work on a copy", "" if what == "dy" else what, 60
            )
        )
    for name in run.replaced:
        conduct.findings.append(
            Finding(
                "untouched",
                f"backward binds {name}.grad to a new array, so the array that the optimizer reads "
                f"is never touched; write {name}.grad[...] = ...",
                name, 20,
            )
        )  # fmt: skip
    for name, grad in run.grads.items():
        conduct.findings += _repeated(
            name, grad, later.grads.get(name), run, conduct.random is not None
        )
        if grad is not None and run.dtypes.get(name, "float64") != "float64":
            conduct.findings.append(_dtype(name, run.dtypes[name]))
        elif grad is not None and _only_single(grad, dy):
            conduct.findings.append(_dtype(name, "float32 (the values are rounded to it)"))
    if y.dtype != np.float64:
        conduct.findings.append(
            Finding("wrong_dtype", f"forward returns {y.dtype} for an input of float64", "", 40)
        )
    return conduct


def _dtype(name: str, dtype: str) -> Finding:
    text = f"the gradient of {name} is {dtype} where float64 came in; keep the dtype of the data"
    return Finding("wrong_dtype", text, name, 15)


def _repeated(
    name: str, grad: Array | None, filled: Array | None, run: Run, random_forward: bool
) -> list[Finding]:
    """What a second call, and gradients that did not start from zero, say about one array."""
    if grad is None or filled is None or grad.shape != filled.shape or random_forward:
        return []
    added = bool(np.abs(filled - grad - FILL).max(initial=0.0) < 1e-6)
    if added and not _close(grad, np.zeros_like(grad)):
        return [
            Finding(
                "accumulated",
                f"backward adds to what stood in {name}.grad; assign with =",
                name,
                98,
            )
        ]
    again = None if run.again is None else run.again.get(name)
    if again is not None and again.shape == grad.shape and not _close(again, grad):
        growth = again - grad
        if _close(growth, filled - again) or _close(growth, grad):
            text = f"every backward call adds to the gradient of {name} of the call before"
            return [Finding("accumulated", text, name, 98)]
        text = f"backward called twice gives two gradients of {name}: it changes what forward kept"
        return [Finding("context_modified", text, name, 65)]
    written = ~(filled == FILL)
    if written.all() and not _close(filled, grad):
        text = (
            f"the same call gives different gradients of {name}: backward is random or keeps state"
        )
        return [Finding("backward_not_repeatable", text, name, 10)]
    return []


def _close(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    size = float(np.nanmax(np.abs(a), initial=0.0)) or 1.0
    return bool(np.allclose(a, b, rtol=1e-9, atol=1e-12 * size, equal_nan=True))


def _only_single(grad: Array, dy: Array) -> bool:
    """Whether float64 numbers went through float32: every entry is exactly a float32."""
    values = grad[(grad != 0) & np.isfinite(grad)]
    through = dy.size > 1 and not bool((dy == dy.astype(np.float32)).all())
    return (
        values.size > 3
        and through
        and bool((values == values.astype(np.float32)).all())
        and not bool((values == np.round(values * 64) / 64).all())
    )


@contextmanager
def frozen(target: Target, seed: int) -> Iterator[bool]:
    """Within, every forward draws the same random numbers; yields whether that makes it repeat."""
    plain_forward, plain_run = target.forward, target.run
    keep = _generators(target)
    fresh = np.random.default_rng

    def seeded(given: Any = None) -> np.random.Generator:
        return fresh(seed if given is None else given)

    def reset(call: Any) -> Any:
        def again(*args: Any, **kwargs: Any) -> Any:
            outer, plain = np.random.get_state(), random.getstate()  # noqa: NPY002
            np.random.seed(seed)  # noqa: NPY002
            random.seed(seed)
            for owner, name, value in keep:
                setattr(owner, name, copy.deepcopy(value))
            np.random.default_rng = seeded  # type: ignore[assignment]
            try:
                return call(*args, **kwargs)
            finally:
                np.random.default_rng = fresh
                np.random.set_state(outer)  # noqa: NPY002
                random.setstate(plain)

        return again

    target.forward, target.run = reset(plain_forward), reset(plain_run)  # type: ignore[method-assign]
    try:
        yield _close(target.forward(target.values), target.forward(target.values))
    finally:
        target.forward, target.run = plain_forward, plain_run  # type: ignore[method-assign]


def _generators(target: Target) -> list[tuple[Any, str, Any]]:
    """(owner, attribute, copy) of everything in the layers that a call could advance."""
    kinds = (np.random.Generator, np.random.RandomState, random.Random, int, float)
    return [
        (layer, name, copy.deepcopy(value))
        for layer in getattr(target, "layers", [])
        for name, value in vars(layer).items()
        if isinstance(value, kinds) and not isinstance(value, bool)
    ]
