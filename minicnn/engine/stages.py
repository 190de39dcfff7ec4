"""The activations as stages: the smallest steps of a network, without weights.

A *stage* is what a plan runs: something with ``forward(ctx, x)`` and ``backward(ctx, dy)``.
Every layer is one, and ``Conv2D(activation="relu")`` is two: the convolution and a ``ReLU`` from
here. ``kind`` names the operation, so that the plan can recognise runs a backend has fused.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from minicnn.backends.context import Context
from minicnn.backends.spec import Array
from minicnn.engine.parameters import Parameter


class Stage(Protocol):
    """What a plan runs."""

    name: str
    kind: str

    @property
    def parameters(self) -> Sequence[Parameter]:
        """Its weights."""

    def forward(self, ctx: Context, x: Array) -> Array:
        """y = f(x)."""

    def backward(self, ctx: Context, dy: Array) -> Array:
        """dx = dy f'(x)."""


class Weightless:
    """Base of the stages here: a name, a kind, no weights."""

    kind: str = ""
    parameters: tuple[Parameter, ...] = ()

    def __init__(self, name: str = "") -> None:
        self.name = name or self.kind


class ReLU(Weightless):
    """max(x, 0), or its variants: see ``spec.relu_forward``."""

    kind = "relu"

    def __init__(
        self, name: str = "", negative_slope: float = 0.0, max_value: float | None = None,
        threshold: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(name)
        self.negative_slope, self.max_value, self.threshold = negative_slope, max_value, threshold
        if (negative_slope, max_value, threshold) != (0.0, None, 0.0):
            self.kind = "relu_variant"  # no fused operation knows it

    def forward(self, ctx: Context, x: Array) -> Array:
        return ctx.ops.relu_forward(ctx, x, self.negative_slope, self.max_value, self.threshold)

    def backward(self, ctx: Context, dy: Array) -> Array:
        return ctx.ops.relu_backward(ctx, dy)


class Operation(Weightless):
    """An activation that the backend has as a pair of operations, such as ``spec.tanh_forward``.

    Args:
        kind: the name of the pair: "sigmoid", "tanh", "softmax", "log_softmax" or "elementwise".
        arguments: what forward takes beside x: the axis of a softmax, the function and the alpha
            of "elementwise".
    """

    def __init__(self, kind: str, name: str = "", **arguments: Any) -> None:
        self.kind, self.arguments = kind, arguments
        self.axis: int = arguments.get("axis", -1)
        super().__init__(name or arguments.get("function", ""))

    def forward(self, ctx: Context, x: Array) -> Array:
        return getattr(ctx.ops, f"{self.kind}_forward")(ctx, x, *self.arguments.values())

    def backward(self, ctx: Context, dy: Array) -> Array:
        return getattr(ctx.ops, f"{self.kind}_backward")(ctx, dy)


class ActivityPenalty(Weightless):
    """y = x; the loss grows by a penalty on x, divided by the number of samples.

    The gradient of the loss with respect to x is then dy plus that of the penalty.
    """

    kind = "activity_penalty"

    def __init__(self, name: str, regularizer: Any) -> None:
        super().__init__(name)
        self.regularizer = regularizer

    def forward(self, ctx: Context, x: Array) -> Array:
        ctx.save(x=x)
        return x

    def backward(self, ctx: Context, dy: Array) -> Array:
        dx = ctx.buffer("dx", dy.shape, dy.dtype)
        dx[...] = dy
        self.regularizer.add_gradient(ctx.ops, dx, ctx.x, 1.0 / dy.shape[0])
        return dx

    def add_penalty(self, ctx: Context, loss: Array) -> None:
        """``loss`` (1,) += the penalty of what went through last."""
        self.regularizer.add_penalty(ctx.ops, loss, ctx.x, 1.0 / ctx.x.shape[0])
