"""From what a person hands over to the adapter that understands it."""

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minicnn.gradcheck.errors import GradientCheckError, definition
from minicnn.gradcheck.function_target import FunctionTarget
from minicnn.gradcheck.layer_target import (
    LayerTarget,
    class_maker,
    instance_maker,
    require_methods,
)
from minicnn.gradcheck.loss_target import LossTarget, ModelTarget
from minicnn.gradcheck.object_target import ObjectTarget
from minicnn.gradcheck.signatures import argument_names
from minicnn.gradcheck.targets import Array, Target, is_shape
from minicnn.layers.base import Layer


def make_target(
    target: Any, x: Any, *, params: Mapping[str, Any] | Sequence[Any] | None, loss: Any, y: Any,
    seed: int, training: bool, backend: str | None,
) -> Target:  # fmt: skip
    """The adapter for ``target``.

    Raises:
        GradientCheckError: it is nothing that can be checked, or the input is missing.
    """
    cupy = hasattr(x, "get") and hasattr(x, "device")
    engine = backend or ("cupy" if cupy else "numpy")
    if isinstance(target, tuple | list) or inspect.isroutine(target) or _plain_callable(target):
        pair = tuple(target) if isinstance(target, tuple | list) else (target, None)
        if len(pair) != 2 or not callable(pair[0]) or not (callable(pair[1]) or pair[1] is None):
            raise GradientCheckError("expected a pair of functions (forward, backward)")
        arrays = _cupy_arrays() if engine == "cupy" else None
        if x is None and not params:
            raise _no_input(pair[0])
        return FunctionTarget(pair[0], pair[1], x, params or {}, seed=seed, arrays=arrays)
    arguments = dict(params) if isinstance(params, Mapping) else {}
    cls = target if isinstance(target, type) else type(target)
    if hasattr(cls, "divisor"):  # a minicnn.losses.Loss, or what behaves like one
        if x is None:
            raise _no_input(cls)
        made = target(**arguments) if isinstance(target, type) else target
        return LossTarget(made, x, y, seed=seed, backend=engine)
    if isinstance(getattr(target, "layers", None), list | tuple) and not isinstance(target, type):
        return _model(target, x, loss, y, seed, training, engine)
    if issubclass(cls, Layer) or _takes_context(cls):
        if x is None:
            x = _known_shape(target)
        if x is None:
            raise _no_input(cls)
        require_methods(cls)
        is_class = isinstance(target, type)
        make = class_maker(target, arguments) if is_class else instance_maker(target)
        built = target if _built(target) else None
        return LayerTarget(
            cls.__name__, make, built, x, seed=seed, training=training, backend=engine
        )
    if callable(getattr(cls, "forward", None)):
        if not callable(getattr(cls, "backward", None)):
            raise GradientCheckError(f"{cls.__name__} has no backward\n  {definition(cls)}")
        if x is None:
            raise _no_input(cls)
        make = (
            (lambda: target(**arguments))
            if isinstance(target, type)
            else (lambda: copy.deepcopy(target))
        )
        return ObjectTarget(cls.__name__, make, x, seed=seed)
    raise GradientCheckError(
        f"cannot check a {cls.__name__}: expected a layer, a model, a loss or a pair of functions "
        "(forward, backward)"
    )


def _model(
    model: Any, x: Any, loss: Any, y: Any, seed: int, training: bool, backend: str
) -> Target:
    from minicnn import losses

    layers = list(model.layers)
    if x is None:
        shape = getattr(model, "input_shape", None)
        if shape is None or any(n is None for n in shape[1:]):
            raise _no_input(type(model))
        x = tuple(shape)
    made = None if loss is None else losses.as_loss(loss)
    name = getattr(model, "name", None) or type(model).__name__
    return ModelTarget(name, layers, x, made, y, seed=seed, training=training, backend=backend)


def _built(target: Any) -> bool:
    return not isinstance(target, type) and bool(getattr(target, "built", False))


def _known_shape(target: Any) -> Any:
    """The input shape that a layer was given or built for, with two samples."""
    given = getattr(target, "input_shape_argument", None)
    built = getattr(target, "_input_shape", None)
    shape = (2, *given) if given else (2, *built[1:]) if built else None
    return shape if shape is not None and is_shape(shape) and None not in shape else None


def _no_input(thing: Any) -> GradientCheckError:
    name = getattr(thing, "__name__", str(thing))
    return GradientCheckError(
        f"{name} needs an input: give a shape with the batch axis first, such as "
        f"check_gradients({name}, (2, 7, 6, 3)), or an array\n  {definition(thing)}"
    )


def _plain_callable(target: Any) -> bool:
    has = hasattr(target, "forward") or hasattr(target, "layers")
    return callable(target) and not isinstance(target, type) and not has


def _takes_context(cls: type) -> bool:
    forward = getattr(cls, "forward", None)
    names = argument_names(forward) if forward is not None else []
    return len(names) >= 2 and names[1] in ("ctx", "context") and hasattr(cls, "stages")


def _cupy_arrays() -> Callable[[Array], Any]:
    from minicnn import backends

    return backends.get("cupy").asarray
