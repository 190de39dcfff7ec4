"""Losses that look at each number alone: one kernel with the formula of every kind.

Values and derivatives are those of ``reference/regression.py``, computed in float64.
"""

# Numba infers the types of the kernels
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

import math
from typing import Any

import numpy as np
from numba import prange

from minicnn.backends.numba_cpu.caching import cached_njit
from minicnn.backends.numba_cpu.memory import contiguous
from minicnn.backends.numba_cpu.runtime import launch
from minicnn.backends.spec import Array

#: what must not become zero under a logarithm or a fraction line is at least this
EPSILON = 1e-7
#: kind -> its number in ``_value`` and ``_slope``
KINDS = {
    "absolute_error": 0,
    "percentage_error": 1,
    "squared_logarithmic_error": 2,
    "huber": 3,
    "log_cosh": 4,
    "hinge": 5,
    "squared_hinge": 6,
    "poisson": 7,
    "kl_divergence": 8,
}


def regression_loss_forward(ctx: Any, p: Array, y: Array, kind: str, delta: float) -> Array:
    """loss = mean(f(p, y)) over the last axis, of kl_divergence the sum.  (..., K) -> (...)."""
    if kind in ("hinge", "squared_hinge") and np.isin(y, (0, 1)).all():
        y = 2 * y - 1  # labels 0 and 1 mean -1 and 1
    K = p.shape[-1]
    p = contiguous(ctx, "p", p)
    y = contiguous(ctx, "y", y.astype(p.dtype, copy=False))
    losses = ctx.buffer("losses", p.shape[:-1], p.dtype)
    share = 1.0 if kind == "kl_divergence" else 1 / K
    function = (KINDS[kind], float(delta), share)
    ctx.save(p=p, y=y, function=function)
    launch(
        _losses, 20 * p.size, p.reshape(-1, K), y.reshape(-1, K), *function, losses.reshape(-1)
    )  # fmt: skip
    return losses


def regression_loss_backward(ctx: Any, dlosses: Array) -> Array:
    """dp = f'(p) dlosses / K, of kl_divergence without / K."""
    p, K = ctx.p, ctx.p.shape[-1]
    dp = ctx.buffer("dp", p.shape, p.dtype)
    dlosses = contiguous(ctx, "dlosses", dlosses).reshape(-1)
    launch(
        _slopes, 20 * p.size, p.reshape(-1, K), ctx.y.reshape(-1, K), *ctx.function, dlosses,
        dp.reshape(-1, K),
    )  # fmt: skip
    return dp


@cached_njit(parallel=True)
def _losses(p, y, kind, delta, share, losses):
    for n in prange(p.shape[0]):
        total = 0.0
        for k in range(p.shape[1]):
            total += _value(np.float64(p[n, k]), np.float64(y[n, k]), kind, delta)
        losses[n] = total * share


@cached_njit(parallel=True)
def _slopes(p, y, kind, delta, share, dlosses, dp):
    for n in prange(p.shape[0]):
        for k in range(p.shape[1]):
            slope = _slope(np.float64(p[n, k]), np.float64(y[n, k]), kind, delta)
            dp[n, k] = slope * dlosses[n] * share


@cached_njit()
def _value(p, y, kind, delta):
    """f(p, y)."""
    if kind == 0:
        return abs(p - y)
    if kind == 1:
        return 100 * abs(p - y) / max(abs(y), EPSILON)
    if kind == 2:
        return (math.log1p(_at_least(p)) - math.log1p(_at_least(y))) ** 2
    if kind == 3:
        size = abs(p - y)
        return size**2 / 2 if size <= delta else delta * size - delta**2 / 2
    if kind == 4:
        size = abs(p - y)
        return size + math.log1p(math.exp(-2 * size)) - math.log(2.0)
    if kind == 5:
        return _positive(1 - y * p)
    if kind == 6:
        return _positive(1 - y * p) ** 2
    if kind == 7:
        return p - y * _log(p + EPSILON)
    y = min(max(y, EPSILON), 1.0)
    return y * math.log(y / min(_at_least(p), 1.0))


@cached_njit(error_model="numpy")
def _slope(p, y, kind, delta):
    """The derivative of f(p, y) with respect to p."""
    if kind == 0:
        return np.sign(p - y)
    if kind == 1:
        return 100 * np.sign(p - y) / max(abs(y), EPSILON)
    if kind == 2:
        if p < EPSILON:
            return 0.0
        return 2 * (math.log1p(p) - math.log1p(_at_least(y))) / (p + 1)
    if kind == 3:
        e = p - y
        return e if abs(e) <= delta else delta * np.sign(e)
    if kind == 4:
        return math.tanh(p - y)
    if kind == 5:
        return -y if 1 - y * p >= 0 else 0.0
    if kind == 6:
        return -2 * y * _positive(1 - y * p)
    if kind == 7:
        return 1 - y / (p + EPSILON)
    if p < EPSILON or p > 1:
        return 0.0
    return -min(max(y, EPSILON), 1.0) / p


@cached_njit()
def _at_least(v):
    """max(v, EPSILON), written so that a NaN stays."""
    return EPSILON if v < EPSILON else v


@cached_njit()
def _positive(v):
    """max(v, 0), written so that a NaN stays."""
    return 0.0 if v < 0 else v


@cached_njit()
def _log(v):
    """ln v as NumPy has it: -inf at 0 and NaN below, no exception."""
    if v > 0:
        return math.log(v)
    return -math.inf if v == 0 else math.nan
