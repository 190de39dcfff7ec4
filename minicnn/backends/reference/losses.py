"""Losses: one value a sample, and the weighted sum that makes them one number.

Predictions and targets are (..., K); the losses are (...). Each backward starts from dlosses (...).
"""

from typing import Any

import numpy as np

from minicnn.backends.reference.activations import sigmoid
from minicnn.backends.spec import Array

#: probabilities are kept in [EPSILON, 1 - EPSILON] before a logarithm is taken
EPSILON = 1e-7


# -- from logits ------------------------------------------------------------------------------


def softmax_crossentropy_forward(
    ctx: Any, logits: Array, y: Array, label_smoothing: float
) -> tuple[Array, Array]:
    """loss = logsumexp(z) sum(y') - sum(y' z),   y' = y (1 - s) + s / K.  Returns (losses, p)."""
    y = y * (1 - label_smoothing) + label_smoothing / logits.shape[-1]  # (..., K)
    z, log_sum = _shifted(logits)
    p = np.exp(z - log_sum)  # (..., K), softmax(logits)
    losses = log_sum[..., 0] * y.sum(axis=-1) - (y * z).sum(axis=-1)  # (...)
    ctx.save(p=p, y=y)
    return losses, p


def softmax_crossentropy_backward(ctx: Any, dlosses: Array) -> Array:
    """d logsumexp(z) / dz = softmax(z) = p   gives   dlogits = (p - y') dlosses."""
    return (ctx.p - ctx.y) * dlosses[..., None]


def sparse_softmax_crossentropy_forward(
    ctx: Any, logits: Array, y: Array, ignore_class: int | None
) -> tuple[Array, Array]:
    """loss = logsumexp(z) - z[y],   y (...) integer;  0 where y == ignore_class.

    Returns (losses, p).
    """
    z, log_sum = _shifted(logits)
    p = np.exp(z - log_sum)  # (..., K)
    counts, y = _split(y, ignore_class)
    losses = np.where(counts, log_sum[..., 0] - _pick(z, y), 0)  # (...)
    ctx.save(p=p, y=y, counts=counts)
    return losses, p


def sparse_softmax_crossentropy_backward(ctx: Any, dlosses: Array) -> Array:
    """dlogits = (p - onehot(y)) dlosses;  0 where y == ignore_class."""
    dlosses = np.where(ctx.counts, dlosses, 0)
    return (ctx.p - _one_hot(ctx.y, ctx.p)) * dlosses[..., None]


def sigmoid_crossentropy_forward(
    ctx: Any, logits: Array, y: Array, label_smoothing: float
) -> tuple[Array, Array]:
    """loss = mean(max(z, 0) - z y' + log(1 + exp(-|z|))),   y' = y (1 - s) + s / 2.

    It is -y' ln p - (1 - y') ln(1 - p) for p = sigmoid(z), written so that nothing overflows.
    """
    y = y * (1 - label_smoothing) + label_smoothing / 2  # (..., K)
    p = sigmoid(logits)  # (..., K)
    values = np.maximum(logits, 0) - logits * y + np.log1p(np.exp(-np.abs(logits)))
    ctx.save(p=p, y=y)
    return values.mean(axis=-1), p


def sigmoid_crossentropy_backward(ctx: Any, dlosses: Array) -> Array:
    """dlogits = (p - y') dlosses / K."""
    return (ctx.p - ctx.y) * dlosses[..., None] / ctx.p.shape[-1]


# -- from probabilities -----------------------------------------------------------------------


def categorical_crossentropy_forward(ctx: Any, p: Array, y: Array, label_smoothing: float) -> Array:
    """q = p / sum(p),   p' = clip(q),   loss = -sum(y' ln p'),   y' = y (1 - s) + s / K."""
    y = y * (1 - label_smoothing) + label_smoothing / p.shape[-1]  # (..., K)
    total = p.sum(axis=-1, keepdims=True)  # (..., 1)
    q = p / total  # (..., K)
    clipped = _clip(q)
    ctx.save(y=y, q=q, clipped=clipped, total=total)
    return -(y * np.log(clipped)).sum(axis=-1)


def categorical_crossentropy_backward(ctx: Any, dlosses: Array) -> Array:
    """dq = -y' / q dlosses where q was not clipped, and q = p / sum(p) gives
    dp = (dq - sum(dq q)) / sum(p).
    """
    dq = -ctx.y / ctx.clipped * (ctx.q == ctx.clipped) * dlosses[..., None]  # (..., K)
    return (dq - (dq * ctx.q).sum(axis=-1, keepdims=True)) / ctx.total


