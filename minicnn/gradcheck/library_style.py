"""This library's kind: ``forward(ctx, x)`` and ``backward(ctx, dy)`` of layers, models and losses.

Targets of a loss are made up where none are given.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minicnn import config
from minicnn.backends import spec
from minicnn.backends.context import Context
from minicnn.gradcheck import targets, user_code
from minicnn.gradcheck.targets import Array, Call, Run, Settings, Shrink, Target, Values
from minicnn.gradcheck.user_code import GradientCheckError, guarded, one_array
from minicnn.layers.base import Layer
from minicnn.losses.base import Loss

#: names of the axes by their number, channels last
INPUT_AXES = {
    1: "batch", 2: "batch, feature", 3: "batch, position, channel",
    4: "batch, height, width, channel",
}  # fmt: skip
WEIGHT_AXES = {1: "unit", 2: "input, unit", 4: "kernel height, kernel width, channel, filter"}


class CheckContext(Context):
    """A context whose new buffers hold zeros, so that a check gives the same answer every time."""

    def buffer(self, name: str, shape: Sequence[int], dtype: Any) -> spec.Array:
        new = name not in self._buffers
        array = super().buffer(name, shape, dtype)
        if new:
            array[...] = 0
        return array


class GradientSlot(np.ndarray):
    """The memory of a parameter's gradient, which remembers a wrongly shaped assignment.

    ``p.grad[...] = value`` with a value of another shape would raise, or be broadcast in silence;
    here the value is kept, so that the report can say what is wrong with it.
    """

    wrong: Array | None = None

    def __setitem__(self, key: Any, value: Any) -> None:
        whole = key is Ellipsis or (isinstance(key, slice) and key == slice(None))
        if whole and np.shape(value) != self.shape and isinstance(value, np.ndarray | np.generic):
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
        self, name: str, make: Callable[[], Layer] | None, built: Layer | list[Layer] | None,
        x: object, settings: Settings,
    ) -> None:  # fmt: skip
        super().__init__(name, settings, settings.backend)
        self.make, self.keep_channels = make, make is None
        if built is None:
            assert make is not None
            layer = guarded(make, f"creating {name}")
        else:
            layer = copy.deepcopy(built)
        self.layers: list[Layer] = layer if isinstance(layer, list) else [layer]
        self.values["x"] = self.input_array(x)
        self._build(self.values["x"].shape)
        self._take_parameters()
        self.stages = [stage for one in self.layers for stage in own_stages(one)]
        self.axes = {n: layer_axes(n, v.shape) for n, v in self.values.items()}
        self.rates = {k: v for one in self.layers for k, v in targets.rates(vars(one)).items()}

    # -- preparing ---------------------------------------------------------------------------

    def _build(self, shape: tuple[int | None, ...]) -> None:
        for layer in self.layers:
            if layer.built:
                continue
            layer.dtype = "float64"
            label, shape = type(layer).__name__, (None, *shape[1:])
            if type(layer).compute_output_shape is Layer.compute_output_shape:
                guarded(layer.build, f"build of {label}", shape)  # the other runs forward
                layer.built = True
            else:
                guarded(layer.ensure_built, f"build of {label}", shape)
            if layer is not self.layers[-1]:
                shape = guarded(layer.compute_output_shape, f"forward of {label}", shape)

    def _take_parameters(self) -> None:
        rng = np.random.default_rng(self.settings.seed + 1)
        parameters = [p for layer in self.layers for p in layer.parameters]
        self.parameters = {
            p.name if len(self.layers) == 1 else p.path: p for p in parameters if p.trainable
        }
        if any(p.dtype != "float64" for p in parameters):
            self.notes.append("the weights were float32; they are checked in float64")
        for p in parameters:
            value = np.asarray(p.numpy(), np.float64)
            if value.size and p.trainable:
                value = targets.apart(value, rng)
            p.value, p.grad = self._place(p.value, value), self._place(p.grad, value * 0)
            if self.backend == "numpy":
                p.grad = p.grad.view(GradientSlot)
        for name, p in self.parameters.items():
            self.values[name] = targets.host(p.value)

    def _place(self, old: spec.Array, value: Array) -> spec.Array:
        """``value`` in float64, in the memory of ``old`` where that is possible."""
        if isinstance(old, np.ndarray) and old.dtype == np.float64 and self.backend == "numpy":
            old[...] = value
            return old
        return self.lend(value)

    # -- running -----------------------------------------------------------------------------

    def _start(self, values: Values) -> Call:
        for name, p in self.parameters.items():
            p.value[...] = self.ops.asarray(values[name])
        slots = {n: p.grad for n, p in self.parameters.items()}
        step = self.ops.zeros((1,), "uint32")
        step[...] = 3
        contexts = [CheckContext(self.ops, step, self.settings.training) for _ in self.stages]
        return Call({"x": self.lend(values["x"])}, (contexts, slots))

    def _forward(self, call: Call) -> Array:
        x = call.arrays["x"]
        with self.ops.running():
            for stage, ctx in zip(self.stages, call.memory[0], strict=True):
                label = type(stage).__name__
                y = guarded(stage.forward, f"forward of {label}", ctx, x)
                x = one_array(y, stage.forward, label)
        return targets.host(x)

    def _backward(self, call: Call, dy: spec.Array, run: Run) -> dict[str, spec.Array | None]:
        contexts, slots = call.memory
        with self.ops.running():
            for stage, ctx in zip(reversed(self.stages), reversed(contexts), strict=True):
                label = type(stage).__name__
                dx = guarded(stage.backward, f"backward of {label}", ctx, dy)
                dy = one_array(dx, stage.backward, label)
        grads: dict[str, spec.Array | None] = {"x": dy}
        for name, p in self.parameters.items():
            grad = p.grad
            if grad is not slots[name]:
                run.replaced.add(name)
                p.grad = slots[name]
            wrong = getattr(grad, "wrong", None)
            grads[name] = None if grad is None else targets.host(grad if wrong is None else wrong)
        return grads

    def _fill(self, value: float) -> None:
        for p in self.parameters.values():
            p.grad[...] = self.ops.zeros(p.shape, "float64") + value
            if isinstance(p.grad, GradientSlot):
                p.grad.wrong = None

    def _held(self, call: Call, name: str) -> spec.Array:
        return call.arrays["x"] if name == "x" else self.parameters[name].value

    def _restore(self, call: Call, name: str, value: Array, who: str) -> None:
        # after backward x stays: what its context kept of it shows when it is called again
        if name != "x" or who == "forward":
            self._held(call, name)[...] = self.lend(value)

    # -- for the diagnosis -------------------------------------------------------------------

    def _of_shape(self, shape: tuple[int, ...]) -> Target | None:
        built = self.layers if self.make is None else None
        return LayerTarget(self.name, self.make, built, shape, self.settings)

    def source(self, name: str) -> list[str]:
        if name == "x":
            return user_code.returns(type(self.layers[0]).backward, 0)
        for layer in self.layers:
            attributes = [a for a, v in vars(layer).items() if v is self.parameters.get(name)]
            if attributes:
                return user_code.grad_lines(type(layer).backward, attributes[0])
        return []


class LossTarget(Target):
    """A loss, ``forward(ctx, y_true, y_pred)``, reduced as in training.

    The checked output is the batch's loss: the sum of the values divided by ``loss.divisor``.

    Args:
        x: predictions or their shape.
        y_true: targets; by default random ones of the kind that ``loss.targets`` names.
    """

    kind = "loss"

    def __init__(self, loss: Loss, x: object, y_true: object, settings: Settings) -> None:
        super().__init__(type(loss).__name__, settings, settings.backend)
        self.loss = copy.deepcopy(loss)
        for method in ("forward", "backward"):
            if not hasattr(loss, method):
                raise GradientCheckError(f"loss {self.name} has no {method}", type(loss))
        self.values["x"] = self.input_array(x)
        self.axes["x"] = layer_axes("x", self.values["x"].shape)
        activation = getattr(loss, "inverse_of", None)
        if isinstance(x, tuple) and activation and not getattr(loss, "from_logits", False):
            self.values["x"] = probabilities(self.values["x"], activation)
            self.notes.append("the input was made positive: this loss takes probabilities")
        self.constants["y_true"] = targets_for(loss, self.values["x"].shape, y_true, settings.seed)

    def _start(self, values: Values) -> Call:
        return Call({"x": self.lend(values["x"])}, CheckContext(self.ops, training=True))

    def _forward(self, call: Call) -> Array:
        y_true, x = self.lend(self.constants["y_true"]), call.arrays["x"]
        with self.ops.running():
            out = guarded(self.loss.forward, f"forward of {self.name}", call.memory, y_true, x)
        losses = out[0] if isinstance(out, tuple) else out
        call.arrays["losses"] = one_array(losses, self.loss.forward, self.name)
        return np.asarray(targets.host(losses).sum() * self._scale(losses))

    def _scale(self, losses: spec.Array) -> float:
        return 1.0 / self.loss.divisor(max(int(np.prod(losses.shape)), 1), None)

    def _cotangent(self, call: Call, dy: Array) -> spec.Array:
        losses = call.arrays["losses"]
        return self.lend(np.full(losses.shape, float(dy) * self._scale(losses)))

    def _backward(self, call: Call, dy: spec.Array, run: Run) -> dict[str, spec.Array | None]:
        with self.ops.running():
            dx = guarded(self.loss.backward, f"backward of {self.name}", call.memory, dy)
        return {"x": one_array(dx, self.loss.backward, self.name)}

    def _of_shape(self, shape: tuple[int, ...]) -> Target | None:
        return LossTarget(self.loss, shape, None, self.settings)

    def source(self, name: str) -> list[str]:
        return user_code.returns(type(self.loss).backward, 0)


class ModelTarget(LayerTarget):
    """The layers of a model in a row, and its loss where one is given.

    Args:
        layers: the model's layers, built or not; copies are checked.
    """

    def __init__(
        self, name: str, layers: list[Layer], x: object, loss: Loss | None, y_true: object,
        settings: Settings,
    ) -> None:  # fmt: skip
        super().__init__(name, None, layers, x, settings)
        self.loss: LossTarget | None = None
        if loss is not None:
            out = super().forward(self.values)
            self.loss = LossTarget(loss, out, y_true, settings)

    def forward(self, values: Values) -> Array:
        out = super().forward(values)
        return out if self.loss is None else self.loss.forward({"x": out})

    def run(self, values: Values, dy: Array, fill: float = 0.0, twice: bool = False) -> Run:
        if self.loss is None:
            return super().run(values, dy, fill, twice)
        end = self.loss.run({"x": super().forward(values)}, dy)
        dout = end.grads["x"]
        assert dout is not None
        run = super().run(values, dout, fill, twice)
        run.y = end.y
        run.changed |= end.changed
        return run

    def resized(self, shrink: Shrink) -> Target | None:
        return None

    def parts(self) -> list[Target]:
        """Each layer alone, with the input that it gets inside the model, and the loss."""
        x, parts = self.values["x"], list[Target]()
        for layer in self.layers:
            alone = LayerTarget(layer.name, instance_maker(layer), layer, x, self.settings)
            parts.append(alone)
            x = alone.forward(alone.values)
        return parts if self.loss is None else [*parts, self.loss]


def require_methods(cls: type) -> None:
    """Raise when the layer class lacks a forward or a backward of its own."""
    for method, arguments in (("forward", "ctx, x"), ("backward", "ctx, dy")):
        own = getattr(cls, method, None)
        if own is None or own is getattr(Layer, method):
            raise GradientCheckError(
                f"{cls.__name__} has no {method}; write  def {method}(self, {arguments})", cls
            )


def own_stages(layer: Layer) -> list[Any]:
    """What runs for a layer: its stages, or itself where a subclass wrote a pass of its own."""

    def depth(method: str) -> int:
        return next(i for i, c in enumerate(type(layer).__mro__) if method in vars(c))

    if min(depth("forward"), depth("backward")) < depth("stages") and layer not in layer.stages():
        return [layer]
    return list(layer.stages())


def instance_maker(layer: Layer) -> Callable[[], Layer] | None:
    """How to get more unbuilt copies of ``layer``, if there is a way."""
    if not layer.built:
        return lambda: copy.deepcopy(layer)
    lineage = type(layer).__mro__
    made_by = next(c for c in lineage if "__init__" in vars(c))
    told_by = next((c for c in lineage if "get_config" in vars(c)), None)
    if told_by is not None and issubclass(told_by, made_by):  # get_config knows all arguments
        return lambda: type(layer).from_config(layer.get_config())
    return None


def class_maker(cls: type[Layer], arguments: dict[str, Any]) -> Callable[[], Layer]:
    """New layers of a class, with float64 weights."""

    def make() -> Layer:
        before = config.floatx()
        config.set_floatx("float64")
        try:
            return cls(**arguments)
        finally:
            config.set_floatx(before)

    return make


def layer_axes(name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Axis names in this library's layout."""
    named = (INPUT_AXES if name == "x" else WEIGHT_AXES).get(len(shape))
    return targets.plain_axes(shape) if named is None else tuple(named.split(", "))


def probabilities(x: Array, activation: str) -> Array:
    """What the activation in front of a loss would hand it."""
    if activation == "softmax":
        e = np.exp(x)
        return np.asarray(e / e.sum(axis=-1, keepdims=True))
    return np.asarray(1 / (1 + np.exp(-x)))


def targets_for(loss: Loss, shape: tuple[int, ...], given: object, seed: int) -> Array:
    """The given targets as the loss wants them, or random ones of its kind."""
    labels = loss.targets == "labels"
    if given is not None:
        array = targets.host(given).astype("int64" if labels else "float64")
        fits = shape[:-1] if labels else shape
        if array.shape != fits and array.size == int(np.prod(fits)):
            array = array.reshape(fits)
        if array.shape != fits:
            raise GradientCheckError(
                f"the targets must have the shape {fits} for predictions of shape {shape}, "
                f"got {array.shape}"
            )
        return array
    rng = np.random.default_rng(seed + 2)
    if labels:
        return rng.integers(0, shape[-1], shape[:-1])
    if loss.targets == "one_hot":
        return np.asarray(np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])])
    if getattr(loss, "inverse_of", None) is not None:
        return rng.integers(0, 2, shape).astype("float64")
    return rng.standard_normal(shape)
