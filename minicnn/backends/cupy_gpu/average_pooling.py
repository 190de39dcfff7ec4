"""Average pooling: a thread an output."""

from typing import Any

from minicnn.backends.cupy_gpu.memory import contiguous
from minicnn.backends.cupy_gpu.pooling import pooling_sizes
from minicnn.backends.cupy_gpu.runtime import launch
from minicnn.backends.spec import Array, Pads, Pair


def avgpool2d_forward(ctx: Any, x: Array, pool_size: Pair, strides: Pair, pads: Pads) -> Array:
    """(N, H, W, C)  ->  (N, OH, OW, C): the mean of each window, padding left out."""
    x = contiguous(ctx, "x", x)
    sizes = pooling_sizes(x.shape, pool_size, strides, pads)
    y = ctx.buffer("y", (len(x), *sizes[3:5], x.shape[-1]), x.dtype)
    launch(x.dtype, "avgpool2d_forward", y.size, x, y, y.size, *sizes)
    ctx.save(x_shape=x.shape, sizes=sizes)
    return y


def avgpool2d_backward(ctx: Any, dy: Array) -> Array:
    """dx: every entry of a window gets an equal share of its dy."""
    dy = contiguous(ctx, "dy", dy)
    dx = ctx.buffer("dx", ctx.x_shape, dy.dtype)
    launch(dy.dtype, "avgpool2d_backward", dx.size, dy, dx, dx.size, *ctx.sizes)
    return dx
