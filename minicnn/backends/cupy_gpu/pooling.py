"""Pooling: a thread an output. Of max-pooling the winner's place is kept in a byte."""

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu.arguments import contiguous, is_wide, winner_buffer
from minicnn.backends.cupy_gpu.runtime import launch
from minicnn.backends.spec import Array, Pads, Pair


def maxpool2d_forward(ctx: Context, x: Array, pool_size: Pair, strides: Pair, pads: Pads) -> Array:
    """(N, H, W, C)  ->  (N, OH, OW, C): the largest entry of each window, on a tie the first."""
    x = contiguous(ctx, "x", x)
    sizes = _sizes(x.shape, pool_size, strides, pads)
    y = ctx.buffer("y", (len(x), *sizes[3:5], x.shape[-1]), x.dtype)
    winner = winner_buffer(ctx, y.shape, pool_size)
    launch(x.dtype, "maxpool2d_forward", y.size, x, y, winner, is_wide(winner), y.size, *sizes)
    ctx.save(x_shape=x.shape, sizes=sizes, winner=winner)
    return y


def maxpool2d_backward(ctx: Context, dy: Array) -> Array:
    """dx: each dy is added to the winner of its window."""
    dy, winner = contiguous(ctx, "dy", dy), ctx.winner
    dx = ctx.buffer("dx", ctx.x_shape, dy.dtype)
    launch(
        dy.dtype, "maxpool2d_backward", dx.size,
        dy, winner, dx, is_wide(winner), dx.size, *ctx.sizes,
    )  # fmt: skip
    return dx


def avgpool2d_forward(ctx: Context, x: Array, pool_size: Pair, strides: Pair, pads: Pads) -> Array:
    """(N, H, W, C)  ->  (N, OH, OW, C): the mean of each window, padding left out."""
    x = contiguous(ctx, "x", x)
    sizes = _sizes(x.shape, pool_size, strides, pads)
    y = ctx.buffer("y", (len(x), *sizes[3:5], x.shape[-1]), x.dtype)
    launch(x.dtype, "avgpool2d_forward", y.size, x, y, y.size, *sizes)
    ctx.save(x_shape=x.shape, sizes=sizes)
    return y


def avgpool2d_backward(ctx: Context, dy: Array) -> Array:
    """dx: every entry of a window gets an equal share of its dy."""
    dy = contiguous(ctx, "dy", dy)
    dx = ctx.buffer("dx", ctx.x_shape, dy.dtype)
    launch(dy.dtype, "avgpool2d_backward", dx.size, dy, dx, dx.size, *ctx.sizes)
    return dx


def _sizes(x_shape: tuple[int, ...], pool_size: Pair, strides: Pair, pads: Pads) -> tuple[int, ...]:
    """H, W, C, OH, OW, KH, KW, SH, SW, top, left: what all kernels of pooling take."""
    _, H, W, C = x_shape
    (KH, KW), (SH, SW), ((top, bottom), (left, right)) = pool_size, strides, pads
    OH = (H + top + bottom - KH) // SH + 1
    OW = (W + left + right - KW) // SW + 1
    return H, W, C, OH, OW, KH, KW, SH, SW, top, left
