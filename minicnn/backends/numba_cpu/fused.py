"""Convolution with what usually follows it, while the product is in the cache."""

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu import conv
from minicnn.backends.spec import Array, Pads, Pair


def conv2d_relu_forward(
    ctx: Context, x: Array, w: Array, b: Array | None, strides: Pair, pads: Pads
) -> Array:
    """relu(cols @ w + b)."""
    return conv.forward(ctx, x, w, b, strides, pads, (1, 1), 1, relu=True)


def conv2d_relu_maxpool2d_forward(
    ctx: Context, x: Array, w: Array, b: Array | None, strides: Pair, pads: Pads,
    pool_size: Pair, pool_strides: Pair,
) -> Array:  # fmt: skip
    """maxpool(relu(cols @ w + b))."""
    pool = (*pool_size, *pool_strides)
    return conv.forward(ctx, x, w, b, strides, pads, (1, 1), 1, relu=True, pool=pool)


# what forward has kept says whether dy is masked where y was clipped, or goes to the winners
conv2d_relu_backward = conv2d_relu_maxpool2d_backward = conv.conv2d_backward
