"""How forward and backward behave, apart from the numbers: repeatable, writing nowhere else."""

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minicnn.gradcheck.report import Finding
from minicnn.gradcheck.targets import Array, Run, Target, Values

FILL = 0.734  # what stands in the gradients of parameters before backward, the second time


@dataclass
class Conduct:
    """What a few calls of forward and backward showed.

    Attributes:
        values: where they were called.
        run: forward, backward and backward again, from gradients of zero.
        dy: the cotangent used.
        findings: what went against the rules.
        random: set when forward does not repeat itself.
    """

    values: Values
    run: Run
    dy: Array
    findings: list[Finding] = field(default_factory=list)
    random: Finding | None = None


def examine(target: Target, values: Values) -> Conduct:
    """Call forward and backward a few times and compare."""
    y = target.forward(values)
    same = _close(y, target.forward(values))
    dy = target.cotangent(y, target.settings.seed)
    run = target.run(values, dy, twice=True)
    later = target.run(values, dy, fill=FILL)
    conduct = Conduct(values, run, dy)
    if not same or not _close(y, run.y) or not _close(y, later.y):
        conduct.random = Finding(
            "not_repeatable",
            "forward gives different outputs for the same input: it draws random numbers afresh, "
            "or changes something that it uses (draw from a generator seeded by ctx.step instead)",
            weight=85,  # a wrong mask, seen with the draws held still, goes before
        )
    add = conduct.findings.append
    for who, what in sorted(run.changed):
        names = {"dy": "the gradient it was lent (dy)", "x": "its input x"}
        text = f"{who} writes into {names.get(what, f'array {what}')}; work on a copy"
        cause, array = ("cotangent_modified", "") if what == "dy" else ("input_modified", what)
        add(Finding(cause, text, array, 60))
    for name in run.replaced:
        text = f"backward binds {name}.grad to a new array, so the array that the optimizer reads"
        text += f" is never touched; write {name}.grad[...] = ..."
        add(Finding("untouched", text, name, 20))
    for name, grad in run.grads.items():
        if grad is None:
            continue
        if conduct.random is None:
            conduct.findings += _repeated(name, grad, later.grads.get(name), run)
        dtype = run.dtypes.get(name, "float64")
        if dtype == "float64" and _only_single(grad, dy):
            dtype = "float32 (the values are rounded to it)"
        if dtype != "float64":
            text = f"the gradient of {name} is {dtype} where float64 came in"
            add(Finding("wrong_dtype", f"{text}; keep the dtype of the data", name, 15))
    if y.dtype != np.float64:
        add(Finding("wrong_dtype", f"forward returns {y.dtype} for an input of float64", "", 40))
    return conduct


def _repeated(name: str, grad: Array, filled: Array | None, run: Run) -> list[Finding]:
    """What a second call, and gradients that did not start from zero, say about one array."""
    if filled is None or grad.shape != filled.shape:
        return []
    added = bool(np.abs(filled - grad - FILL).max(initial=0.0) < 1e-6)
    if added and not _close(grad, np.zeros_like(grad)):
        text = f"backward adds to what stood in {name}.grad; assign with ="
        return [Finding("accumulated", text, name, 98)]
    again = None if run.again is None else run.again.get(name)
    if again is not None and again.shape == grad.shape and not _close(again, grad):
        growth = again - grad
        if _close(growth, filled - again) or _close(growth, grad):
            text = f"every backward call adds to the gradient of {name} of the call before"
            return [Finding("accumulated", text, name, 98)]
        text = f"backward called twice gives two gradients of {name}: it changes what forward kept"
        return [Finding("context_modified", text, name, 65)]
    if (filled != FILL).all() and not _close(filled, grad):
        text = f"the same call gives different gradients of {name}"
        text += ": backward is random or keeps state"
        return [Finding("backward_not_repeatable", text, name, 10)]
    return []


def _close(a: Array, b: Array) -> bool:
    if a.shape != b.shape:
        return False
    size = float(np.nanmax(np.abs(a), initial=0.0)) or 1.0
    return bool(np.allclose(a, b, rtol=1e-9, atol=1e-12 * size, equal_nan=True))


def _only_single(grad: Array, dy: Array) -> bool:
    """Whether float64 numbers went through float32: every entry is exactly a float32."""
    values = grad[(grad != 0) & np.isfinite(grad)]
    if values.size <= 3 or dy.size <= 1 or (dy == dy.astype(np.float32)).all():
        return False
    exact = (values == values.astype(np.float32)).all()
    return bool(exact and not (values == np.round(values * 64) / 64).all())


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within, random numbers come from the seed; the program's own go on undisturbed."""
    own, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(own)
        np.random.set_state(numpys)  # noqa: NPY002


@contextmanager
def frozen(target: Target) -> Iterator[bool]:
    """Within, every forward draws the same random numbers; yields whether that makes it repeat."""
    seed = target.settings.seed
    plain_forward, plain_run = target.forward, target.run
    keep = _generators(target)
    fresh = np.random.default_rng

    def default_rng(given: int | None = None) -> np.random.Generator:
        return fresh(seed if given is None else given)

    def reset(call: Callable[..., Any]) -> Callable[..., Any]:
        def again(*args: object, **kwargs: object) -> object:
            for owner, name, value in keep:
                setattr(owner, name, copy.deepcopy(value))
            np.random.default_rng = default_rng  # type: ignore[assignment]
            try:
                with seeded(seed):
                    return call(*args, **kwargs)
            finally:
                np.random.default_rng = fresh

        return again

    target.forward, target.run = reset(plain_forward), reset(plain_run)  # type: ignore[method-assign]
    try:
        yield _close(target.forward(target.values), target.forward(target.values))
    finally:
        target.forward, target.run = plain_forward, plain_run  # type: ignore[method-assign]


def _generators(target: Target) -> list[tuple[object, str, object]]:
    """(owner, attribute, copy) of everything in the layers that a call could advance."""
    kinds = (np.random.Generator, np.random.RandomState, random.Random, int, float)
    return [
        (layer, name, copy.deepcopy(value))
        for layer in getattr(target, "layers", [])
        for name, value in vars(layer).items()
        if isinstance(value, kinds) and not isinstance(value, bool)
    ]
