"""Activations as layers: Activation, ReLU, LeakyReLU, Softmax."""

import warnings
from typing import Any

from minicnn import activations
from minicnn.backends.context import Context
from minicnn.backends.spec import Array
from minicnn.engine import stages
from minicnn.engine.guard import is_own
from minicnn.layers.arguments import Shape
from minicnn.layers.base import SameShape


class _StageLayer(SameShape):
    """A layer that is exactly one activation stage."""

    stage: stages.Stage | None = None
    always_built = True

    def stages(self) -> list[Any]:
        if not is_own(self):
            return [self]  # somebody's subclass: its forward and backward are what counts
        return [] if self.stage is None else [self.stage]

    def forward(self, ctx: Context, x: Array) -> Array:
        return x if self.stage is None else self.stage.forward(ctx, x)

    def backward(self, ctx: Context, dy: Array) -> Array:
        return dy if self.stage is None else self.stage.backward(ctx, dy)


class Activation(_StageLayer):
    """An activation by name: ``Activation("relu")``. Any shape, unchanged.

    Args:
        activation: a name or function of ``minicnn.activations``; None is linear.

    Raises:
        ValueError: an unknown name.
    """

    always_built = True
    saved_arguments = ("activation",)

    def __init__(self, activation: activations.Activation, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.stage = activations.stage(self.activation, self.name)

    def build(self, input_shape: Shape) -> None:
        if self.activation is activations.softmax:
            warn_softmax_of_one(self.name, input_shape)


class ReLU(_StageLayer):
    """max_value where x >= max_value; x where x > threshold; negative_slope (x - threshold) else.

    Args:
        max_value: a ceiling, or None for no ceiling.
        negative_slope: slope below the threshold.
        threshold: where the ramp begins.

    Raises:
        ValueError: a negative argument.
    """

    saved_arguments = ("max_value", "negative_slope", "threshold")

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        for name, value in (("max_value", max_value), ("negative_slope", negative_slope),
                            ("threshold", threshold)):  # fmt: skip
            if (value is None and name != "max_value") or (value is not None and value < 0):
                none = "" if name == "max_value" else "None or "
                raise ValueError(
                    f"{name} of a ReLU layer cannot be {none}a negative value. "
                    f"Received: {name}={value!r} for layer {self.name!r}"
                )
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold
        self.stage = stages.ReLU(self.name, float(negative_slope), max_value, float(threshold))


class LeakyReLU(_StageLayer):
    """x where x > 0, negative_slope x elsewhere.

    Args:
        negative_slope: slope below 0; the activation named "leaky_relu" has 0.2.

    Raises:
        ValueError: None or a negative slope.
    """

    saved_arguments = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:  # the older name
            negative_slope = kwargs.pop("alpha")
            warnings.warn(
                "Argument `alpha` is deprecated. Use `negative_slope` instead.", stacklevel=2
            )
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(
                "The negative_slope value of a Leaky ReLU layer cannot be None or negative value. "
                "Expected a float. "
                f"Received: negative_slope={negative_slope!r} for layer {self.name!r}"
            )
        self.negative_slope = negative_slope
        self.stage = stages.ReLU(self.name, float(negative_slope))


class Softmax(_StageLayer):
    """exp(x) / sum(exp(x)) along ``axis`` (default: the last).

    A softmax over an axis of size 1 is always 1; a ``UserWarning`` says so.
    """

    always_built = True
    saved_arguments = ("axis",)

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.stage = stages.Operation("softmax", self.name, axis=axis)

    def build(self, input_shape: Shape) -> None:
        warn_softmax_of_one(self.name, input_shape, self.axis)


def warn_softmax_of_one(name: str, shape: Shape, axis: int = -1) -> None:
    """Warn when a softmax along ``axis`` of ``shape`` can only answer 1."""
    if shape[axis] == 1:
        warnings.warn(
            f"layer {name!r} takes a softmax over an axis of size 1 (shape {tuple(shape)}), which "
            "will always return the value 1; for two classes use one unit with "
            "activation='sigmoid' and binary_crossentropy",
            UserWarning,
            stacklevel=2,
        )
