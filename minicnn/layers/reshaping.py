"""Layers without weights that move entries, pad or rescale them."""

import math
from collections.abc import Sequence
from typing import Any

from minicnn.backends.context import Context
from minicnn.backends.spec import Array
from minicnn.engine import geometry
from minicnn.layers.arguments import Shape, Sizes, channels_last
from minicnn.layers.base import Layer, SameShape


class ZeroPadding2D(Layer):
    """Zeros around the image. (N, H, W, C) -> (N, top + H + bottom, left + W + right, C).

    Args:
        padding: one integer for all sides, (rows, columns) for both sides of each axis, or
            ((top, bottom), (left, right)).
        data_format: "channels_last" only.

    Raises:
        ValueError: ``padding`` is none of these, or negative.
    """

    kind = "pad2d"
    input_ndim = 4
    saved_arguments = ("padding", "data_format")

    def __init__(
        self, padding: Sizes | Sequence[Sequence[int]] = (1, 1), data_format: str | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.padding = self._pads(padding)
        self.data_format = channels_last(data_format, f"ZeroPadding2D layer {self.name!r}")

    def _pads(self, padding: Any) -> geometry.Pads:
        axes = padding if isinstance(padding, (tuple, list)) else (padding, padding)
        pairs = [p if isinstance(p, (tuple, list)) else (p, p) for p in axes]
        if len(pairs) != 2 or not all(
            len(pair) == 2 and all(geometry.is_integer(n) and n >= 0 for n in pair)
            for pair in pairs
        ):
            raise ValueError(
                f"ZeroPadding2D layer {self.name!r}: `padding` should be an integer, two integers "
                "(rows, columns) or two pairs ((top, bottom), (left, right)), none of them "
                f"negative, got {padding!r}"
            )
        (top, bottom), (left, right) = pairs
        return (int(top), int(bottom)), (int(left), int(right))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        N, H, W, C = input_shape
        rows, columns = map(sum, self.padding)
        return (N, None if H is None else H + rows, None if W is None else W + columns, C)

    def forward(self, ctx: Context, x: Array) -> Array:
        return ctx.ops.pad2d_forward(ctx, x, self.padding)

    def backward(self, ctx: Context, dy: Array) -> Array:
        return ctx.ops.pad2d_backward(ctx, dy)


class Reshape(Layer):
    """(N, ...) -> (N, *target_shape), in C order: the last axis runs fastest. No arithmetic.

    Args:
        target_shape: sizes without the batch axis; one of them may be -1, "what is left".

    Raises:
        ValueError: not positive sizes, more than one -1, or another number of entries than the
            input has.
    """

    kind = "reshape"
    always_built = True
    saved_arguments = ("target_shape",)

    def __init__(self, target_shape: Sizes, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given = target_shape if isinstance(target_shape, (tuple, list)) else (target_shape,)
        if not all(geometry.is_integer(n) and (n > 0 or n == -1) for n in given):
            raise ValueError(
                f"Reshape layer {self.name!r}: a size must be a non-negative integer above 0, or "
                "-1 for what is left, without the batch axis. "
                f"Received: target_shape={target_shape!r}"
            )
        self.target_shape = tuple(int(n) for n in given)
        if self.target_shape.count(-1) > 1:
            raise ValueError(
                f"Reshape layer {self.name!r}: There must be at most one unknown dimension (-1). "
                f"Received: target_shape={self.target_shape}"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes = [n for n in input_shape[1:] if n is not None]
        known = math.prod(n for n in self.target_shape if n != -1)
        if len(sizes) < len(input_shape) - 1:  # a size is open
            return (input_shape[0], *(None if n == -1 else n for n in self.target_shape))
        rest, left = divmod(math.prod(sizes), known)
        if left or (-1 not in self.target_shape and rest != 1):
            raise ValueError(
                f"Reshape layer {self.name!r}: The total size must be unchanged, but an input of "
                f"shape {tuple(input_shape)} has {math.prod(sizes)} entries a sample and does not "
                f"fit target_shape {self.target_shape}"
            )
        return (input_shape[0], *(rest if n == -1 else n for n in self.target_shape))

    def forward(self, ctx: Context, x: Array) -> Array:
        ctx.save(x_shape=x.shape)
        return x.reshape(self.compute_output_shape(x.shape))  # type: ignore[arg-type]

    def backward(self, ctx: Context, dy: Array) -> Array:
        return dy.reshape(ctx.x_shape)


class Rescaling(SameShape):
    """y = x scale + offset, such as ``Rescaling(1 / 255)`` for bytes. Any shape, unchanged.

    Args:
        scale, offset: two numbers.

    Raises:
        ValueError: not numbers.
    """

    kind = "rescale"
    saved_arguments = ("scale", "offset")

    def __init__(self, scale: float, offset: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = self._number(scale, "scale"), self._number(offset, "offset")

    def _number(self, value: Any, argument: str) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
        if hasattr(value, "__float__") and getattr(value, "shape", None) == ():  # NumPy's numbers
            return float(value)
        raise ValueError(
            f"Rescaling layer {self.name!r}: {argument} must be a number, got {value!r}"
        )

    def forward(self, ctx: Context, x: Array) -> Array:
        return ctx.ops.rescale_forward(ctx, x, self.scale, self.offset)

    def backward(self, ctx: Context, dy: Array) -> Array:
        return ctx.ops.rescale_backward(ctx, dy)
