"""Dropout."""

import random
from typing import Any

from minicnn.engine import geometry
from minicnn.layers.arguments import Shape
from minicnn.layers.base import Layer


class Dropout(Layer):
    """In training, zero each entry with probability ``rate`` and scale the rest by 1/(1 - rate).

    Outside of training the input passes unchanged. The mask of each step is a pure function of
    (seed, step, position), the same on every backend.

    Args:
        rate: 0 <= rate <= 1.
        noise_shape: shape of the mask, broadcast to the input; None entries follow the input.
        seed: by default taken from Python's ``random`` when the layer is made.

    Raises:
        ValueError: rate out of range, or a mask's shape of other than positive sizes.

    Source: Srivastava et al. (2014), JMLR 15.
    """

    kind = "dropout"
    always_built = True

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ValueError(
                f"Dropout layer {self.name!r}: Invalid value received for argument `rate`. "
                "Expected a float value between 0 and 1. It is the share of entries to drop. "
                f"Received: rate={rate!r}"
            )
        self.rate = rate
        self.noise_shape = None if noise_shape is None else self._checked(noise_shape)
        self.seed = seed
        drawn = random.randrange(2**32) if seed is None else seed
        self.mask_seed = drawn & 0xFFFFFFFF
        if self.noise_shape is not None:
            self.kind = "dropout_broadcast"  # no fused operation knows it

    def _checked(self, noise_shape: Any) -> Shape:
        expected = "all elements to be integers or None"
        if not isinstance(noise_shape, (tuple, list)):
            expected = "a tuple or list of integers"
        elif all(n is None or geometry.is_integer(n) for n in noise_shape):
            if all(n is None or n > 0 for n in noise_shape):
                return tuple(noise_shape)
            expected = "all dimensions to be positive integers or None"
        raise ValueError(
            f"Dropout layer {self.name!r}: Invalid value received for argument `noise_shape`. "
            f"Expected {expected}. Received: noise_shape={noise_shape!r}"
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def forward(self, ctx: Any, x: Any) -> Any:
        if not ctx.training or self.rate == 0:
            return x
        return ctx.ops.dropout_forward(ctx, x, self.rate, self.mask_seed, self.noise_shape)

    def backward(self, ctx: Any, dy: Any) -> Any:
        if not ctx.training or self.rate == 0:
            return dy
        return ctx.ops.dropout_backward(ctx, dy)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rate": self.rate,
            "seed": self.seed,
            "noise_shape": self.noise_shape,
        }
