"""Activations: one pass over the entries each; softmax, whose rows are short, in NumPy."""

import math

import numpy as np
from numba import prange

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu.caching import cached_njit, part
from minicnn.backends.numba_cpu.runtime import contiguous, launch
from minicnn.backends.spec import Array

# -- ReLU -------------------------------------------------------------------------------------


def relu_forward(
    ctx: Context, x: Array, negative_slope: float, max_value: float | None, threshold: float
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


def relu_backward(ctx: Context, dy: Array) -> Array:
    """dx = dy times 0, 1 or negative_slope, by the branch that forward took."""
    dx = ctx.buffer("dx", dy.shape, dy.dtype)
    dy = contiguous(ctx, "dy", dy).reshape(-1)
    launch(_relu_slope, dy.size, ctx.x.reshape(-1), *ctx.limits, dy, dx.reshape(-1))
    return dx


@cached_njit(parallel=True)
def _relu(x, slope, max_value, threshold, y):
    zero = x.dtype.type(0)
    for i in prange(x.size):
        v = x[i]
        low = zero if slope == 0 else slope * (v - threshold)  # 0 * -inf would be NaN
        v = low if v <= threshold else v  # a NaN is not <= anything: it stays
        y[i] = max_value if x[i] >= max_value else v


@cached_njit(parallel=True)
def _relu_slope(x, slope, max_value, threshold, dy, dx):
    zero = x.dtype.type(0)
    for i in prange(x.size):
        low = zero if slope == 0 else dy[i] * slope
        d = dy[i] if x[i] > threshold else low
        dx[i] = zero if x[i] >= max_value else d


# -- tanh, sigmoid and the others: y = f(x), dx = dy f'(x) ---------------------------------------

KINDS = (
    "sigmoid", "elu", "celu", "selu", "gelu", "gelu_tanh", "silu", "softplus", "softsign",
    "hard_sigmoid", "hard_silu", "exponential", "mish",
)  # fmt: skip
# their numbers, which is what kernels are told
(
    SIGMOID, ELU, CELU, SELU, GELU, GELU_TANH, SILU, SOFTPLUS, SOFTSIGN,
    HARD_SIGMOID, HARD_SILU, EXPONENTIAL, MISH,
) = range(len(KINDS))  # fmt: skip
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
ROOT = math.sqrt(2 / math.pi)


def sigmoid_forward(ctx: Context, x: Array) -> Array:
    """y = 1 / (1 + exp(-x))."""
    return elementwise_forward(ctx, x, "sigmoid", 0.0)


def tanh_forward(ctx: Context, x: Array) -> Array:
    """y = tanh(x); NumPy's is written in vector instructions."""
    y = np.tanh(x, out=ctx.buffer("y", x.shape, x.dtype))
    ctx.save(y=y)
    return y


def tanh_backward(ctx: Context, dy: Array) -> Array:
    """dx = dy (1 - y^2)."""
    dx = np.square(ctx.y, out=ctx.buffer("dx", dy.shape, dy.dtype))
    np.subtract(1, dx, out=dx)
    dx *= dy
    return dx


def elementwise_forward(ctx: Context, x: Array, kind: str, alpha: float) -> Array:
    """y = f(x), entry by entry."""
    x = contiguous(ctx, "x", x)
    y = ctx.buffer("y", x.shape, x.dtype)
    function = KINDS.index(kind), float(alpha)
    launch(_elementwise, 8 * x.size, x.reshape(-1), *function, y.reshape(-1))
    ctx.save(x=x, function=function)
    return y


def elementwise_backward(ctx: Context, dy: Array) -> Array:
    """dx = dy f'(x)."""
    dx = ctx.buffer("dx", dy.shape, dy.dtype)
    dy = contiguous(ctx, "dy", dy).reshape(-1)
    launch(_elementwise_slope, 8 * dy.size, ctx.x.reshape(-1), *ctx.function, dy, dx.reshape(-1))
    return dx


sigmoid_backward = elementwise_backward  # forward has kept which function it was


@cached_njit(parallel=True, error_model="numpy")
def _elementwise(x, kind, alpha, y):
    for i in prange(x.size):
        y[i] = _value(np.float64(x[i]), kind, alpha)


@cached_njit(parallel=True, error_model="numpy")
def _elementwise_slope(x, kind, alpha, dy, dx):
    for i in prange(x.size):
        dx[i] = dy[i] * _slope(np.float64(x[i]), kind, alpha)


@part(error_model="numpy")
def _value(x, kind, alpha):
    """f(x), computed in float64. The formulas are those of ``reference/activations.py``."""
    if kind == SIGMOID:
        return _sigmoid(x)
    if kind == ELU:
        return x if x > 0 else alpha * math.expm1(x)
    if kind == CELU:
        return x if x > 0 else alpha * math.expm1(x / alpha)
    if kind == SELU:
        return SELU_SCALE * (x if x > 0 else SELU_ALPHA * math.expm1(x))
    if kind == GELU:
        return x * math.erfc(-x / math.sqrt(2)) / 2
    if kind == GELU_TANH:
        return x * (1 + math.tanh(ROOT * (x + 0.044715 * x**3))) / 2
    if kind == SILU:
        return x * _sigmoid(x)
    if kind == SOFTPLUS:
        return _softplus(x)
    if kind == SOFTSIGN:
        return x / (1 + abs(x))
    if kind == HARD_SIGMOID:
        return _hard_sigmoid(x)
    if kind == HARD_SILU:
        return x * _hard_sigmoid(x)
    if kind == EXPONENTIAL:
        return math.exp(x)
    return x * math.tanh(_softplus(x))


@part(error_model="numpy")
def _slope(x, kind, alpha):
    """f'(x)."""
    if kind == SIGMOID:
        s = _sigmoid(x)
        return s * (1 - s)
    if kind == ELU:
        return 1.0 if x > 0 else alpha * math.exp(x)
    if kind == CELU:
        return 1.0 if x > 0 else math.exp(x / alpha)
    if kind == SELU:
        return SELU_SCALE * (1.0 if x > 0 else SELU_ALPHA * math.exp(x))
    if kind == GELU:
        return math.erfc(-x / math.sqrt(2)) / 2 + x * math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    if kind == GELU_TANH:
        t = math.tanh(ROOT * (x + 0.044715 * x**3))
        return (1 + t) / 2 + x * (1 - t**2) * ROOT * (1 + 3 * 0.044715 * x**2) / 2
    if kind == SILU:
        s = _sigmoid(x)
        return s * (1 + x * (1 - s))
    if kind == SOFTPLUS:
        return _sigmoid(x)
    if kind == SOFTSIGN:
        return 1 / (1 + abs(x)) ** 2
    if kind == HARD_SIGMOID:
        return 1 / 6 if abs(x) < 3 else 0.0
    if kind == HARD_SILU:
        return _hard_sigmoid(x) + (x / 6 if abs(x) < 3 else 0.0)
    if kind == EXPONENTIAL:
        return math.exp(x)
    t = math.tanh(_softplus(x))
    return t + x * (1 - t**2) * _sigmoid(x)


@part(error_model="numpy")
def _sigmoid(x):
    """1 / (1 + exp(-x)), or exp(x) / (1 + exp(x)): whichever cannot overflow."""
    e = math.exp(-abs(x))
    return (1.0 if x >= 0 else e) / (1 + e)


@part(error_model="numpy")
def _softplus(x):
    """log(1 + exp(x)), without overflow; max(x, 0) written so that a NaN stays."""
    return (0.0 if x < 0 else x) + math.log1p(math.exp(-abs(x)))


@part(error_model="numpy")
def _hard_sigmoid(x):
    """x / 6 + 1/2, clipped to [0, 1]."""
    if x <= -3:
        return 0.0
    return 1.0 if x >= 3 else x / 6 + 0.5


# -- softmax ----------------------------------------------------------------------------------


def softmax_forward(ctx: Context, x: Array, axis: int) -> Array:
    """y = exp(x - max) / sum(exp(x - max)) along ``axis``."""
    y = _shifted(ctx, x, axis)
    np.exp(y, out=y)
    y /= y.sum(axis=axis, keepdims=True)
    ctx.save(y=y, axis=axis)
    return y


def softmax_backward(ctx: Context, dy: Array) -> Array:
    """The Jacobian is diag(y) - y y^T, so dx = y (dy - sum(dy y))."""
    y, dx = ctx.y, ctx.buffer("dx", dy.shape, dy.dtype)
    np.multiply(dy, y, out=dx)
    np.subtract(dy, dx.sum(axis=ctx.axis, keepdims=True), out=dx)
    dx *= y
    return dx


def log_softmax_forward(ctx: Context, x: Array, axis: int) -> Array:
    """y = x - max - log(sum(exp(x - max))) along ``axis``."""
    y = _shifted(ctx, x, axis)
    e = ctx.buffer("e", x.shape, x.dtype)
    np.exp(y, out=e)
    y -= np.log(e.sum(axis=axis, keepdims=True))
    ctx.save(y=y, axis=axis)
    return y


def log_softmax_backward(ctx: Context, dy: Array) -> Array:
    """The Jacobian is I - 1 softmax^T, so dx = dy - exp(y) sum(dy)."""
    dx = ctx.buffer("dx", dy.shape, dy.dtype)
    np.exp(ctx.y, out=dx)
    dx *= dy.sum(axis=ctx.axis, keepdims=True)
    return np.subtract(dy, dx, out=dx)


def _shifted(ctx: Context, x: Array, axis: int) -> Array:
    """x - max, in the buffer of y: no exponential can overflow."""
    y = ctx.buffer("y", x.shape, x.dtype)
    return np.subtract(x, x.max(axis=axis, keepdims=True), out=y)
