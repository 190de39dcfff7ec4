"""Activations: a thread an entry; softmax, a warp a row. All shapes are kept."""

import math

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu.arguments import contiguous, entrywise
from minicnn.backends.cupy_gpu.runtime import launch_rows
from minicnn.backends.cupy_gpu.signatures import enumerators
from minicnn.backends.spec import Array

# -- entry by entry ---------------------------------------------------------------------------


def relu_forward(
    ctx: Context, x: Array, negative_slope: float, max_value: float | None, threshold: float
) -> Array:
    """max_value where x >= max_value, x where x > threshold, else slope (x - threshold)."""
    x = contiguous(ctx, "x", x)
    top = math.nan if max_value is None else max_value  # nothing is >= NaN
    ctx.save(x=x, limits=(negative_slope, top, threshold))
    return entrywise(ctx, "relu", "y", x, *ctx.limits)


def relu_backward(ctx: Context, dy: Array) -> Array:
    """dx = dy times 0, 1 or negative_slope, by the branch that forward took."""
    return entrywise(ctx, "relu_backward", "dx", dy, ctx.x, *ctx.limits)


def sigmoid_forward(ctx: Context, x: Array) -> Array:
    """y = 1 / (1 + exp(-x))."""
    return elementwise_forward(ctx, x, "sigmoid", 0.0)


def tanh_forward(ctx: Context, x: Array) -> Array:
    """y = tanh(x)."""
    return elementwise_forward(ctx, x, "tanh", 0.0)


def elementwise_forward(ctx: Context, x: Array, kind: str, alpha: float) -> Array:
    """y = f(x), entry by entry."""
    x = contiguous(ctx, "x", x)
    ctx.save(x=x, function=(enumerators("Activation").index(kind), alpha))
    return entrywise(ctx, "elementwise_forward", "y", x, *ctx.function)


def elementwise_backward(ctx: Context, dy: Array) -> Array:
    """dx = dy f'(x)."""
    return entrywise(ctx, "elementwise_backward", "dx", dy, ctx.x, *ctx.function)


sigmoid_backward = tanh_backward = elementwise_backward  # forward has kept which function it was


# -- softmax ----------------------------------------------------------------------------------


def softmax_forward(ctx: Context, x: Array, axis: int) -> Array:
    """y = exp(x - max) / sum(exp(x - max)) along ``axis``."""
    return _along_rows(ctx, "softmax_forward", x, axis)


def softmax_backward(ctx: Context, dy: Array) -> Array:
    """The Jacobian is diag(y) - y y^T, so dx = y (dy - sum(dy y))."""
    return _back_along_rows(ctx, "softmax_backward", dy)


def log_softmax_forward(ctx: Context, x: Array, axis: int) -> Array:
    """y = x - max - log(sum(exp(x - max))) along ``axis``."""
    return _along_rows(ctx, "log_softmax_forward", x, axis)


def log_softmax_backward(ctx: Context, dy: Array) -> Array:
    """The Jacobian is I - 1 softmax^T, so dx = dy - exp(y) sum(dy)."""
    return _back_along_rows(ctx, "log_softmax_backward", dy)


def _along_rows(ctx: Context, kernel: str, x: Array, axis: int) -> Array:
    x = contiguous(ctx, "x", x)
    y = ctx.buffer("y", x.shape, x.dtype)
    K, inner = x.shape[axis], math.prod(x.shape[axis % x.ndim + 1 :])
    rows = x.size // max(K, 1)
    launch_rows(x.dtype, kernel, rows, x, y, rows, K, inner)
    ctx.save(y=y, sizes=(rows, K, inner))
    return y


def _back_along_rows(ctx: Context, kernel: str, dy: Array) -> Array:
    dy = contiguous(ctx, "dy", dy)
    dx = ctx.buffer("dx", dy.shape, dy.dtype)
    launch_rows(dy.dtype, kernel, ctx.sizes[0], ctx.y, dy, dx, *ctx.sizes)
    return dx
