"""Losses: one value a sample, and the weighted sum that makes them one number.

Softmax cross-entropy, which every classifier ends in, is one kernel a call: on (N, 10) numbers a
dozen NumPy calls cost more than the arithmetic; and so are the kinds of ``regression_loss``. The
others are plain NumPy. Predictions and targets are (..., K); the losses are (...).
"""

import math

import numpy as np
from numba import prange

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu.caching import cached_njit
from minicnn.backends.numba_cpu.runtime import contiguous, launch
from minicnn.backends.spec import Array

#: probabilities are kept in [EPSILON, 1 - EPSILON] before a logarithm is taken, and what must not
#: become zero under a logarithm or a fraction line is at least this
EPSILON = 1e-7
#: stands for "no class is ignored": a label that nobody has
NO_LABEL = -(2**63)

# -- from logits ------------------------------------------------------------------------------


def softmax_crossentropy_forward(
    ctx: Context, logits: Array, y: Array, label_smoothing: float
) -> tuple[Array, Array]:
    """loss = logsumexp(z) sum(y') - sum(y' z),   y' = y (1 - s) + s / K.  Returns (losses, p)."""
    z, losses, p = _buffers(ctx, logits)
    K, number = logits.shape[-1], logits.dtype.type
    keep, share = number(1 - label_smoothing), number(label_smoothing / K)
    y = contiguous(ctx, "y", y.astype(logits.dtype, copy=False)).reshape(-1, K)
    _softmax_crossentropy(z, y, keep, share, losses.reshape(-1), p.reshape(-1, K))
    ctx.save(p=p, y=y, keep=keep, share=share)
    return losses, p


def softmax_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """d logsumexp(z) / dz = softmax(z) = p   gives   dlogits = (p - y') dlosses."""
    p, dlosses = ctx.p, contiguous(ctx, "dlosses", dlosses)
    dlogits = ctx.buffer("dlogits", p.shape, p.dtype)
    K = p.shape[-1]
    _softmax_crossentropy_slope(
        p.reshape(-1, K), ctx.y, ctx.keep, ctx.share, dlosses.reshape(-1), dlogits.reshape(-1, K)
    )
    return dlogits


def sparse_softmax_crossentropy_forward(
    ctx: Context, logits: Array, y: Array, ignore_class: int | None
) -> tuple[Array, Array]:
    """loss = logsumexp(z) - z[y],   y (...) integer;  0 where y == ignore_class.

    Returns (losses, p).

    Raises:
        IndexError: a label is neither one of 0 ... K - 1 nor ``ignore_class``.
    """
    z, losses, p = _buffers(ctx, logits)
    K = logits.shape[-1]
    y = contiguous(ctx, "y", y.astype(np.int64, copy=False)).reshape(-1)
    ignored = NO_LABEL if ignore_class is None else ignore_class
    wrong = _sparse_softmax_crossentropy(z, y, ignored, losses.reshape(-1), p.reshape(-1, K))
    if wrong >= 0:
        raise IndexError(f"label {y[wrong]} of sample {wrong} is not one of 0 ... {K - 1}")
    ctx.save(p=p, y=y, ignored=ignored)
    return losses, p


def sparse_softmax_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """dlogits = (p - onehot(y)) dlosses;  0 where y == ignore_class."""
    p, dlosses = ctx.p, contiguous(ctx, "dlosses", dlosses)
    dlogits = ctx.buffer("dlogits", p.shape, p.dtype)
    K = p.shape[-1]
    _sparse_softmax_crossentropy_slope(
        p.reshape(-1, K), ctx.y, ctx.ignored, dlosses.reshape(-1), dlogits.reshape(-1, K)
    )
    return dlogits


def _buffers(ctx: Context, logits: Array) -> tuple[Array, Array, Array]:
    """z (N, K), losses (...), p (..., K)."""
    z = contiguous(ctx, "z", logits).reshape(-1, logits.shape[-1])
    losses = ctx.buffer("losses", logits.shape[:-1], logits.dtype)
    return z, losses, ctx.buffer("p", logits.shape, logits.dtype)


