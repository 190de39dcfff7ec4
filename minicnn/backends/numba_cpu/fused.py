"""Convolution with what usually follows it, while the product is in the cache."""

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu import conv
from minicnn.backends.spec import Array, Pads, Pair


def conv2d_relu_forward(
    ctx: Context, x: Array, w: Array, b: Array | None, strides: Pair, pads: Pads
) -> Array:
    """relu(cols @ w + b)."""
    return conv.forward(ctx, x, w, b, strides, pads, (1, 1), 1, relu=True)


def conv2d_relu_backward(
    ctx: Context, dy: Array, w: Array, dw: Array, db: Array | None
) -> Array | None:
    """As for the convolution, from dy where y > 0 and 0 elsewhere."""
    return conv.conv2d_backward(ctx, dy, w, dw, db)


def conv2d_relu_maxpool2d_forward(
    ctx: Context, x: Array, w: Array, b: Array | None, strides: Pair, pads: Pads,
    pool_size: Pair, pool_strides: Pair,
) -> Array:  # fmt: skip
    """maxpool(relu(cols @ w + b))."""
    pool = (*pool_size, *pool_strides)
    return conv.forward(ctx, x, w, b, strides, pads, (1, 1), 1, relu=True, pool=pool)


def conv2d_relu_maxpool2d_backward(
    ctx: Context, dy: Array, w: Array, dw: Array, db: Array | None
) -> Array | None:
    """As for the convolution, from dy at the winners and 0 elsewhere."""
    return conv.conv2d_backward(ctx, dy, w, dw, db)
