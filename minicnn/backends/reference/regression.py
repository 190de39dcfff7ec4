"""Losses that look at each number alone: f(p, y), averaged over the last axis.

Each kind is one function that gives the value and, beside it, the derivative with respect to p.
"""

import math
from typing import Any

import numpy as np

from minicnn.backends.spec import Array

#: what must not become zero under a logarithm or a fraction line is at least this
EPSILON = 1e-7


def regression_loss_forward(ctx: Any, p: Array, y: Array, kind: str, delta: float) -> Array:
    """loss = mean(f(p, y)) over the last axis, of kl_divergence the sum.  (..., K) -> (...)."""
    if kind in ("hinge", "squared_hinge") and np.isin(y, (0, 1)).all():
        y = 2 * y - 1  # labels 0 and 1 mean -1 and 1
    f, slope = _KINDS[kind](p, y, delta)  # (..., K) both
    share = 1 if kind == "kl_divergence" else 1 / p.shape[-1]
    ctx.save(slope=slope, share=share)
    return f.sum(axis=-1) * share


def regression_loss_backward(ctx: Any, dlosses: Array) -> Array:
    """dp = f'(p) dlosses / K, of kl_divergence without / K."""
    return ctx.slope * dlosses[..., None] * ctx.share


def _absolute_error(p: Array, y: Array, delta: float) -> tuple[Array, Array]:
    """|p - y|."""
    return np.abs(p - y), np.sign(p - y)


def _percentage_error(p: Array, y: Array, delta: float) -> tuple[Array, Array]:
    """100 |p - y| / |y|."""
    scale = 100 / np.maximum(np.abs(y), EPSILON)
    return np.abs(p - y) * scale, np.sign(p - y) * scale


def _squared_logarithmic_error(p: Array, y: Array, delta: float) -> tuple[Array, Array]:
    """(ln(1 + p') - ln(1 + y'))^2,   p' = max(p, eps),   y' = max(y, eps)."""
    q = np.maximum(p, EPSILON)
    error = np.log(q + 1) - np.log(np.maximum(y, EPSILON) + 1)
    return error**2, 2 * error / (q + 1) * (p >= EPSILON)


def _huber(p: Array, y: Array, delta: float) -> tuple[Array, Array]:
    """e^2 / 2 where |e| <= delta, beyond it the tangent delta |e| - delta^2 / 2.   e = p - y.

    Source: Huber (1964), "Robust Estimation of a Location Parameter".
    """
    e = p - y
    size = np.abs(e)
    return np.where(size <= delta, e**2 / 2, delta * size - delta**2 / 2), e.clip(-delta, delta)


def _log_cosh(p: Array, y: Array, delta: float) -> tuple[Array, Array]:
    """ln cosh e = |e| + ln(1 + exp(-2 |e|)) - ln 2.   e = p - y."""
    e = p - y
    size = np.abs(e)
    return size + np.log1p(np.exp(-2 * size)) - math.log(2), np.tanh(e)


def _hinge(p: Array, y: Array, delta: float) -> tuple[Array, Array]:
    """max(1 - y p, 0)."""
    margin = 1 - y * p
    return np.maximum(margin, 0), -y * (margin >= 0)


def _squared_hinge(p: Array, y: Array, delta: float) -> tuple[Array, Array]:
    """max(1 - y p, 0)^2."""
    margin = np.maximum(1 - y * p, 0)
    return margin**2, -2 * y * margin


def _poisson(p: Array, y: Array, delta: float) -> tuple[Array, Array]:
    """p - y ln(p + eps): -ln of the Poisson probability of y at mean p, but for a constant."""
    return p - y * np.log(p + EPSILON), 1 - y / (p + EPSILON)


def _kl_divergence(p: Array, y: Array, delta: float) -> tuple[Array, Array]:
    """y' ln(y' / p'),   p' = clip(p, eps, 1),   y' = clip(y, eps, 1)."""
    y, q = y.clip(EPSILON, 1), p.clip(EPSILON, 1)
    return y * np.log(y / q), -y / q * (p == q)


_KINDS = {
    "absolute_error": _absolute_error,
    "percentage_error": _percentage_error,
    "squared_logarithmic_error": _squared_logarithmic_error,
    "huber": _huber,
    "log_cosh": _log_cosh,
    "hinge": _hinge,
    "squared_hinge": _squared_hinge,
    "poisson": _poisson,
    "kl_divergence": _kl_divergence,
}