@cached_njit()
def _softmax_row(z, p, n):
    """p[n] = softmax(z[n]); returns logsumexp(z[n]), max-shifted so that exp cannot overflow."""
    top = z[n, 0]
    for k in range(z.shape[1]):
        top = max(top, z[n, k])
    total = z.dtype.type(0)
    for k in range(z.shape[1]):
        p[n, k] = math.exp(z[n, k] - top)
        total += p[n, k]
    for k in range(z.shape[1]):
        p[n, k] /= total
    return top, math.log(total)


@cached_njit(error_model="numpy")
def _softmax_crossentropy(z, y, keep, share, losses, p):
    for n in range(z.shape[0]):
        top, log_total = _softmax_row(z, p, n)
        losses[n] = 0
        for k in range(z.shape[1]):
            losses[n] += (y[n, k] * keep + share) * (log_total - (z[n, k] - top))


@cached_njit(error_model="numpy")
def _softmax_crossentropy_slope(p, y, keep, share, dlosses, dlogits):
    for n in range(p.shape[0]):
        for k in range(p.shape[1]):
            dlogits[n, k] = (p[n, k] - (y[n, k] * keep + share)) * dlosses[n]


@cached_njit(error_model="numpy")
def _sparse_softmax_crossentropy(z, y, ignored, losses, p):
    """Returns the first sample whose label is no class, or -1."""
    for n in range(z.shape[0]):
        top, log_total = _softmax_row(z, p, n)
        if y[n] == ignored:
            losses[n] = 0
            continue
        if y[n] < 0 or y[n] >= z.shape[1]:
            return n
        losses[n] = log_total - (z[n, y[n]] - top)
    return -1


@cached_njit(error_model="numpy")
def _sparse_softmax_crossentropy_slope(p, y, ignored, dlosses, dlogits):
    for n in range(p.shape[0]):
        if y[n] == ignored:
            dlogits[n] = 0
            continue
        for k in range(p.shape[1]):
            dlogits[n, k] = p[n, k] * dlosses[n]
        dlogits[n, y[n]] = (p[n, y[n]] - 1) * dlosses[n]


def sigmoid_crossentropy_forward(
    ctx: Context, logits: Array, y: Array, label_smoothing: float
) -> tuple[Array, Array]:
    """loss = mean(max(z, 0) - z y' + log(1 + exp(-|z|))),   y' = y (1 - s) + s / 2."""
    y = y * (1 - label_smoothing) + label_smoothing / 2
    e = np.exp(-np.abs(logits))
    p = np.where(logits >= 0, 1, e) / (1 + e)  # sigmoid(z)
    ctx.save(p=p, y=y)
    return (np.maximum(logits, 0) - logits * y + np.log1p(e)).mean(axis=-1), p


def sigmoid_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """dlogits = (p - y') dlosses / K."""
    return (ctx.p - ctx.y) * dlosses[..., None] / ctx.p.shape[-1]


# -- from probabilities -----------------------------------------------------------------------


def categorical_crossentropy_forward(
    ctx: Context, p: Array, y: Array, label_smoothing: float
) -> Array:
    """q = p / sum(p),   p' = clip(q),   loss = -sum(y' ln p'),   y' = y (1 - s) + s / K."""
    y = y * (1 - label_smoothing) + label_smoothing / p.shape[-1]
    total = p.sum(axis=-1, keepdims=True)  # (..., 1)
    q = p / total  # (..., K)
    clipped = _clip(q)
    ctx.save(y=y, q=q, clipped=clipped, total=total)
    return -(y * np.log(clipped)).sum(axis=-1)


def categorical_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """dq = -y' / q dlosses where q was not clipped;   dp = (dq - sum(dq q)) / sum(p)."""
    dq = -ctx.y / ctx.clipped * (ctx.q == ctx.clipped) * dlosses[..., None]
    return (dq - (dq * ctx.q).sum(axis=-1, keepdims=True)) / ctx.total


