"""Layers that change data at random in training and pass it unchanged in inference.

What happens in a step is a pure function of (seed, step, position), the same on every backend.
"""

import random
from collections.abc import Sequence
from typing import Any

from minicnn.backends.context import Context
from minicnn.backends.spec import Array
from minicnn.engine import geometry
from minicnn.layers.arguments import Shape, channels_last
from minicnn.layers.base import SameShape

Factor = float | Sequence[float]  # f, for [-f, f], or two numbers


class Dropout(SameShape):
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
    saved_arguments = ("rate", "seed", "noise_shape")

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
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
        self.mask_seed = (random.randrange(2**32) if seed is None else seed) & 0xFFFFFFFF
        if self.noise_shape is not None:
            self.kind = "dropout_broadcast"  # no fused operation knows it

    def _checked(self, noise_shape: object) -> Shape:
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

    def forward(self, ctx: Context, x: Array) -> Array:
        if not ctx.training or self.rate == 0:
            return x
        return ctx.ops.dropout_forward(ctx, x, self.rate, self.mask_seed, self.noise_shape)

    def backward(self, ctx: Context, dy: Array) -> Array:
        if not ctx.training or self.rate == 0:
            return dy
        return ctx.ops.dropout_backward(ctx, dy)


class _Augmentation(SameShape):
    """A random change of every image, in training only: inference passes images unchanged.

    What image n of a step gets is a pure function of (seed, step, n), the same on every backend.
    """

    input_ndim = 4

    def __init__(self, seed: int | None, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.label = f"{type(self).__name__} layer {self.name!r}"
        self.data_format = channels_last(data_format, self.label)
        self.seed = seed
        self.draw_seed = (random.randrange(2**32) if seed is None else seed) & 0xFFFFFFFF

    def __call__(self, x: object, training: bool = True) -> Any:
        """Change a batch of images; called by hand, it does so each time anew, as in Keras."""
        return super().__call__(x, training)


class RandomFlip(_Augmentation):
    """Mirror each image with probability 1/2 along each axis of ``mode``. Shape unchanged.

    Args:
        mode: "horizontal" (left to right), "vertical" (top to bottom) or
            "horizontal_and_vertical".
        seed: by default taken from Python's ``random`` when the layer is made.
        data_format: "channels_last" only.

    Raises:
        ValueError: an unknown mode.
    """

    kind = "flip"
    saved_arguments = ("data_format", "seed", "mode")

    def __init__(
        self, mode: str = "horizontal_and_vertical", seed: int | None = None,
        data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        _one_of(mode, ("horizontal", "vertical", "horizontal_and_vertical"), "mode", self.label)
        self.mode = mode

    def forward(self, ctx: Context, x: Array) -> Array:
        if not ctx.training:
            return x
        horizontal, vertical = "horizontal" in self.mode, "vertical" in self.mode
        return ctx.ops.flip_forward(ctx, x, self.draw_seed, horizontal, vertical)

    def backward(self, ctx: Context, dy: Array) -> Array:
        return ctx.ops.flip_backward(ctx, dy) if ctx.training else dy


class RandomTranslation(_Augmentation):
    """Shift each image down and to the right by a random part of its size. Shape unchanged.

    Args:
        height_factor: the part of the height is drawn from [-f, f], or from [a, b] if two numbers
            are given; negative is up. Within [-1, 1].
        width_factor: the same for the width; negative is to the left.
        fill_mode: what stands outside the image a b c d: "reflect" b a|a b c d|d c,
            "nearest" a a|a b c d|d d, "wrap" c d|a b c d|a b, or "constant".
        interpolation: "bilinear" or "nearest".
        seed: by default taken from Python's ``random`` when the layer is made.
        fill_value: what "constant" fills with.
        data_format: "channels_last" only.

    Raises:
        ValueError: a factor out of range, or an unknown mode or interpolation.
    """

    kind = "translate"
    saved_arguments = (
        "data_format", "height_factor", "width_factor", "fill_mode", "interpolation", "seed",
        "fill_value",
    )  # fmt: skip

    def __init__(
        self, height_factor: Factor, width_factor: Factor, fill_mode: str = "reflect",
        interpolation: str = "bilinear", seed: int | None = None, fill_value: float = 0.0,
        data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self.height_range = _range(height_factor, "height_factor", self.label)
        self.width_range = _range(width_factor, "width_factor", self.label)
        _one_of(fill_mode, ("reflect", "wrap", "constant", "nearest"), "fill_mode", self.label)
        _one_of(interpolation, ("nearest", "bilinear"), "interpolation", self.label)
        self.fill_mode, self.interpolation = fill_mode, interpolation
        self.fill_value = fill_value

    def forward(self, ctx: Context, x: Array) -> Array:
        if not ctx.training:
            return x
        return ctx.ops.translate_forward(
            ctx, x, self.draw_seed, self.height_range, self.width_range, self.fill_mode,
            self.fill_value, self.interpolation,
        )  # fmt: skip

    def backward(self, ctx: Context, dy: Array) -> Array:
        return ctx.ops.translate_backward(ctx, dy) if ctx.training else dy


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _one_of(value: object, known: tuple[str, ...], argument: str, label: str) -> None:
    if value not in known:
        raise ValueError(f"{label}: {argument} must be one of {known}, got {value!r}")


def _range(factor: Factor, argument: str, label: str) -> tuple[float, float]:
    """(low, high): what was given, or -f and f."""
    bounds = factor if isinstance(factor, (tuple, list)) else (factor, factor)
    if len(bounds) != 2 or not all(_is_number(f) and -1 <= f <= 1 for f in bounds):
        raise ValueError(
            f"{label}: {argument} must be a number, or two, in the range [-1.0, 1.0] (a part of "
            f"the image's size), got {factor!r}"
        )
    low, high = sorted(map(float, bounds))
    return (low, high) if isinstance(factor, (tuple, list)) else (-abs(low), abs(low))
