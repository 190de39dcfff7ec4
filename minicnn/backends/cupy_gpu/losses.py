"""Losses: one value a sample, and the weighted sum that makes them one number.

Predictions and targets are (..., K), which for a kernel are rows; the losses are (...). Every
kernel of a loss takes its arguments in one order: predictions, what the loss compares them with,
results, sizes. The formulas stand beside the kernels.
"""

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu.arguments import contiguous, converted
from minicnn.backends.cupy_gpu.runtime import BLOCK, launch, launch_grid, launch_rows
from minicnn.backends.cupy_gpu.signatures import enumerators
from minicnn.backends.spec import Array

#: stands for "no class is ignored": a label that nobody has
NO_LABEL = -(2**63)

# -- from logits ------------------------------------------------------------------------------


def softmax_crossentropy_forward(
    ctx: Context, logits: Array, y: Array, label_smoothing: float
) -> tuple[Array, Array]:
    """loss = logsumexp(z) sum(y') - sum(y' z),   y' = y (1 - s) + s / K.  Returns (losses, p)."""
    target = _smoothed(ctx, y, logits, label_smoothing, logits.shape[-1])
    return _forward_of_logits(ctx, "softmax_crossentropy", logits, target)


def softmax_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """d logsumexp(z) / dz = softmax(z) = p   gives   dlogits = (p - y') dlosses."""
    return _backward(ctx, "difference_backward", dlosses, 1, 1)


def sparse_softmax_crossentropy_forward(
    ctx: Context, logits: Array, y: Array, ignore_class: int | None
) -> tuple[Array, Array]:
    """loss = logsumexp(z) - z[y],   y (...) integer;  0 where y == ignore_class.

    Returns (losses, p). A kernel cannot raise: the loss of a label that is neither one of
    0 ... K - 1 nor ``ignore_class`` is NaN.
    """
    target = _labels(ctx, y, ignore_class)
    return _forward_of_logits(ctx, "sparse_softmax_crossentropy", logits, target)


def sparse_softmax_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """dlogits = (p - onehot(y)) dlosses;  0 where y == ignore_class."""
    return _backward(ctx, "sparse_softmax_crossentropy_backward", dlosses)


def sigmoid_crossentropy_forward(
    ctx: Context, logits: Array, y: Array, label_smoothing: float
) -> tuple[Array, Array]:
    """loss = mean(max(z, 0) - z y' + log(1 + exp(-|z|))),   y' = y (1 - s) + s / 2."""
    target = _smoothed(ctx, y, logits, label_smoothing, 2)
    return _forward_of_logits(ctx, "sigmoid_crossentropy", logits, target)


def sigmoid_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """dlogits = (p - y') dlosses / K."""
    return _backward(ctx, "difference_backward", dlosses, 1, ctx.p.shape[-1])


# -- from probabilities -----------------------------------------------------------------------


def categorical_crossentropy_forward(
    ctx: Context, p: Array, y: Array, label_smoothing: float
) -> Array:
    """q = p / sum(p),   p' = clip(q),   loss = -sum(y' ln p'),   y' = y (1 - s) + s / K."""
    target = _smoothed(ctx, y, p, label_smoothing, p.shape[-1])
    return _forward(ctx, "categorical_crossentropy", p, target)


def categorical_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """dq = -y' / q dlosses where q was not clipped;   dp = (dq - sum(dq q)) / sum(p)."""
    return _backward(ctx, "categorical_crossentropy_backward", dlosses)


def sparse_categorical_crossentropy_forward(
    ctx: Context, p: Array, y: Array, ignore_class: int | None
) -> Array:
    """q = clip(p),   loss = ln(sum q) - ln q[y],   y (...) integer;  0 where y == ignore_class.

    NaN where y is no class, as above.
    """
    target = _labels(ctx, y, ignore_class)
    return _forward(ctx, "sparse_categorical_crossentropy", p, target)


def sparse_categorical_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """dp = (1 / sum(q) - onehot(y) / q) dlosses where p was not clipped, else 0; 0 where
    y == ignore_class.
    """
    return _backward(ctx, "sparse_categorical_crossentropy_backward", dlosses)


def binary_crossentropy_forward(ctx: Context, p: Array, y: Array, label_smoothing: float) -> Array:
    """q = clip(p),   loss = mean(-(y' ln q + (1 - y') ln(1 - q))),   y' = y (1 - s) + s / 2."""
    target = _smoothed(ctx, y, p, label_smoothing, 2)
    return _forward(ctx, "binary_crossentropy", p, target)


def binary_crossentropy_backward(ctx: Context, dlosses: Array) -> Array:
    """dp = ((1 - y') / (1 - q) - y' / q) dlosses / K where p was not clipped, else 0."""
    return _backward(ctx, "binary_crossentropy_backward", dlosses)


# -- of numbers -------------------------------------------------------------------------------


