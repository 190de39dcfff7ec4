"""Pooling: a thread an output. Of max-pooling the winner's place is kept in a byte.

And padding as an operation of its own: zeros around an image.
"""

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu.arguments import contiguous, is_wide, winner_buffer
from minicnn.backends.cupy_gpu.runtime import launch
from minicnn.backends.spec import Array, Pads, Pair


def maxpool2d_forward(ctx: Context, x: Array, pool_size: Pair, strides: Pair, pads: Pads) -> Array:
    """(N, H, W, C)  ->  (N, OH, OW, C): the largest entry of each window, on a tie the first."""
    sizes = _sizes(x.shape, pool_size, strides, pads)
    winner = winner_buffer(ctx, (len(x), *sizes[3:5], x.shape[-1]), pool_size)
    ctx.save(winner=(winner, is_wide(winner)))
    return _forward(ctx, "maxpool2d_forward", x, sizes, *ctx.winner)


def maxpool2d_backward(ctx: Context, dy: Array) -> Array:
    """dx: each dy is added to the winner of its window."""
    return _backward(ctx, "maxpool2d_backward", dy, *ctx.winner)


def avgpool2d_forward(ctx: Context, x: Array, pool_size: Pair, strides: Pair, pads: Pads) -> Array:
    """(N, H, W, C)  ->  (N, OH, OW, C): the mean of each window, padding left out."""
    return _forward(ctx, "avgpool2d_forward", x, _sizes(x.shape, pool_size, strides, pads))


def avgpool2d_backward(ctx: Context, dy: Array) -> Array:
    """dx: every entry of a window gets an equal share of its dy."""
    return _backward(ctx, "avgpool2d_backward", dy)


def _forward(ctx: Context, kernel: str, x: Array, sizes: tuple[int, ...], *winner: object) -> Array:
    x = contiguous(ctx, "x", x)
    y = ctx.buffer("y", (len(x), *sizes[3:5], x.shape[-1]), x.dtype)
    launch(x.dtype, kernel, y.size, x, y, y.size, *sizes, *winner)
    ctx.save(x_shape=x.shape, sizes=sizes)
    return y


def _backward(ctx: Context, kernel: str, dy: Array, *winner: object) -> Array:
    dy = contiguous(ctx, "dy", dy)
    dx = ctx.buffer("dx", ctx.x_shape, dy.dtype)
    launch(dy.dtype, kernel, dx.size, dy, dx, dx.size, *ctx.sizes, *winner)
    return dx


def _sizes(x_shape: tuple[int, ...], pool_size: Pair, strides: Pair, pads: Pads) -> tuple[int, ...]:
    """H, W, C, OH, OW, KH, KW, SH, SW, top, left: what all kernels of pooling take."""
    _, H, W, C = x_shape
    (KH, KW), (SH, SW), ((top, bottom), (left, right)) = pool_size, strides, pads
    OH = (H + top + bottom - KH) // SH + 1
    OW = (W + left + right - KW) // SW + 1
    return H, W, C, OH, OW, KH, KW, SH, SW, top, left


def pad2d_forward(ctx: Context, x: Array, pads: Pads) -> Array:
    """(N, H, W, C)  ->  (N, top + H + bottom, left + W + right, C)."""
    N, H, W, C = x.shape
    (top, bottom), (left, right) = pads
    y = ctx.buffer("y", (N, top + H + bottom, left + W + right, C), x.dtype)
    _place(contiguous(ctx, "x", x), y, top, left)
    ctx.save(x_shape=x.shape, pads=pads)
    return y


def pad2d_backward(ctx: Context, dy: Array) -> Array:
    """The adjoint of padding is cropping."""
    (top, _), (left, _) = ctx.pads
    dx = ctx.buffer("dx", ctx.x_shape, dy.dtype)
    _place(contiguous(ctx, "dy", dy), dx, -top, -left)
    return dx


def _place(x: Array, y: Array, top: int, left: int) -> None:
    """x (N, H, W, C) into y (N, YH, YW, C), its corner at (top, left); zeros beside it."""
    launch(x.dtype, "pad2d", y.size, x, y, y.size, *x.shape[1:], *y.shape[1:3], top, left)