def sparse_categorical_crossentropy_forward(
    ctx: Context, p: Array, y: Array, ignore_class: int | None
) -> Array:
    """q = clip(p),   loss = ln(sum q) - ln q[y],   y (...) integer;  0 where y == ignore_class."""
    q = _clip(p)
    counts = y != (NO_LABEL if ignore_class is None else ignore_class)
    y = np.where(counts, y, 0)
    ctx.save(p=p, q=q, y=y, counts=counts)
    picked = np.take_along_axis(q, y[..., None], axis=-1)[..., 0]
    return np.where(counts, np.log(q.sum(axis=-1)) - np.log(picked), 0)


def sparse_categorical_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """dp = (1 / sum(q) - onehot(y) / q) dlosses where p was not clipped, else 0; 0 where
    y == ignore_class.
    """
    q, dlosses = ctx.q, np.where(ctx.counts, dlosses, 0)
    one_hot = ctx.y[..., None] == np.arange(q.shape[-1])
    dq = 1 / q.sum(axis=-1, keepdims=True) - one_hot / q
    return dq * (ctx.p == q) * dlosses[..., None]


def binary_crossentropy_forward(ctx: Context, p: Array, y: Array, label_smoothing: float) -> Array:
    """q = clip(p),   loss = mean(-(y' ln q + (1 - y') ln(1 - q))),   y' = y (1 - s) + s / 2."""
    y = y * (1 - label_smoothing) + label_smoothing / 2
    q = _clip(p)
    ctx.save(p=p, q=q, y=y)
    return -(y * np.log(q) + (1 - y) * np.log(1 - q)).mean(axis=-1)


def binary_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """dp = ((1 - y') / (1 - q) - y' / q) dlosses / K where p was not clipped, else 0."""
    dq = (1 - ctx.y) / (1 - ctx.q) - ctx.y / ctx.q
    return dq * (ctx.p == ctx.q) * dlosses[..., None] / ctx.p.shape[-1]


def _clip(p: Array) -> Array:
    """p kept in [EPSILON, 1 - EPSILON]; an entry was clipped where the result differs from p."""
    return np.clip(p, EPSILON, 1 - EPSILON)


# -- the sum ----------------------------------------------------------------------------------


def weighted_sum_forward(ctx: Context, values: Array, weights: Array | None, scale: float) -> Array:
    """scale sum(weights values), shape (1,); ``weights`` None means ones."""
    ctx.save(values=values, weights=weights, scale=scale)
    weighted = values if weights is None else weights * values
    return weighted.sum().reshape(1) * scale


def weighted_sum_backward(ctx: Context) -> Array:
    """dvalues = scale weights, of the shape of ``values``."""
    dvalues = ctx.buffer("dvalues", ctx.values.shape, ctx.values.dtype)
    dvalues[...] = ctx.scale
    if ctx.weights is not None:
        dvalues *= ctx.weights
    return dvalues


# -- regression: each number alone, averaged over the last axis -------------------------------


def mean_squared_error_forward(ctx: Context, p: Array, y: Array) -> Array:
    """loss = mean((p - y)^2)."""
    error = np.subtract(p, y, out=ctx.buffer("error", p.shape, p.dtype))
    ctx.save(error=error)
    return np.square(error).mean(axis=-1)


def mean_squared_error_backward(ctx: Context, dlosses: Array) -> Array:
    """dp = 2 (p - y) dlosses / K."""
    error = ctx.error
    dp = ctx.buffer("dp", error.shape, error.dtype)
    return np.multiply(error, dlosses[..., None] * (2 / error.shape[-1]), out=dp)


