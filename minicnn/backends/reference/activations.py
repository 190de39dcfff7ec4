"""Activations: entry by entry, and softmax along an axis. All shapes are kept."""

import math

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.spec import Array

# -- ReLU -------------------------------------------------------------------------------------


def relu_forward(
    ctx: Context, x: Array, negative_slope: float, max_value: float | None, threshold: float
) -> Array:
    """max_value where x >= max_value;  x where x > threshold;  negative_slope (x - threshold) else.

    The ordinary ReLU is (0.0, None, 0.0): max(x, 0).
    """
    low = negative_slope * (x - threshold) if negative_slope else 0  # 0 * -inf would be NaN
    y = np.where(x <= threshold, low, x)  # a NaN is not <= anything: it stays
    slope = np.where(x > threshold, 1, np.asarray(negative_slope, x.dtype))
    if max_value is not None:
        y = np.where(x >= max_value, max_value, y)
        slope = np.where(x >= max_value, 0, slope)
    ctx.save(slope=slope)
    return y


def relu_backward(ctx: Context, dy: Array) -> Array:
    """dx = dy times 0, 1 or negative_slope, by forward's branch (x = 0 takes the last)."""
    return dy * ctx.slope


# -- sigmoid and tanh -------------------------------------------------------------------------


def sigmoid_forward(ctx: Context, x: Array) -> Array:
    """y = 1 / (1 + exp(-x))."""
    y = sigmoid(x)
    ctx.save(y=y)
    return y


def sigmoid_backward(ctx: Context, dy: Array) -> Array:
    """dx = dy y (1 - y)."""
    return dy * ctx.y * (1 - ctx.y)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), or the same thing exp(x) / (1 + exp(x)): whichever cannot overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def tanh_forward(ctx: Context, x: Array) -> Array:
    """y = tanh(x)."""
    y = np.tanh(x)
    ctx.save(y=y)
    return y


def tanh_backward(ctx: Context, dy: Array) -> Array:
    """dx = dy (1 - y^2)."""
    return dy * (1 - ctx.y**2)


# -- softmax ----------------------------------------------------------------------------------


def softmax_forward(ctx: Context, x: Array, axis: int) -> Array:
    """y = exp(x) / sum(exp(x)) along ``axis``; subtracting the maximum first changes nothing
    but keeps exp from overflowing.
    """
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    y = e / e.sum(axis=axis, keepdims=True)
    ctx.save(y=y, axis=axis)
    return y


def softmax_backward(ctx: Context, dy: Array) -> Array:
    """The Jacobian is diag(y) - y y^T, so dx = y (dy - sum(dy y))."""
    return ctx.y * (dy - (dy * ctx.y).sum(axis=ctx.axis, keepdims=True))


def log_softmax_forward(ctx: Context, x: Array, axis: int) -> Array:
    """y = x - log(sum(exp(x))) along ``axis``, after subtracting the maximum."""
    z = x - x.max(axis=axis, keepdims=True)
    y = z - np.log(np.exp(z).sum(axis=axis, keepdims=True))
    ctx.save(y=y, axis=axis)
    return y


def log_softmax_backward(ctx: Context, dy: Array) -> Array:
    """The Jacobian is I - 1 softmax^T, so dx = dy - exp(y) sum(dy)."""
    return dy - np.exp(ctx.y) * dy.sum(axis=ctx.axis, keepdims=True)


# -- the others: each returns y = f(x) and the slope f'(x) -------------------------------------


def elementwise_forward(ctx: Context, x: Array, kind: str, alpha: float) -> Array:
    """y = f(x), entry by entry; ``kind`` names one of the functions below."""
    y, slope = _KINDS[kind](x, alpha)
    ctx.save(slope=slope)
    return y


def elementwise_backward(ctx: Context, dy: Array) -> Array:
    """dx = dy f'(x)."""
    return dy * ctx.slope


def _elu(x: Array, alpha: float) -> tuple[Array, Array]:
    """x where x > 0, else alpha (e^x - 1)."""
    below = np.minimum(x, 0)  # so that e^x cannot overflow where it is not used
    return np.where(x > 0, x, alpha * np.expm1(below)), np.where(x > 0, 1, alpha * np.exp(below))


def _celu(x: Array, alpha: float) -> tuple[Array, Array]:
    """x where x > 0, else alpha (e^(x / alpha) - 1)."""
    below = np.minimum(x, 0) / alpha
    return np.where(x > 0, x, alpha * np.expm1(below)), np.where(x > 0, 1, np.exp(below))


def _selu(x: Array, alpha: float) -> tuple[Array, Array]:
    """scale elu(x), with the constants of Klambauer et al. (2017), arXiv:1706.02515."""
    scale = 1.0507009873554805
    y, slope = _elu(x, 1.6732632423543772)
    return scale * y, scale * slope


def _gelu(x: Array, alpha: float) -> tuple[Array, Array]:
    """x Phi(x), the normal distribution function Phi(x) = erfc(-x / sqrt 2) / 2."""
    erfc = np.vectorize(math.erfc, otypes=[x.dtype])  # NumPy has none: Python's, one by one
    Phi = erfc(-x / math.sqrt(2)) / 2
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)  # Phi'
    return x * Phi, Phi + x * density


def _gelu_tanh(x: Array, alpha: float) -> tuple[Array, Array]:
    """x (1 + tanh u) / 2 = x sigmoid(2 u),   u = sqrt(2 / pi) (x + 0.044715 x^3)."""
    two_c = 2 * math.sqrt(2 / math.pi)
    s = sigmoid(two_c * (x + 0.044715 * x**3))  # 1 + tanh would cancel where x is negative
    return x * s, s + x * s * (1 - s) * two_c * (1 + 3 * 0.044715 * x**2)


def _silu(x: Array, alpha: float) -> tuple[Array, Array]:
    """x sigmoid(x)."""
    s = sigmoid(x)
    return x * s, s * (1 + x * (1 - s))


def _softplus(x: Array, alpha: float) -> tuple[Array, Array]:
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), sigmoid(x)


def _softsign(x: Array, alpha: float) -> tuple[Array, Array]:
    """x / (1 + |x|)."""
    d = 1 + np.abs(x)
    return x / d, 1 / d**2


def _hard_sigmoid(x: Array, alpha: float) -> tuple[Array, Array]:
    """x / 6 + 1/2, clipped to [0, 1]."""
    return np.clip(x / 6 + 0.5, 0, 1), (np.abs(x) < 3).astype(x.dtype) / 6


def _hard_silu(x: Array, alpha: float) -> tuple[Array, Array]:
    """x hard_sigmoid(x)."""
    h, dh = _hard_sigmoid(x, alpha)
    return x * h, h + x * dh


def _exponential(x: Array, alpha: float) -> tuple[Array, Array]:
    """e^x."""
    with np.errstate(over="ignore"):  # infinity is the answer then
        y = np.exp(x)
    return y, y


def _mish(x: Array, alpha: float) -> tuple[Array, Array]:
    """x t,   t = tanh(softplus(x)).  Source: Misra (2019), arXiv:1908.08681."""
    softplus, s = _softplus(x, alpha)
    t = np.tanh(softplus)
    return x * t, t + x * (1 - t**2) * s


_KINDS = {
    "elu": _elu, "celu": _celu, "selu": _selu, "gelu": _gelu, "gelu_tanh": _gelu_tanh,
    "silu": _silu, "softplus": _softplus, "softsign": _softsign, "hard_sigmoid": _hard_sigmoid,
    "hard_silu": _hard_silu, "exponential": _exponential, "mish": _mish,
}  # fmt: skip
