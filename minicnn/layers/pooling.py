"""Pooling: the largest entry or the mean of each window, or of the whole image."""

from collections.abc import Sequence
from typing import Any

from minicnn.backends.context import Context
from minicnn.backends.spec import Array
from minicnn.engine import geometry
from minicnn.layers.arguments import NO_PADS, Shape, Sizes, channels_last
from minicnn.layers.base import Layer


class _Pooling2D(Layer):
    """What the two poolings over windows share: arguments, shapes, padding."""

    always_built = True
    input_ndim = 4
    saved_arguments = ("pool_size", "padding", "strides", "data_format")

    def __init__(
        self, pool_size: Sizes, strides: Sizes | None = None, padding: str = "valid",
        data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        label = f"{type(self).__name__} layer {self.name!r}"
        self.pool_size = geometry.pair(pool_size, "pool_size", label)
        self.strides = (
            self.pool_size if strides is None else geometry.pair(strides, "strides", label)
        )
        self.padding = geometry.padding_name(padding, label)
        self.data_format = channels_last(data_format, label)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        OH, OW = geometry.slide(
            f"layer {self.name!r} ({type(self).__name__})", input_shape, self.pool_size,
            self.strides, self.padding,
        )  # fmt: skip
        return (input_shape[0], OH, OW, input_shape[3])

    def pads(self, x_shape: Sequence[int]) -> geometry.Pads:
        """((top, bottom), (left, right)) padding around an input (N, H, W, C)."""
        return geometry.pads_around(x_shape, self.pool_size, self.strides, self.padding)


class MaxPooling2D(_Pooling2D):
    """Largest entry of each window. (N, H, W, C) -> (N, OH, OW, C).

    Args:
        pool_size: one integer or (PH, PW).
        strides: step of the window; None means ``pool_size``.
        padding: "valid" drops a remainder that no window reaches; "same" pads (padding never wins).
        data_format: "channels_last" only.

    Backward sends each gradient to the first maximum of its window, row by row.
    """

    kind = "maxpool2d"

    def __init__(
        self, pool_size: Sizes = (2, 2), strides: Sizes | None = None, padding: str = "valid",
        data_format: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(pool_size, strides, padding, data_format, **kwargs)

    def forward(self, ctx: Context, x: Array) -> Array:
        pads = NO_PADS if self.padding == "valid" else self.pads(x.shape)
        return ctx.ops.maxpool2d_forward(ctx, x, self.pool_size, self.strides, pads)

    def backward(self, ctx: Context, dy: Array) -> Array:
        return ctx.ops.maxpool2d_backward(ctx, dy)


class AveragePooling2D(_Pooling2D):
    """Mean of each window. (N, H, W, C) -> (N, OH, OW, C).

    Args:
        pool_size: one integer or (PH, PW).
        strides: step of the window; None means ``pool_size``.
        padding: "valid" drops a remainder that no window reaches; "same" pads, and the mean is over
            the entries of the image only.
        data_format: "channels_last" only.
    """

    kind = "avgpool2d"

    def forward(self, ctx: Context, x: Array) -> Array:
        return ctx.ops.avgpool2d_forward(ctx, x, self.pool_size, self.strides, self.pads(x.shape))

    def backward(self, ctx: Context, dy: Array) -> Array:
        return ctx.ops.avgpool2d_backward(ctx, dy)


class _GlobalPooling2D(Layer):
    """Pooling with one window, as large as the image."""

    always_built = True
    input_ndim = 4
    saved_arguments = ("data_format", "keepdims")

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format, f"{type(self).__name__} layer {self.name!r}")
        self.keepdims = keepdims

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        N, _, _, C = input_shape
        return (N, 1, 1, C) if self.keepdims else (N, C)

    def shaped(self, y: Array) -> Array:
        """(N, 1, 1, C) as the caller wants it."""
        return y if self.keepdims else y.reshape(y.shape[0], y.shape[3])


class GlobalAveragePooling2D(_GlobalPooling2D):
    """Mean of each channel. (N, H, W, C) -> (N, C).

    Args:
        data_format: "channels_last" only.
        keepdims: keep H and W as axes of size 1: (N, 1, 1, C).
    """

    kind = "global_avgpool2d"

    def forward(self, ctx: Context, x: Array) -> Array:
        return self.shaped(ctx.ops.avgpool2d_forward(ctx, x, x.shape[1:3], (1, 1), NO_PADS))

    def backward(self, ctx: Context, dy: Array) -> Array:
        return ctx.ops.avgpool2d_backward(ctx, dy.reshape(dy.shape[0], 1, 1, -1))


class GlobalMaxPooling2D(_GlobalPooling2D):
    """Largest entry of each channel. (N, H, W, C) -> (N, C).

    Args:
        data_format: "channels_last" only.
        keepdims: keep H and W as axes of size 1: (N, 1, 1, C).

    Backward sends each gradient to the first maximum, row by row.
    """

    kind = "global_maxpool2d"

    def forward(self, ctx: Context, x: Array) -> Array:
        return self.shaped(ctx.ops.maxpool2d_forward(ctx, x, x.shape[1:3], (1, 1), NO_PADS))

    def backward(self, ctx: Context, dy: Array) -> Array:
        return ctx.ops.maxpool2d_backward(ctx, dy.reshape(dy.shape[0], 1, 1, -1))


MaxPool2D, AvgPool2D = MaxPooling2D, AveragePooling2D
GlobalAvgPool2D, GlobalMaxPool2D = GlobalAveragePooling2D, GlobalMaxPooling2D
