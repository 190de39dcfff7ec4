"""A layer of this library's kind: ``forward(ctx, x)``, ``backward(ctx, dy)``, ``add_weight``."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn import backends, config
from minicnn.backends.context import Context
from minicnn.gradcheck import source
from minicnn.gradcheck.errors import GradientCheckError, definition, guarded
from minicnn.gradcheck.targets import (
    Array,
    Run,
    Shrink,
    Target,
    Values,
    host,
    input_array,
    layer_axes,
)
from minicnn.layers.base import Layer


class CheckContext(Context):
    """A context whose new buffers hold zeros, so that a check gives the same answer every time."""

    def buffer(self, name: str, shape: Any, dtype: Any) -> Any:
        new = name not in self._buffers
        array = super().buffer(name, shape, dtype)
        if new:
            array[...] = 0
        return array

    def saved(self) -> dict[str, Any]:
        """What forward kept by name."""
        own = {"ops", "training", "need_dx", "step", "_buffers", "_frozen"}
        return {k: v for k, v in self.__dict__.items() if k not in own}


class GradientSlot(np.ndarray):
    """The memory of a parameter's gradient, which remembers a wrongly shaped assignment.

    ``p.grad[...] = value`` with a value of another shape would raise, or be broadcast in silence;
    here the value is kept, so that the report can say what is wrong with it.
    """

    wrong: Any = None

    def __setitem__(self, key: Any, value: Any) -> None:
        shape = np.shape(value)
        whole = key is Ellipsis or (isinstance(key, slice) and key == slice(None))
        if whole and shape != self.shape and isinstance(value, np.ndarray | np.generic):
            self.wrong = np.array(value)
            return
        super().__setitem__(key, np.asarray(value))


class LayerTarget(Target):
    """One layer, or the layers of a model in order.

    Args:
        make: returns a new, unbuilt layer; None when there is no way.
        built: a layer (or the list of layers of a model) to copy, instead of making one.
        x: an array or a shape, batch axis first.
    """

    def __init__(
        self, name: str, make: Callable[[], Any] | None, built: Any, x: Any, *,
        seed: int, training: bool, backend: str,
    ) -> None:  # fmt: skip
        super().__init__(name)
        self.make, self.x, self.seed, self.training, self.backend = make, x, seed, training, backend
        self.ops = backends.get(backend)
        assert make is not None or built is not None
        layer = (
            copy.deepcopy(built)
            if make is None or built is not None
            else guarded(make, f"creating {name}")
        )
        self.layers: list[Any] = layer if isinstance(layer, list) else [layer]
        self.values["x"] = input_array(x, seed, self.notes)
        self._build(self.values["x"].shape)
        self._take_parameters()
        self.stages = [stage for one in self.layers for stage in own_stages(one)]
        self.axes = {n: layer_axes(n, v.shape) for n, v in self.values.items()}
        self.rates = {
            k: v
            for one in self.layers
            for k, v in vars(one).items()
            if isinstance(v, float) and 0 < v < 1
        }

    # -- preparing ---------------------------------------------------------------------------

    def _build(self, shape: tuple[int, ...]) -> None:
        for layer in self.layers:
            if layer.built:
                continue
            layer.dtype = "float64"
            given = (None, *shape[1:])
            if type(layer).compute_output_shape is Layer.compute_output_shape:
                guarded(layer.build, f"build of {_label(layer)}", given)  # the other runs forward
                layer.built = True
            else:
                guarded(layer.ensure_built, f"build of {_label(layer)}", given)
            if layer is not self.layers[-1]:
                shape = self._shape_after(layer, shape)

    def _shape_after(self, layer: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape that ``layer`` of a model hands on."""
        out = guarded(layer.compute_output_shape, f"forward of {_label(layer)}", (None, *shape[1:]))
        return (shape[0], *out[1:])

    def _take_parameters(self) -> None:
        rng = np.random.default_rng(self.seed + 1)
        self.parameters: dict[str, Any] = {}
        if any(p.dtype != "float64" for layer in self.layers for p in layer.parameters):
            self.notes.append("the weights were float32; they are checked in float64")
        for layer in self.layers:
            for p in layer.parameters:
                value = np.asarray(p.numpy(), np.float64)
                name = p.name if len(self.layers) == 1 else p.path
                if value.size and np.ptp(value) == 0 and p.trainable:
                    # all ones or all zeros would hide a forgotten factor or term
                    value = value + rng.uniform(-0.5, 0.5, value.shape)
                p.value, p.grad = self._place(p.value, value), self._place(p.grad, value * 0)
                if self.backend == "numpy":
                    p.grad = p.grad.view(GradientSlot)
                if p.trainable:
                    self.parameters[name] = p
                    self.values[name] = value

    def _place(self, old: Any, value: Array) -> Any:
        """``value`` in float64, in the memory of ``old`` where that is possible."""
        if isinstance(old, np.ndarray) and old.dtype == np.float64 and self.backend == "numpy":
            old[...] = value
            return old
        return self.ops.asarray(np.array(value))

    # -- running -----------------------------------------------------------------------------

    def _contexts(self) -> list[CheckContext]:
        step = self.ops.zeros((1,), "uint32")
        step[...] = 3
        return [CheckContext(self.ops, step, self.training) for _ in self.stages]

    def _set(self, values: Values) -> Any:
        for name, p in self.parameters.items():
            p.value[...] = self.ops.asarray(values[name])
        return self.ops.asarray(np.array(values["x"]))

    def _forward(self, contexts: list[CheckContext], x: Any) -> Any:
        with self.ops.running():
            for stage, ctx in zip(self.stages, contexts, strict=True):
                x = guarded(stage.forward, f"forward of {_label(stage)}", ctx, x)
                if not hasattr(x, "shape"):
                    raise GradientCheckError(missing_return(stage.forward, _label(stage), x))
        return x

    def forward(self, values: Values) -> Array:
        return np.asarray(host(self._forward(self._contexts(), self._set(values))))

    def run(self, values: Values, dy: Array, fill: float = 0.0, twice: bool = False) -> Run:
        x = self._set(values)
        contexts = self._contexts()
        for p in self.parameters.values():
            p.grad[...] = self.ops.zeros(p.shape, "float64") + fill
            if isinstance(p.grad, GradientSlot):
                p.grad.wrong = None
        slots = {n: p.grad for n, p in self.parameters.items()}
        run = Run(host(self._forward(contexts, x)), {})
        self._note_changes(run, "forward", values, x)
        x[...] = self.ops.asarray(np.array(values["x"]))
        run.grads = self._backward(contexts, values, x, dy, run, slots)
        if twice:
            run.again = self._backward(contexts, values, x, dy, Run(run.y, {}), slots)
        return run

    def _backward(
        self, contexts: list[CheckContext], values: Values, x: Any, dy: Array, run: Run,
        slots: dict[str, Any],
    ) -> dict[str, Array | None]:  # fmt: skip
        lent = d = self.ops.asarray(np.array(dy))
        with self.ops.running():
            for stage, ctx in zip(reversed(self.stages), reversed(contexts), strict=True):
                d = guarded(stage.backward, f"backward of {_label(stage)}", ctx, d)
                if not hasattr(d, "shape"):
                    raise GradientCheckError(missing_return(stage.backward, _label(stage), d))
        grads: dict[str, Array | None] = {"x": host(d)}
        run.dtypes["x"] = str(d.dtype)
        if not np.array_equal(host(lent), dy, equal_nan=True):
            run.changed.add(("backward", "dy"))
        self._note_changes(run, "backward", values, x)
        for name, p in self.parameters.items():
            grad = p.grad
            if grad is not slots[name]:
                run.replaced.add(name)
                p.grad = slots[name]
            wrong = getattr(grad, "wrong", None)
            grads[name] = None if grad is None else host(grad if wrong is None else wrong)
            run.dtypes[name] = "float64" if grad is None else str(grads[name].dtype)  # type: ignore[union-attr]
        return {n: None if g is None else g.view(np.ndarray) for n, g in grads.items()}

    def _note_changes(self, run: Run, who: str, values: Values, x: Any) -> None:
        if not np.array_equal(host(x), values["x"]):
            run.changed.add((who, "x"))
        for name, p in self.parameters.items():
            if not np.array_equal(host(p.value), values[name]):
                run.changed.add((who, name))
                p.value[...] = self.ops.asarray(values[name])

    # -- for the diagnosis -------------------------------------------------------------------

    def resized(self, shrink: Shrink) -> "Target | None":
        shape = shrink.shape(self.values["x"].shape, keep_channels=self.make is None)
        if shape == self.values["x"].shape:
            return None
        return LayerTarget(
            self.name, self.make, None if self.make is not None else self._bare(), shape,
            seed=self.seed, training=self.training, backend=self.backend,
        )  # fmt: skip

    def _bare(self, *layers: Any) -> Any:
        """The layers (by default all) with plain gradient arrays, so that they can be copied."""
        chosen = layers or self.layers
        for p in (p for layer in chosen for p in layer.parameters):
            p.grad = np.array(host(p.grad)) if self.backend == "numpy" else p.grad
        return chosen[0] if len(chosen) == 1 else list(chosen)

    def source(self, name: str) -> list[str]:
        if name == "x":
            return source.returns(type(self.layers[0]).backward, 0)
        for layer in self.layers:
            attributes = [a for a, v in vars(layer).items() if v is self.parameters.get(name)]
            if attributes:
                return source.grad_lines(type(layer).backward, attributes[0])
        return []


