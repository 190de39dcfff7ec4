"""Losses run over rows: predictions (..., K) are (rows, K) for a kernel, and a warp takes a row.

Every kernel of a loss takes its arguments in one order: predictions, what the loss compares them
with, results, sizes.
"""

from typing import Any

from minicnn.backends.cupy_gpu.memory import contiguous
from minicnn.backends.cupy_gpu.runtime import launch_rows
from minicnn.backends.spec import Array


def loss_forward(ctx: Any, kernel: str, x: Array, target: tuple[Any, ...]) -> Array:
    """The losses (...) of x (..., K); ``target`` is y and what else the kernel takes."""
    x = contiguous(ctx, "x", x)
    losses = ctx.buffer("losses", x.shape[:-1], x.dtype)
    launch_rows(x.dtype, kernel, losses.size, x, *target, losses, losses.size, x.shape[-1])
    ctx.save(p=x, target=target)
    return losses


def fused_loss_forward(
    ctx: Any, kernel: str, logits: Array, target: tuple[Any, ...]
) -> tuple[Array, Array]:
    """(losses (...), p (..., K)) of logits (..., K): the activation is part of the loss."""
    z = contiguous(ctx, "x", logits)
    losses = ctx.buffer("losses", z.shape[:-1], z.dtype)
    p = ctx.buffer("p", z.shape, z.dtype)
    launch_rows(z.dtype, kernel, losses.size, z, *target, losses, p, losses.size, z.shape[-1])
    ctx.save(p=p, target=target)
    return losses, p


def loss_backward(ctx: Any, kernel: str, dlosses: Array) -> Array:
    """The gradient (..., K), from p and the target that forward kept and dlosses (...)."""
    p, dlosses = ctx.p, contiguous(ctx, "dlosses", dlosses)
    dx = ctx.buffer("dx", p.shape, p.dtype)
    sizes = dlosses.size, p.shape[-1]
    launch_rows(p.dtype, kernel, dlosses.size, p, *ctx.target, dlosses, dx, *sizes)
    return dx


def converted(ctx: Any, name: str, array: Array, dtype: Any) -> Array:
    """``array`` in ``dtype`` as kernels take it: itself, or a copy in the buffer ``name``."""
    if array.dtype == dtype:
        return contiguous(ctx, name, array)
    copy = ctx.buffer(name, array.shape, dtype)
    copy[...] = array
    return copy
