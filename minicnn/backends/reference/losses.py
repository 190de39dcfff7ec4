"""Losses: one value a sample, and the weighted sum that makes them one number.

Predictions and targets are (..., K); the losses are (...). Each backward starts from dlosses (...).
"""

import math

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.reference.activations import sigmoid
from minicnn.backends.spec import Array

#: probabilities are kept in [EPSILON, 1 - EPSILON] before a logarithm is taken, and what must not
#: become zero under a logarithm or a fraction line is at least this
EPSILON = 1e-7


# -- from logits ------------------------------------------------------------------------------


def softmax_crossentropy_forward(
    ctx: Context, logits: Array, y: Array, label_smoothing: float
) -> tuple[Array, Array]:
    """loss = logsumexp(z) sum(y') - sum(y' z),   y' = y (1 - s) + s / K.  Returns (losses, p)."""
    y = y * (1 - label_smoothing) + label_smoothing / logits.shape[-1]  # (..., K)
    z = logits - logits.max(axis=-1, keepdims=True)  # (..., K); no exponential can overflow now
    log_sum = np.log(np.exp(z).sum(axis=-1, keepdims=True))  # (..., 1)
    p = np.exp(z - log_sum)  # (..., K), softmax(logits)
    losses = log_sum[..., 0] * y.sum(axis=-1) - (y * z).sum(axis=-1)  # (...)
    ctx.save(p=p, y=y)
    return losses, p


def softmax_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """d logsumexp(z) / dz = softmax(z) = p   gives   dlogits = (p - y') dlosses."""
    return (ctx.p - ctx.y) * dlosses[..., None]


def sparse_softmax_crossentropy_forward(
    ctx: Context, logits: Array, y: Array, ignore_class: int | None
) -> tuple[Array, Array]:
    """loss = logsumexp(z) - z[y],   y (...) integer;  0 where y == ignore_class.

    Returns (losses, p).
    """
    z = logits - logits.max(axis=-1, keepdims=True)  # (..., K); no exponential can overflow now
    log_sum = np.log(np.exp(z).sum(axis=-1, keepdims=True))  # (..., 1)
    p = np.exp(z - log_sum)  # (..., K)
    counts = y != ignore_class  # (...); all of them where ignore_class is None
    y = np.where(counts, y, 0)
    z_y = np.take_along_axis(z, y[..., None], axis=-1)[..., 0]  # (...), each row's z[y]
    losses = np.where(counts, log_sum[..., 0] - z_y, 0)  # (...)
    ctx.save(p=p, y=y, counts=counts)
    return losses, p


def sparse_softmax_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """dlogits = (p - onehot(y)) dlosses;  0 where y == ignore_class."""
    dlosses = np.where(ctx.counts, dlosses, 0)
    one_hot = ctx.y[..., None] == np.arange(ctx.p.shape[-1])  # (..., K)
    return (ctx.p - one_hot) * dlosses[..., None]


def sigmoid_crossentropy_forward(
    ctx: Context, logits: Array, y: Array, label_smoothing: float
) -> tuple[Array, Array]:
    """loss = mean(max(z, 0) - z y' + log(1 + exp(-|z|))),   y' = y (1 - s) + s / 2.

    It is -y' ln p - (1 - y') ln(1 - p) for p = sigmoid(z), written so that nothing overflows.
    """
    y = y * (1 - label_smoothing) + label_smoothing / 2  # (..., K)
    p = sigmoid(logits)  # (..., K)
    values = np.maximum(logits, 0) - logits * y + np.log1p(np.exp(-np.abs(logits)))
    ctx.save(p=p, y=y)
    return values.mean(axis=-1), p


def sigmoid_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """dlogits = (p - y') dlosses / K."""
    return (ctx.p - ctx.y) * dlosses[..., None] / ctx.p.shape[-1]


# -- from probabilities -----------------------------------------------------------------------


def _clip(p: Array) -> Array:
    """p kept in [EPSILON, 1 - EPSILON]; an entry was clipped where the result differs from p."""
    return np.clip(p, EPSILON, 1 - EPSILON)


def categorical_crossentropy_forward(
    ctx: Context, p: Array, y: Array, label_smoothing: float
) -> Array:
    """q = p / sum(p),   p' = clip(q),   loss = -sum(y' ln p'),   y' = y (1 - s) + s / K."""
    y = y * (1 - label_smoothing) + label_smoothing / p.shape[-1]  # (..., K)
    total = p.sum(axis=-1, keepdims=True)  # (..., 1)
    q = p / total  # (..., K)
    clipped = _clip(q)
    ctx.save(y=y, q=q, clipped=clipped, total=total)
    return -(y * np.log(clipped)).sum(axis=-1)


