"""Activations: a thread an entry; softmax, a warp a row. All shapes are kept."""

import math
from typing import Any

from minicnn.backends.cupy_gpu.memory import contiguous
from minicnn.backends.cupy_gpu.runtime import launch, launch_rows
from minicnn.backends.spec import Array

# -- ReLU -------------------------------------------------------------------------------------


def relu_forward(
    ctx: Any, x: Array, negative_slope: float, max_value: float | None, threshold: float
) -> Array:
    """max_value where x >= max_value, x where x > threshold, else slope (x - threshold)."""
    x = contiguous(ctx, "x", x)
    y = ctx.buffer("y", x.shape, x.dtype)
    top = math.nan if max_value is None else max_value  # nothing is >= NaN
    limits = negative_slope, top, threshold
    launch(x.dtype, "relu", x.size, x, y, *limits, x.size)
    ctx.save(x=x, limits=limits)
    return y


def relu_backward(ctx: Any, dy: Array) -> Array:
    """dx = dy times 0, 1 or negative_slope, by the branch that forward took."""
    dy = contiguous(ctx, "dy", dy)
    dx = ctx.buffer("dx", dy.shape, dy.dtype)
    launch(dy.dtype, "relu_backward", dy.size, ctx.x, dy, dx, *ctx.limits, dy.size)
    return dx


# -- tanh, sigmoid and the others ---------------------------------------------------------------

#: their numbers are those of ``enum Activation`` in kernels/activations.cu
KINDS = (
    "sigmoid", "elu", "celu", "selu", "gelu", "gelu_tanh", "silu", "softplus", "softsign",
    "hard_sigmoid", "hard_silu", "exponential", "mish",
)  # fmt: skip


def sigmoid_forward(ctx: Any, x: Array) -> Array:
    """y = 1 / (1 + exp(-x))."""
    return elementwise_forward(ctx, x, "sigmoid", 0.0)


def sigmoid_backward(ctx: Any, dy: Array) -> Array:
    """dx = dy y (1 - y)."""
    return elementwise_backward(ctx, dy)


def tanh_forward(ctx: Any, x: Array) -> Array:
    """y = tanh(x)."""
    x = contiguous(ctx, "x", x)
    y = ctx.buffer("y", x.shape, x.dtype)
    launch(x.dtype, "tanh_forward", x.size, x, y, x.size)
    ctx.save(y=y)
    return y


def tanh_backward(ctx: Any, dy: Array) -> Array:
    """dx = dy (1 - y^2)."""
    dy = contiguous(ctx, "dy", dy)
    dx = ctx.buffer("dx", dy.shape, dy.dtype)
    launch(dy.dtype, "tanh_backward", dy.size, ctx.y, dy, dx, dy.size)
    return dx


def elementwise_forward(ctx: Any, x: Array, kind: str, alpha: float) -> Array:
    """y = f(x), entry by entry."""
    x = contiguous(ctx, "x", x)
    y = ctx.buffer("y", x.shape, x.dtype)
    function = KINDS.index(kind), alpha
    launch(x.dtype, "elementwise_forward", x.size, x, y, *function, x.size)
    ctx.save(x=x, function=function)
    return y


def elementwise_backward(ctx: Any, dy: Array) -> Array:
    """dx = dy f'(x)."""
    dy = contiguous(ctx, "dy", dy)
    dx = ctx.buffer("dx", dy.shape, dy.dtype)
    launch(dy.dtype, "elementwise_backward", dy.size, ctx.x, dy, dx, *ctx.function, dy.size)
    return dx


# -- softmax ----------------------------------------------------------------------------------


def softmax_forward(ctx: Any, x: Array, axis: int) -> Array:
    """y = exp(x - max) / sum(exp(x - max)) along ``axis``."""
    return _along_rows(ctx, "softmax_forward", x, axis)


def softmax_backward(ctx: Any, dy: Array) -> Array:
    """The Jacobian is diag(y) - y y^T, so dx = y (dy - sum(dy y))."""
    return _back_along_rows(ctx, "softmax_backward", dy)


def log_softmax_forward(ctx: Any, x: Array, axis: int) -> Array:
    """y = x - max - log(sum(exp(x - max))) along ``axis``."""
    return _along_rows(ctx, "log_softmax_forward", x, axis)


def log_softmax_backward(ctx: Any, dy: Array) -> Array:
    """The Jacobian is I - 1 softmax^T, so dx = dy - exp(y) sum(dy)."""
    return _back_along_rows(ctx, "log_softmax_backward", dy)


def _along_rows(ctx: Any, kernel: str, x: Array, axis: int) -> Array:
    x = contiguous(ctx, "x", x)
    y = ctx.buffer("y", x.shape, x.dtype)
    K, inner = x.shape[axis], math.prod(x.shape[axis % x.ndim + 1 :])
    rows = x.size // max(K, 1)
    launch_rows(x.dtype, kernel, rows, x, y, rows, K, inner)
    ctx.save(y=y, sizes=(K, inner))
    return y


def _back_along_rows(ctx: Any, kernel: str, dy: Array) -> Array:
    dy = contiguous(ctx, "dy", dy)
    dx = ctx.buffer("dx", dy.shape, dy.dtype)
    rows = dy.size // max(ctx.sizes[0], 1)
    launch_rows(dy.dtype, kernel, rows, ctx.y, dy, dx, rows, *ctx.sizes)
    return dx
