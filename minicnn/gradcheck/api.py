"""``check_gradients``: from anything that has a backward pass to a :class:`Report`."""

import copy
import inspect
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from minicnn import losses
from minicnn.gradcheck import library_style
from minicnn.gradcheck.conduct import seeded
from minicnn.gradcheck.judge import check
from minicnn.gradcheck.other_styles import FunctionTarget, ObjectTarget, Params, argument_names
from minicnn.gradcheck.report import Report
from minicnn.gradcheck.targets import Settings, Target, is_shape
from minicnn.gradcheck.user_code import GradientCheckError
from minicnn.layers.base import Layer


def check_gradients(
    target: object, x: object = None, *, input_shape: object = None, params: Params | None = None,
    loss: object = None, y: object = None, seed: int = 0, training: bool = True,
    backend: str | None = None, rtol: float = 1e-6, max_elements: int = 2000,
    progress: bool | None = None,
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
    line = _ProgressLine(progress)
    start = time.perf_counter()
    x = input_shape if x is None else x
    on_gpu = hasattr(x, "get") and hasattr(x, "device")
    where = backend or ("cupy" if on_gpu else "numpy")
    settings = Settings(seed, training, where, rtol, max_elements, progress=line.show)
    try:
        with np.errstate(all="ignore"), seeded(seed):
            made = make_target(target, x, params, loss, y, settings)
            report = check(made, generated=is_shape(x))
    except GradientCheckError as error:
        raise error.with_traceback(None) from None
    finally:
        line.clear()
    report.seconds = time.perf_counter() - start
    return report


def assert_gradients(target: object, x: object = None, **options: Any) -> Report:
    """For tests: :func:`check_gradients`, and fail with the printed report if anything is wrong.

    Raises:
        AssertionError: a gradient is wrong.
        GradientCheckError: the check cannot be done.
    """
    return check_gradients(target, x, **options).raise_if_failed()


def make_target(
    target: Any, x: object, params: Params | None, loss: Any, y: object, settings: Settings
) -> Target:
    """The adapter for ``target``.

    Raises:
        GradientCheckError: it is nothing that can be checked, or the input is missing.
    """
    if isinstance(target, tuple | list) or inspect.isroutine(target) or _plain_callable(target):
        pair = tuple(target) if isinstance(target, tuple | list) else (target, None)
        if len(pair) != 2 or not callable(pair[0]) or not (callable(pair[1]) or pair[1] is None):
            raise GradientCheckError("expected a pair of functions (forward, backward)")
        x = x if params else _given(x, pair[0])
        return FunctionTarget(*pair, x, params or {}, settings)
    arguments = dict(params) if isinstance(params, Mapping) else {}
    is_class = isinstance(target, type)
    cls = target if is_class else type(target)
    if hasattr(cls, "divisor"):  # a minicnn.losses.Loss, or what behaves like one
        x = _given(x, cls)
        return library_style.LossTarget(target(**arguments) if is_class else target, x, y, settings)
    if isinstance(getattr(target, "layers", None), list | tuple) and not is_class:
        shape = getattr(target, "input_shape", None)
        if x is None and shape is not None and None not in shape[1:]:
            x = tuple(shape)
        x = _given(x, cls)
        end = None if loss is None else losses.as_loss(loss)
        name = getattr(target, "name", None) or cls.__name__
        return library_style.ModelTarget(name, list(target.layers), x, end, y, settings)
    if issubclass(cls, Layer) or _takes_context(cls):
        x = _given(_known_shape(target) if x is None else x, cls)
        library_style.require_methods(cls)
        make = (
            library_style.class_maker(cls, arguments)
            if is_class
            else library_style.instance_maker(target)
        )
        built = None if is_class or not getattr(target, "built", False) else target
        return library_style.LayerTarget(cls.__name__, make, built, x, settings)
    if callable(getattr(cls, "forward", None)):
        if not callable(getattr(cls, "backward", None)):
            raise GradientCheckError(f"{cls.__name__} has no backward", cls)
        x = _given(x, cls)
        one = (lambda: target(**arguments)) if is_class else (lambda: copy.deepcopy(target))
        return ObjectTarget(cls.__name__, one, x, settings)
    raise GradientCheckError(
        f"cannot check a {cls.__name__}: expected a layer, a model, a loss or a pair of functions "
        "(forward, backward)"
    )


def _known_shape(target: object) -> tuple[int, ...] | None:
    """The input shape that a layer was given or built for, with two samples."""
    given = getattr(target, "input_shape_argument", None)
    built = getattr(target, "_input_shape", None)
    shape = (2, *given) if given else (2, *built[1:]) if built else None
    return shape if shape and is_shape(shape) and None not in shape else None


def _given(x: object, thing: object) -> object:
    """The input, or a :class:`GradientCheckError` where there is none."""
    if x is not None:
        return x
    name = getattr(thing, "__name__", str(thing))
    raise GradientCheckError(
        f"{name} needs an input: give a shape with the batch axis first, such as "
        f"check_gradients({name}, (2, 7, 6, 3)), or an array",
        thing,
    )


def _plain_callable(target: object) -> bool:
    has = hasattr(target, "forward") or hasattr(target, "layers")
    return callable(target) and not isinstance(target, type) and not has


def _takes_context(cls: type) -> bool:
    forward = getattr(cls, "forward", None)
    names = argument_names(forward) if forward is not None else []
    return len(names) >= 2 and names[1] in ("ctx", "context") and hasattr(cls, "stages")


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