def sparse_categorical_crossentropy_forward(
    ctx: Any, p: Array, y: Array, ignore_class: int | None
) -> Array:
    """q = clip(p),   loss = ln(sum q) - ln q[y],   y (...) integer;  0 where y == ignore_class."""
    q = _clip(p)  # (..., K)
    counts, y = _split(y, ignore_class)
    ctx.save(p=p, q=q, y=y, counts=counts)
    return np.where(counts, np.log(q.sum(axis=-1)) - np.log(_pick(q, y)), 0)


def sparse_categorical_crossentropy_backward(ctx: Any, dlosses: Array) -> Array:
    """dq = (1 / sum(q) - onehot(y) / q) dlosses,   dp = dq where p was not clipped, else 0;
    0 where y == ignore_class.
    """
    dlosses = np.where(ctx.counts, dlosses, 0)
    dq = 1 / ctx.q.sum(axis=-1, keepdims=True) - _one_hot(ctx.y, ctx.q) / ctx.q  # (..., K)
    return dq * (ctx.p == ctx.q) * dlosses[..., None]


def binary_crossentropy_forward(ctx: Any, p: Array, y: Array, label_smoothing: float) -> Array:
    """q = clip(p),   loss = mean(-(y' ln q + (1 - y') ln(1 - q))),   y' = y (1 - s) + s / 2."""
    y = y * (1 - label_smoothing) + label_smoothing / 2  # (..., K)
    q = _clip(p)  # (..., K)
    ctx.save(p=p, q=q, y=y)
    return -(y * np.log(q) + (1 - y) * np.log(1 - q)).mean(axis=-1)


def binary_crossentropy_backward(ctx: Any, dlosses: Array) -> Array:
    """dp = ((1 - y') / (1 - q) - y' / q) dlosses / K where p was not clipped, else 0."""
    dq = (1 - ctx.y) / (1 - ctx.q) - ctx.y / ctx.q  # (..., K)
    return dq * (ctx.p == ctx.q) * dlosses[..., None] / ctx.p.shape[-1]


# -- regression, and the sum ------------------------------------------------------------------


def mean_squared_error_forward(ctx: Any, p: Array, y: Array) -> Array:
    """loss = mean((p - y)^2)."""
    error = p - y  # (..., K)
    ctx.save(error=error)
    return (error**2).mean(axis=-1)


def mean_squared_error_backward(ctx: Any, dlosses: Array) -> Array:
    """dp = 2 (p - y) dlosses / K."""
    return 2 * ctx.error * dlosses[..., None] / ctx.error.shape[-1]


def weighted_sum_forward(ctx: Any, values: Array, weights: Array | None, scale: float) -> Array:
    """scale sum(weights values), shape (1,); ``weights`` None means ones."""
    ctx.save(values=values, weights=weights, scale=scale)
    weighted = values if weights is None else weights * values
    return weighted.sum().reshape(1) * scale


def weighted_sum_backward(ctx: Any) -> Array:
    """dvalues = scale weights, of the shape of ``values``."""
    dvalues = np.full_like(ctx.values, ctx.scale)
    return dvalues if ctx.weights is None else dvalues * ctx.weights


# -- pieces -----------------------------------------------------------------------------------


def _shifted(logits: Array) -> tuple[Array, Array]:
    """z = logits - max (..., K) and log(sum(exp(z))) (..., 1): no exponential can overflow."""
    z = logits - logits.max(axis=-1, keepdims=True)
    return z, np.log(np.exp(z).sum(axis=-1, keepdims=True))


def _split(y: Array, ignore_class: int | None) -> tuple[Array, Array]:
    """Which labels count, and the labels with class 0 in place of those that do not."""
    counts = np.ones(y.shape, bool) if ignore_class is None else y != ignore_class
    return counts, np.where(counts, y, 0)


def _pick(a: Array, y: Array) -> Array:
    """a[..., y]: from (..., K) the entry of each row that its label names, (...)."""
    return np.take_along_axis(a, y[..., None], axis=-1)[..., 0]


def _one_hot(y: Array, like: Array) -> Array:
    """True at the label. (...)  ->  (..., K)."""
    return y[..., None] == np.arange(like.shape[-1])


def _clip(p: Array) -> Array:
    """p kept in [EPSILON, 1 - EPSILON]; an entry was clipped where the result differs from p."""
    return np.clip(p, EPSILON, 1 - EPSILON)
