"""Losses: one value a sample, and the weighted sum that makes them one number.

Predictions and targets are (..., K); the losses are (...). The formulas stand beside the kernels.
"""

from typing import Any

from minicnn.backends.cupy_gpu.memory import contiguous
from minicnn.backends.cupy_gpu.rows import (
    converted,
    fused_loss_forward,
    loss_backward,
    loss_forward,
)
from minicnn.backends.cupy_gpu.runtime import launch, launch_grid
from minicnn.backends.spec import Array

#: stands for "no class is ignored": a label that nobody has
NO_LABEL = -(2**63)

# -- from logits ------------------------------------------------------------------------------


def softmax_crossentropy_forward(
    ctx: Any, logits: Array, y: Array, label_smoothing: float
) -> tuple[Array, Array]:
    """loss = logsumexp(z) sum(y') - sum(y' z),   y' = y (1 - s) + s / K.  Returns (losses, p)."""
    target = _smoothed(ctx, y, logits, label_smoothing, logits.shape[-1])
    return fused_loss_forward(ctx, "softmax_crossentropy", logits, target)


def softmax_crossentropy_backward(ctx: Any, dlosses: Array) -> Array:
    """d logsumexp(z) / dz = softmax(z) = p   gives   dlogits = (p - y') dlosses."""
    return loss_backward(ctx, "softmax_crossentropy_backward", dlosses)


def sparse_softmax_crossentropy_forward(
    ctx: Any, logits: Array, y: Array, ignore_class: int | None
) -> tuple[Array, Array]:
    """loss = logsumexp(z) - z[y],   y (...) integer;  0 where y == ignore_class.

    Returns (losses, p). A kernel cannot raise: the loss of a label that is neither one of
    0 ... K - 1 nor ``ignore_class`` is NaN.
    """
    target = _labels(ctx, y, ignore_class)
    return fused_loss_forward(ctx, "sparse_softmax_crossentropy", logits, target)


def sparse_softmax_crossentropy_backward(ctx: Any, dlosses: Array) -> Array:
    """dlogits = (p - onehot(y)) dlosses;  0 where y == ignore_class."""
    return loss_backward(ctx, "sparse_softmax_crossentropy_backward", dlosses)


def sigmoid_crossentropy_forward(
    ctx: Any, logits: Array, y: Array, label_smoothing: float
) -> tuple[Array, Array]:
    """loss = mean(max(z, 0) - z y' + log(1 + exp(-|z|))),   y' = y (1 - s) + s / 2."""
    target = _smoothed(ctx, y, logits, label_smoothing, 2)
    return fused_loss_forward(ctx, "sigmoid_crossentropy", logits, target)


def sigmoid_crossentropy_backward(ctx: Any, dlosses: Array) -> Array:
    """dlogits = (p - y') dlosses / K."""
    return loss_backward(ctx, "sigmoid_crossentropy_backward", dlosses)


# -- from probabilities -----------------------------------------------------------------------


def categorical_crossentropy_forward(ctx: Any, p: Array, y: Array, label_smoothing: float) -> Array:
    """q = p / sum(p),   p' = clip(q),   loss = -sum(y' ln p'),   y' = y (1 - s) + s / K."""
    target = _smoothed(ctx, y, p, label_smoothing, p.shape[-1])
    return loss_forward(ctx, "categorical_crossentropy", p, target)


def categorical_crossentropy_backward(ctx: Any, dlosses: Array) -> Array:
    """dq = -y' / q dlosses where q was not clipped;   dp = (dq - sum(dq q)) / sum(p)."""
    return loss_backward(ctx, "categorical_crossentropy_backward", dlosses)


def sparse_categorical_crossentropy_forward(
    ctx: Any, p: Array, y: Array, ignore_class: int | None
) -> Array:
    """q = clip(p),   loss = ln(sum q) - ln q[y],   y (...) integer;  0 where y == ignore_class.

    NaN where y is no class, as above.
    """
    target = _labels(ctx, y, ignore_class)
    return loss_forward(ctx, "sparse_categorical_crossentropy", p, target)


def sparse_categorical_crossentropy_backward(ctx: Any, dlosses: Array) -> Array:
    """dp = (1 / sum(q) - onehot(y) / q) dlosses where p was not clipped, else 0; 0 where
    y == ignore_class.
    """
    return loss_backward(ctx, "sparse_categorical_crossentropy_backward", dlosses)


def binary_crossentropy_forward(ctx: Any, p: Array, y: Array, label_smoothing: float) -> Array:
    """q = clip(p),   loss = mean(-(y' ln q + (1 - y') ln(1 - q))),   y' = y (1 - s) + s / 2."""
    target = _smoothed(ctx, y, p, label_smoothing, 2)
    return loss_forward(ctx, "binary_crossentropy", p, target)


def binary_crossentropy_backward(ctx: Any, dlosses: Array) -> Array:
    """dp = ((1 - y') / (1 - q) - y' / q) dlosses / K where p was not clipped, else 0."""
    return loss_backward(ctx, "binary_crossentropy_backward", dlosses)


# -- regression, and the sum ------------------------------------------------------------------


def mean_squared_error_forward(ctx: Any, p: Array, y: Array) -> Array:
    """loss = mean((p - y)^2)."""
    return loss_forward(ctx, "mean_squared_error", p, (converted(ctx, "target", y, p.dtype),))


def mean_squared_error_backward(ctx: Any, dlosses: Array) -> Array:
    """dp = 2 (p - y) dlosses / K."""
    return loss_backward(ctx, "mean_squared_error_backward", dlosses)


def weighted_sum_forward(ctx: Any, values: Array, weights: Array | None, scale: float) -> Array:
    """scale sum(weights values), shape (1,); ``weights`` None means ones."""
    values = contiguous(ctx, "values", values)
    if weights is not None:
        weights = converted(ctx, "weights", weights, values.dtype)
    total = ctx.buffer("total", (1,), values.dtype)
    launch_grid(
        values.dtype, "weighted_sum", (1,), (256,), values, weights, scale, total, values.size
    )  # fmt: skip
    ctx.save(values=values, weights=weights, scale=scale)
    return total


def weighted_sum_backward(ctx: Any) -> Array:
    """dvalues = scale weights, of the shape of ``values``."""
    dvalues = ctx.buffer("dvalues", ctx.values.shape, ctx.values.dtype)
    launch(
        dvalues.dtype, "weighted_sum_backward", dvalues.size,
        ctx.weights, ctx.scale, dvalues, dvalues.size,
    )  # fmt: skip
    return dvalues


# -- what losses compare with -------------------------------------------------------------------


def _smoothed(
    ctx: Any, y: Array, like: Array, label_smoothing: float, classes: int
) -> tuple[Array, float, float]:
    """y, keep and share: y' = y keep + share."""
    y = converted(ctx, "target", y, like.dtype)
    return y, 1 - label_smoothing, label_smoothing / classes


def _labels(ctx: Any, y: Array, ignore_class: int | None) -> tuple[Array, int]:
    """Labels (...) int64, and the one that does not count."""
    y = converted(ctx, "target", y, "int64")
    return y, NO_LABEL if ignore_class is None else ignore_class
