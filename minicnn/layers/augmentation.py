"""Preparing images: Rescaling always, RandomFlip and RandomTranslation in training only."""

import random
from typing import Any

from minicnn.layers.arguments import Shape
from minicnn.layers.base import Layer
from minicnn.layers.convolution import channels_last


class Rescaling(Layer):
    """y = x scale + offset, such as ``Rescaling(1 / 255)`` for bytes. Any shape, unchanged.

    Args:
        scale, offset: two numbers.

    Raises:
        ValueError: not numbers.
    """

    kind = "rescale"

    def __init__(self, scale: float, offset: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = self._number(scale, "scale"), self._number(offset, "offset")

    def _number(self, value: Any, argument: str) -> float:
        if _is_number(value):
            return value
        if hasattr(value, "__float__") and getattr(value, "shape", None) == ():  # NumPy's numbers
            return float(value)
        raise ValueError(
            f"Rescaling layer {self.name!r}: {argument} must be a number, got {value!r}"
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def forward(self, ctx: Any, x: Any) -> Any:
        return ctx.ops.rescale_forward(ctx, x, self.scale, self.offset)

    def backward(self, ctx: Any, dy: Any) -> Any:
        return ctx.ops.rescale_backward(ctx, dy)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}


class _Augmentation(Layer):
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

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def __call__(self, x: Any, training: bool = True) -> Any:
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

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        _one_of(mode, ("horizontal", "vertical", "horizontal_and_vertical"), "mode", self.label)
        self.mode = mode

    def forward(self, ctx: Any, x: Any) -> Any:
        if not ctx.training:
            return x
        horizontal, vertical = "horizontal" in self.mode, "vertical" in self.mode
        return ctx.ops.flip_forward(ctx, x, self.draw_seed, horizontal, vertical)

    def backward(self, ctx: Any, dy: Any) -> Any:
        return ctx.ops.flip_backward(ctx, dy) if ctx.training else dy

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "data_format": self.data_format,
            "seed": self.seed,
            "mode": self.mode,
        }


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

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self.height_range = _range(height_factor, "height_factor", self.label)
        self.width_range = _range(width_factor, "width_factor", self.label)
        _one_of(fill_mode, ("reflect", "wrap", "constant", "nearest"), "fill_mode", self.label)
        _one_of(interpolation, ("nearest", "bilinear"), "interpolation", self.label)
        self.fill_mode, self.interpolation = fill_mode, interpolation
        self.fill_value = fill_value

    def forward(self, ctx: Any, x: Any) -> Any:
        if not ctx.training:
            return x
        return ctx.ops.translate_forward(
            ctx, x, self.draw_seed, self.height_range, self.width_range, self.fill_mode,
            self.fill_value, self.interpolation,
        )  # fmt: skip

    def backward(self, ctx: Any, dy: Any) -> Any:
        return ctx.ops.translate_backward(ctx, dy) if ctx.training else dy

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "data_format": self.data_format,
            "height_factor": self.height_factor,
            "width_factor": self.width_factor,
            "fill_mode": self.fill_mode,
            "interpolation": self.interpolation,
            "seed": self.seed,
            "fill_value": self.fill_value,
        }


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _one_of(value: Any, known: tuple[str, ...], argument: str, label: str) -> None:
    if value not in known:
        raise ValueError(f"{label}: {argument} must be one of {known}, got {value!r}")


def _range(factor: Any, argument: str, label: str) -> tuple[float, float]:
    """(low, high): what was given, or -f and f."""
    bounds = factor if isinstance(factor, (tuple, list)) else (factor, factor)
    if len(bounds) != 2 or not all(_is_number(f) and -1 <= f <= 1 for f in bounds):
        raise ValueError(
            f"{label}: {argument} must be a number, or two, in the range [-1.0, 1.0] (a part of "
            f"the image's size), got {factor!r}"
        )
    if not isinstance(factor, (tuple, list)):
        return -abs(float(factor)), abs(float(factor))
    low, high = sorted(map(float, bounds))
    return low, high
