"""Activations: one pass over the entries each; softmax, whose rows are short, in NumPy."""

# Numba infers the types of the kernels
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

import math
from typing import Any

import numpy as np
from numba import njit, prange

from minicnn.backends.numba_cpu.memory import contiguous
from minicnn.backends.numba_cpu.runtime import launch
from minicnn.backends.spec import Array

# -- ReLU -------------------------------------------------------------------------------------


def relu_forward(
    ctx: Any, x: Array, negative_slope: float, max_value: float | None, threshold: float
) -> Array:
    """max_value where x >= max_value, x where x > threshold, else slope (x - threshold)."""
    x = contiguous(ctx, "x", x)
    y = ctx.buffer("y", x.shape, x.dtype)
    number = x.dtype.type
    top = np.nan if max_value is None else max_value  # nothing is >= NaN
    limits = number(negative_slope), number(top), number(threshold)
    launch(_relu, x.size, x.reshape(-1), *limits, y.reshape(-1))
    ctx.save(x=x, limits=limits)
    return y


def relu_backward(ctx: Any, dy: Array) -> Array:
    """dx = dy times 0, 1 or negative_slope, by the branch that forward took."""
    dx = ctx.buffer("dx", dy.shape, dy.dtype)
    dy = contiguous(ctx, "dy", dy).reshape(-1)
    launch(_relu_slope, dy.size, ctx.x.reshape(-1), *ctx.limits, dy, dx.reshape(-1))
    return dx


@njit(cache=True, parallel=True)
def _relu(x, slope, max_value, threshold, y):
    zero = x.dtype.type(0)
    for i in prange(x.size):
        v = x[i]
        low = zero if slope == 0 else slope * (v - threshold)  # 0 * -inf would be NaN
        v = low if v <= threshold else v  # a NaN is not <= anything: it stays
        y[i] = max_value if x[i] >= max_value else v


@njit(cache=True, parallel=True)
def _relu_slope(x, slope, max_value, threshold, dy, dx):
    zero = x.dtype.type(0)
    for i in prange(x.size):
        low = zero if slope == 0 else dy[i] * slope
        d = dy[i] if x[i] > threshold else low
        dx[i] = zero if x[i] >= max_value else d


# -- sigmoid, tanh and the others: y = f(x), dx = dy f'(x) ---------------------------------------