def mean_squared_error_forward(ctx: Context, p: Array, y: Array) -> Array:
    """loss = mean((p - y)^2)."""
    y = converted(ctx, "target", y, p.dtype)
    losses = _forward(ctx, "mean_squared_error", p, (y,))
    ctx.save(target=(y, 1.0, 0.0))  # as it stands, not smoothed
    return losses


def mean_squared_error_backward(ctx: Context, dlosses: Array) -> Array:
    """dp = 2 (p - y) dlosses / K."""
    return _backward(ctx, "difference_backward", dlosses, 2, ctx.p.shape[-1])


def regression_loss_forward(ctx: Context, p: Array, y: Array, kind: str, delta: float) -> Array:
    """loss = mean(f(p, y)) over the last axis, of kl_divergence the sum.  (..., K) -> (...)."""
    y = converted(ctx, "target", y, p.dtype)
    zero_or_one = None
    if kind in ("hinge", "squared_hinge"):  # labels 0 and 1 mean -1 and 1
        zero_or_one = ctx.buffer("zero_or_one", (1,), "int32")
        launch_grid(p.dtype, "labels_are_zero_or_one", (1,), (BLOCK,), y, zero_or_one, y.size)
    share = 1.0 if kind == "kl_divergence" else 1 / p.shape[-1]
    formula = enumerators("RegressionLoss").index(kind), delta
    return _forward(ctx, "regression_loss", p, (y, zero_or_one, *formula, share))


def regression_loss_backward(ctx: Context, dlosses: Array) -> Array:
    """dp = f'(p) dlosses / K, of kl_divergence without / K."""
    return _backward(ctx, "regression_loss_backward", dlosses)


# -- the sum ----------------------------------------------------------------------------------


def weighted_sum_forward(ctx: Context, values: Array, weights: Array | None, scale: float) -> Array:
    """scale sum(weights values), shape (1,); ``weights`` None means ones."""
    values = contiguous(ctx, "values", values)
    if weights is not None:
        weights = converted(ctx, "weights", weights, values.dtype)
    total = ctx.buffer("total", (1,), values.dtype)
    launch_grid(
        values.dtype, "weighted_sum", (1,), (BLOCK,), values, weights, scale, total, values.size
    )  # fmt: skip
    ctx.save(values=values, weights=weights, scale=scale)
    return total


def weighted_sum_backward(ctx: Context) -> Array:
    """dvalues = scale weights, of the shape of ``values``."""
    dvalues = ctx.buffer("dvalues", ctx.values.shape, ctx.values.dtype)
    launch(
        dvalues.dtype, "weighted_sum_backward", dvalues.size,
        ctx.weights, ctx.scale, dvalues, dvalues.size,
    )  # fmt: skip
    return dvalues


# -- rows of predictions and what they are compared with ----------------------------------------


def _smoothed(
    ctx: Context, y: Array, like: Array, label_smoothing: float, classes: int
) -> tuple[Array, float, float]:
    """y, keep and share: y' = y keep + share."""
    y = converted(ctx, "target", y, like.dtype)
    return y, 1 - label_smoothing, label_smoothing / classes


def _labels(ctx: Context, y: Array, ignore_class: int | None) -> tuple[Array, int]:
    """Labels (...) int64, and the one that does not count."""
    y = converted(ctx, "target", y, "int64")
    return y, NO_LABEL if ignore_class is None else ignore_class


def _forward(
    ctx: Context, kernel: str, x: Array, target: tuple[object, ...], *results: Array
) -> Array:
    """The losses (...) of x (..., K); ``target`` is y and what else the kernel takes."""
    x = contiguous(ctx, "x", x)
    losses = ctx.buffer("losses", x.shape[:-1], x.dtype)
    sizes = losses.size, x.shape[-1]
    launch_rows(x.dtype, kernel, losses.size, x, *target, losses, *results, *sizes)
    ctx.save(p=x, target=target)
    return losses


def _forward_of_logits(
    ctx: Context, kernel: str, logits: Array, target: tuple[object, ...]
) -> tuple[Array, Array]:
    """(losses (...), p (..., K)) of logits (..., K): the activation is part of the loss."""
    p = ctx.buffer("p", logits.shape, logits.dtype)
    losses = _forward(ctx, kernel, logits, target, p)
    ctx.save(p=p)
    return losses, p


def _backward(ctx: Context, kernel: str, dlosses: Array, *factors: int) -> Array:
    """The gradient (..., K), from p and the target that forward kept and dlosses (...)."""
    p, dlosses = ctx.p, contiguous(ctx, "dlosses", dlosses)
    dx = ctx.buffer("dx", p.shape, p.dtype)
    sizes = dlosses.size, p.shape[-1]
    launch_rows(p.dtype, kernel, dlosses.size, p, *ctx.target, dlosses, dx, *sizes, *factors)
    return dx