_KINDS = (
    "absolute_error", "percentage_error", "squared_logarithmic_error", "huber", "log_cosh", "hinge",
    "squared_hinge", "poisson", "kl_divergence",
)  # fmt: skip
# their numbers, which is what kernels are told; kl_divergence is what is left
_ABSOLUTE, _PERCENTAGE, _LOGARITHMIC, _HUBER, _LOG_COSH, _HINGE, _SQUARED_HINGE, _POISSON = range(8)


def regression_loss_forward(ctx: Context, p: Array, y: Array, kind: str, delta: float) -> Array:
    """loss = mean(f(p, y)) over the last axis, of kl_divergence the sum.  (..., K) -> (...)."""
    if kind in ("hinge", "squared_hinge") and np.isin(y, (0, 1)).all():
        y = 2 * y - 1  # labels 0 and 1 mean -1 and 1
    K = p.shape[-1]
    p = contiguous(ctx, "p", p)
    y = contiguous(ctx, "y", y.astype(p.dtype, copy=False))
    losses = ctx.buffer("losses", p.shape[:-1], p.dtype)
    share = 1.0 if kind == "kl_divergence" else 1 / K
    formula = p.reshape(-1, K), y.reshape(-1, K), _KINDS.index(kind), float(delta), share
    launch(_losses, 20 * p.size, *formula, losses.reshape(-1))
    ctx.save(p=p, formula=formula)
    return losses


def regression_loss_backward(ctx: Context, dlosses: Array) -> Array:
    """dp = f'(p) dlosses / K, of kl_divergence without / K."""
    p = ctx.p
    dp = ctx.buffer("dp", p.shape, p.dtype)
    dlosses = contiguous(ctx, "dlosses", dlosses).reshape(-1)
    launch(_slopes, 20 * p.size, *ctx.formula, dlosses, dp.reshape(-1, p.shape[-1]))
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
    if kind == _ABSOLUTE:
        return abs(p - y)
    if kind == _PERCENTAGE:
        return 100 * abs(p - y) / max(abs(y), EPSILON)
    if kind == _LOGARITHMIC:
        return (math.log1p(_at_least(p, EPSILON)) - math.log1p(_at_least(y, EPSILON))) ** 2
    if kind == _HUBER:
        size = abs(p - y)
        return size**2 / 2 if size <= delta else delta * size - delta**2 / 2
    if kind == _LOG_COSH:
        size = abs(p - y)
        return size + math.log1p(math.exp(-2 * size)) - math.log(2.0)
    if kind == _HINGE:
        return _at_least(1 - y * p, 0.0)
    if kind == _SQUARED_HINGE:
        return _at_least(1 - y * p, 0.0) ** 2
    if kind == _POISSON:
        return p - y * np.log(p + EPSILON)
    y = min(max(y, EPSILON), 1.0)
    return y * math.log(y / min(_at_least(p, EPSILON), 1.0))


@cached_njit(error_model="numpy")
def _slope(p, y, kind, delta):
    """The derivative of f(p, y) with respect to p."""
    if kind == _ABSOLUTE:
        return np.sign(p - y)
    if kind == _PERCENTAGE:
        return 100 * np.sign(p - y) / max(abs(y), EPSILON)
    if kind == _LOGARITHMIC:
        if p < EPSILON:
            return 0.0
        return 2 * (math.log1p(p) - math.log1p(_at_least(y, EPSILON))) / (p + 1)
    if kind == _HUBER:
        e = p - y
        return e if abs(e) <= delta else delta * np.sign(e)
    if kind == _LOG_COSH:
        return math.tanh(p - y)
    if kind == _HINGE:
        return -y if 1 - y * p >= 0 else 0.0
    if kind == _SQUARED_HINGE:
        return -2 * y * _at_least(1 - y * p, 0.0)
    if kind == _POISSON:
        return 1 - y / (p + EPSILON)
    if p < EPSILON or p > 1:
        return 0.0
    return -min(max(y, EPSILON), 1.0) / p


@cached_njit()
def _at_least(v, low):
    """max(v, low), written so that a NaN stays."""
    return low if v < low else v