KINDS = (
    "sigmoid", "tanh", "elu", "celu", "selu", "gelu", "gelu_tanh", "silu", "softplus", "softsign",
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
    return elementwise_forward(ctx, x, "tanh", 0.0)


def tanh_backward(ctx: Any, dy: Array) -> Array:
    """dx = dy (1 - y^2)."""
    return elementwise_backward(ctx, dy)


def elementwise_forward(ctx: Any, x: Array, kind: str, alpha: float) -> Array:
    """y = f(x), entry by entry."""
    x = contiguous(ctx, "x", x)
    y = ctx.buffer("y", x.shape, x.dtype)
    function = KINDS.index(kind), float(alpha)
    launch(_elementwise, 8 * x.size, x.reshape(-1), *function, y.reshape(-1))
    ctx.save(x=x, function=function)
    return y


def elementwise_backward(ctx: Any, dy: Array) -> Array:
    """dx = dy f'(x)."""
    dx = ctx.buffer("dx", dy.shape, dy.dtype)
    dy = contiguous(ctx, "dy", dy).reshape(-1)
    launch(_elementwise_slope, 8 * dy.size, ctx.x.reshape(-1), *ctx.function, dy, dx.reshape(-1))
    return dx


@njit(cache=True, parallel=True)
def _elementwise(x, kind, alpha, y):
    for i in prange(x.size):
        y[i] = _value(np.float64(x[i]), kind, alpha)


@njit(cache=True, parallel=True)
def _elementwise_slope(x, kind, alpha, dy, dx):
    for i in prange(x.size):
        dx[i] = dy[i] * _slope(np.float64(x[i]), kind, alpha)


@njit(cache=True)
def _value(x, kind, alpha):
    """f(x), computed in float64. The formulas are those of ``reference/activations.py``."""
    if kind == 0:
        return _sigmoid(x)
    if kind == 1:
        return math.tanh(x)
    if kind == 2:
        return x if x > 0 else alpha * math.expm1(x)
    if kind == 3:
        return x if x > 0 else alpha * math.expm1(x / alpha)
    if kind == 4:
        return SELU_SCALE * (x if x > 0 else SELU_ALPHA * math.expm1(x))
    if kind == 5:
        return x * math.erfc(-x / math.sqrt(2)) / 2
    if kind == 6:
        return x * (1 + math.tanh(GELU * (x + 0.044715 * x**3))) / 2
    if kind == 7:
        return x * _sigmoid(x)
    if kind == 8:
        return _softplus(x)
    if kind == 9:
        return x / (1 + abs(x))
    if kind == 10:
        return _hard_sigmoid(x)
    if kind == 11:
        return x * _hard_sigmoid(x)
    if kind == 12:
        return math.exp(x)
    return x * math.tanh(_softplus(x))


@njit(cache=True)
def _slope(x, kind, alpha):
    """f'(x)."""
    if kind == 0:
        s = _sigmoid(x)
        return s * (1 - s)
    if kind == 1:
        return 1 - math.tanh(x) ** 2
    if kind == 2:
        return 1.0 if x > 0 else alpha * math.exp(x)
    if kind == 3:
        return 1.0 if x > 0 else math.exp(x / alpha)
    if kind == 4:
        return SELU_SCALE * (1.0 if x > 0 else SELU_ALPHA * math.exp(x))
    if kind == 5:
        return math.erfc(-x / math.sqrt(2)) / 2 + x * math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    if kind == 6:
        t = math.tanh(GELU * (x + 0.044715 * x**3))
        return (1 + t) / 2 + x * (1 - t**2) * GELU * (1 + 3 * 0.044715 * x**2) / 2
    if kind == 7:
        s = _sigmoid(x)
        return s * (1 + x * (1 - s))
    if kind == 8:
        return _sigmoid(x)
    if kind == 9:
        return 1 / (1 + abs(x)) ** 2
    if kind == 10:
        return 1 / 6 if abs(x) < 3 else 0.0
    if kind == 11:
        return _hard_sigmoid(x) + (x / 6 if abs(x) < 3 else 0.0)
    if kind == 12:
        return math.exp(x)
    t = math.tanh(_softplus(x))
    return t + x * (1 - t**2) * _sigmoid(x)


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
GELU = math.sqrt(2 / math.pi)


@njit(cache=True)
def _sigmoid(x):
    """1 / (1 + exp(-x)), or exp(x) / (1 + exp(x)): whichever cannot overflow."""
    e = math.exp(-abs(x))
    return (1.0 if x >= 0 else e) / (1 + e)


@njit(cache=True)
def _softplus(x):
    """log(1 + exp(x)), without overflow; max(x, 0) written so that a NaN stays."""
    return (0.0 if x < 0 else x) + math.log1p(math.exp(-abs(x)))


@njit(cache=True)
def _hard_sigmoid(x):
    """x / 6 + 1/2, clipped to [0, 1]."""
    if x <= -3:
        return 0.0
    return 1.0 if x >= 3 else x / 6 + 0.5


# -- softmax ----------------------------------------------------------------------------------


def softmax_forward(ctx: Any, x: Array, axis: int) -> Array:
    """y = exp(x - max) / sum(exp(x - max)) along ``axis``."""
    y = _shifted(ctx, x, axis)
    np.exp(y, out=y)
    y /= y.sum(axis=axis, keepdims=True)
    ctx.save(y=y, axis=axis)
    return y


def softmax_backward(ctx: Any, dy: Array) -> Array:
    """The Jacobian is diag(y) - y y^T, so dx = y (dy - sum(dy y))."""
    y, dx = ctx.y, ctx.buffer("dx", dy.shape, dy.dtype)
    np.multiply(dy, y, out=dx)
    np.subtract(dy, dx.sum(axis=ctx.axis, keepdims=True), out=dx)
    dx *= y
    return dx


def log_softmax_forward(ctx: Any, x: Array, axis: int) -> Array:
    """y = x - max - log(sum(exp(x - max))) along ``axis``."""
    y = _shifted(ctx, x, axis)
    e = ctx.buffer("e", x.shape, x.dtype)
    np.exp(y, out=e)
    y -= np.log(e.sum(axis=axis, keepdims=True))
    ctx.save(y=y, axis=axis)
    return y


def log_softmax_backward(ctx: Any, dy: Array) -> Array:
    """The Jacobian is I - 1 softmax^T, so dx = dy - exp(y) sum(dy)."""
    dx = ctx.buffer("dx", dy.shape, dy.dtype)
    np.exp(ctx.y, out=dx)
    dx *= dy.sum(axis=ctx.axis, keepdims=True)
    return np.subtract(dy, dx, out=dx)


def _shifted(ctx: Any, x: Array, axis: int) -> Array:
    """x - max, in the buffer of y: no exponential can overflow."""
    y = ctx.buffer("y", x.shape, x.dtype)
    return np.subtract(x, x.max(axis=axis, keepdims=True), out=y)
