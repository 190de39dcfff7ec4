"""Zeros around an image."""

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu.arguments import contiguous
from minicnn.backends.cupy_gpu.runtime import launch
from minicnn.backends.spec import Array, Pads


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
