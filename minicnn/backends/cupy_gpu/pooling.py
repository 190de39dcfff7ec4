"""Max-pooling: a thread an output, the winner's place kept in a byte."""

from typing import Any

from minicnn.backends.cupy_gpu.memory import contiguous
from minicnn.backends.cupy_gpu.runtime import launch
from minicnn.backends.spec import Array, Pads, Pair


def maxpool2d_forward(ctx: Any, x: Array, pool_size: Pair, strides: Pair, pads: Pads) -> Array:
    """(N, H, W, C)  ->  (N, OH, OW, C): the largest entry of each window, on a tie the first."""
    x = contiguous(ctx, "x", x)
    sizes = pooling_sizes(x.shape, pool_size, strides, pads)
    y = ctx.buffer("y", (len(x), *sizes[3:5], x.shape[-1]), x.dtype)
    winner = winner_buffer(ctx, y.shape, pool_size)
    launch(x.dtype, "maxpool2d_forward", y.size, x, y, winner, is_wide(winner), y.size, *sizes)
    ctx.save(x_shape=x.shape, sizes=sizes, winner=winner)
    return y


def maxpool2d_backward(ctx: Any, dy: Array) -> Array:
    """dx: each dy is added to the winner of its window."""
    dy, winner = contiguous(ctx, "dy", dy), ctx.winner
    dx = ctx.buffer("dx", ctx.x_shape, dy.dtype)
    launch(
        dy.dtype, "maxpool2d_backward", dx.size,
        dy, winner, dx, is_wide(winner), dx.size, *ctx.sizes,
    )  # fmt: skip
    return dx


def pooling_sizes(
    x_shape: tuple[int, ...], pool_size: Pair, strides: Pair, pads: Pads
) -> tuple[int, ...]:
    """H, W, C, OH, OW, KH, KW, SH, SW, top, left: what all kernels of pooling take."""
    _, H, W, C = x_shape
    (KH, KW), (SH, SW), ((top, bottom), (left, right)) = pool_size, strides, pads
    OH = (H + top + bottom - KH) // SH + 1
    OW = (W + left + right - KW) // SW + 1
    return H, W, C, OH, OW, KH, KW, SH, SW, top, left


def winner_buffer(ctx: Any, shape: tuple[int, ...], pool_size: Pair) -> Array:
    """Memory for the place in its window that each output came from, or for "from none"."""
    KH, KW = pool_size
    return ctx.buffer("winner", shape, "uint8" if KH * KW < 256 else "int32")


def is_wide(winner: Array | None) -> bool:
    """Whether ``winner`` holds ints, not bytes: what kernels call ``wide``."""
    return winner is not None and winner.itemsize > 1
