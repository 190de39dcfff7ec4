"""Convolution with what usually follows it, in one pass over the product."""

from typing import Any

from minicnn.backends.cupy_gpu.conv import backward, forward
from minicnn.backends.spec import Array, Pads, Pair


def conv2d_relu_forward(
    ctx: Any, x: Array, w: Array, b: Array | None, strides: Pair, pads: Pads
) -> Array:
    """relu(cols @ w + b)."""
    return forward(ctx, x, w, b, strides, pads, (1, 1), 1, relu=True)


def conv2d_relu_backward(
    ctx: Any, dy: Array, w: Array, dw: Array, db: Array | None
) -> Array | None:
    """As for the convolution, from dy where y > 0 and 0 elsewhere."""
    return backward(ctx, dy, w, dw, db)


def conv2d_relu_maxpool2d_forward(
    ctx: Any, x: Array, w: Array, b: Array | None, strides: Pair, pads: Pads,
    pool_size: Pair, pool_strides: Pair,
) -> Array:  # fmt: skip
    """maxpool(relu(cols @ w + b))."""
    pool = (*pool_size, *pool_strides)
    return forward(ctx, x, w, b, strides, pads, (1, 1), 1, relu=True, pool=pool)


def conv2d_relu_maxpool2d_backward(
    ctx: Any, dy: Array, w: Array, dw: Array, db: Array | None
) -> Array | None:
    """As for the convolution, from dy at the winners and 0 elsewhere."""
    return backward(ctx, dy, w, dw, db)