def require_methods(cls: type) -> None:
    """Raise when the layer class lacks a forward or a backward of its own."""
    for method in ("forward", "backward"):
        own = getattr(cls, method, None)
        if own is None or own is getattr(Layer, method):
            arguments = "ctx, x" if method == "forward" else "ctx, dy"
            raise GradientCheckError(
                f"{cls.__name__} has no {method}; write  def {method}(self, {arguments})"
                f"\n  {definition(cls)}"
            )


def own_stages(layer: Any) -> list[Any]:
    """What runs for a layer: its stages, or itself where a subclass wrote a pass of its own."""

    def depth(method: str) -> int:
        return next(i for i, c in enumerate(type(layer).__mro__) if method in vars(c))

    if min(depth("forward"), depth("backward")) < depth("stages") and layer not in layer.stages():
        return [layer]
    return list(layer.stages())


def missing_return(function: Any, label: str, got: Any) -> str:
    """Message for a forward or backward that returned no array."""
    what = "None; is a return statement missing?" if got is None else f"a {type(got).__name__}"
    name = getattr(function, "__name__", "call")
    return f"{name} of {label} must return one array, it returned {what}\n  {definition(function)}"


def instance_maker(layer: Any) -> Callable[[], Any] | None:
    """How to get more unbuilt copies of ``layer``, if there is a way."""
    if not layer.built:
        return lambda: copy.deepcopy(layer)
    lineage = type(layer).__mro__
    made_by = next(c for c in lineage if "__init__" in vars(c))
    told_by = next((c for c in lineage if "get_config" in vars(c)), None)
    if told_by is not None and issubclass(told_by, made_by):  # get_config knows all arguments
        return lambda: type(layer).from_config(layer.get_config())
    return None


def class_maker(cls: type, arguments: dict[str, Any]) -> Callable[[], Any]:
    """New layers of a class, with float64 weights."""

    def make() -> Any:
        before = config.floatx()
        config.set_floatx("float64")
        try:
            return cls(**arguments)
        finally:
            config.set_floatx(before)

    return make


def _label(stage: Any) -> str:
    return type(stage).__name__