def categorical_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """dq = -y' / q dlosses where q was not clipped, and q = p / sum(p) gives
    dp = (dq - sum(dq q)) / sum(p).
    """
    dq = -ctx.y / ctx.clipped * (ctx.q == ctx.clipped) * dlosses[..., None]  # (..., K)
    return (dq - (dq * ctx.q).sum(axis=-1, keepdims=True)) / ctx.total


def sparse_categorical_crossentropy_forward(
    ctx: Context, p: Array, y: Array, ignore_class: int | None
) -> Array:
    """q = clip(p),   loss = ln(sum q) - ln q[y],   y (...) integer;  0 where y == ignore_class."""
    q = _clip(p)  # (..., K)
    counts = y != ignore_class  # (...); all of them where ignore_class is None
    y = np.where(counts, y, 0)
    q_y = np.take_along_axis(q, y[..., None], axis=-1)[..., 0]  # (...), each row's q[y]
    ctx.save(p=p, q=q, y=y, counts=counts)
    return np.where(counts, np.log(q.sum(axis=-1)) - np.log(q_y), 0)


def sparse_categorical_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """dq = (1 / sum(q) - onehot(y) / q) dlosses,   dp = dq where p was not clipped, else 0;
    0 where y == ignore_class.
    """
    dlosses = np.where(ctx.counts, dlosses, 0)
    one_hot = ctx.y[..., None] == np.arange(ctx.q.shape[-1])  # (..., K)
    dq = 1 / ctx.q.sum(axis=-1, keepdims=True) - one_hot / ctx.q  # (..., K)
    return dq * (ctx.p == ctx.q) * dlosses[..., None]


def binary_crossentropy_forward(ctx: Context, p: Array, y: Array, label_smoothing: float) -> Array:
    """q = clip(p),   loss = mean(-(y' ln q + (1 - y') ln(1 - q))),   y' = y (1 - s) + s / 2."""
    y = y * (1 - label_smoothing) + label_smoothing / 2  # (..., K)
    q = _clip(p)  # (..., K)
    ctx.save(p=p, q=q, y=y)
    return -(y * np.log(q) + (1 - y) * np.log(1 - q)).mean(axis=-1)


def binary_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """dp = ((1 - y') / (1 - q) - y' / q) dlosses / K where p was not clipped, else 0."""
    dq = (1 - ctx.y) / (1 - ctx.q) - ctx.y / ctx.q  # (..., K)
    return dq * (ctx.p == ctx.q) * dlosses[..., None] / ctx.p.shape[-1]


# -- regression: each number alone, f(p, y) averaged over the last axis -----------------------


def mean_squared_error_forward(ctx: Context, p: Array, y: Array) -> Array:
    """loss = mean((p - y)^2)."""
    error = p - y  # (..., K)
    ctx.save(error=error)
    return (error**2).mean(axis=-1)


def mean_squared_error_backward(ctx: Context, dlosses: Array) -> Array:
    """dp = 2 (p - y) dlosses / K."""
    return 2 * ctx.error * dlosses[..., None] / ctx.error.shape[-1]


def regression_loss_forward(ctx: Context, p: Array, y: Array, kind: str, delta: float) -> Array:
    """loss = mean(f(p, y)) over the last axis, of kl_divergence the sum.  (..., K) -> (...)."""
    if kind in ("hinge", "squared_hinge") and np.isin(y, (0, 1)).all():
        y = 2 * y - 1  # labels 0 and 1 mean -1 and 1
    f, slope = _KINDS[kind](p, y, delta)  # (..., K) both
    share = 1 if kind == "kl_divergence" else 1 / p.shape[-1]
    ctx.save(slope=slope, share=share)
    return f.sum(axis=-1) * share


def regression_loss_backward(ctx: Context, dlosses: Array) -> Array:
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
    "absolute_error": _absolute_error, "percentage_error": _percentage_error,
    "squared_logarithmic_error": _squared_logarithmic_error, "huber": _huber,
    "log_cosh": _log_cosh, "hinge": _hinge, "squared_hinge": _squared_hinge,
    "poisson": _poisson, "kl_divergence": _kl_divergence,
}  # fmt: skip


# -- the sum ----------------------------------------------------------------------------------


def weighted_sum_forward(ctx: Context, values: Array, weights: Array | None, scale: float) -> Array:
    """scale sum(weights values), shape (1,); ``weights`` None means ones."""
    ctx.save(values=values, weights=weights, scale=scale)
    weighted = values if weights is None else weights * values
    return weighted.sum().reshape(1) * scale


def weighted_sum_backward(ctx: Context) -> Array:
    """dvalues = scale weights, of the shape of ``values``."""
    dvalues = np.full_like(ctx.values, ctx.scale)
    return dvalues if ctx.weights is None else dvalues * ctx.weights
