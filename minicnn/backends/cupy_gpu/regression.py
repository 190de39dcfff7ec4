"""Losses that look at each number alone: one kernel with the formula of every kind."""

from typing import Any

from minicnn.backends.cupy_gpu.rows import converted, loss_backward, loss_forward
from minicnn.backends.cupy_gpu.runtime import launch_grid
from minicnn.backends.spec import Array

#: their numbers are those of ``enum RegressionLoss`` in kernels/regression.cu
KINDS = (
    "absolute_error", "percentage_error", "squared_logarithmic_error", "huber", "log_cosh",
    "hinge", "squared_hinge", "poisson", "kl_divergence",
)  # fmt: skip


def regression_loss_forward(ctx: Any, p: Array, y: Array, kind: str, delta: float) -> Array:
    """loss = mean(f(p, y)) over the last axis, of kl_divergence the sum.  (..., K) -> (...)."""
    y = converted(ctx, "target", y, p.dtype)
    zero_or_one = None
    if kind in ("hinge", "squared_hinge"):  # labels 0 and 1 mean -1 and 1
        zero_or_one = ctx.buffer("zero_or_one", (1,), "int32")
        launch_grid(p.dtype, "labels_are_zero_or_one", (1,), (256,), y, zero_or_one, y.size)
    share = 1.0 if kind == "kl_divergence" else 1 / p.shape[-1]
    target = y, zero_or_one, KINDS.index(kind), delta, share
    return loss_forward(ctx, "regression_loss", p, target)


def regression_loss_backward(ctx: Any, dlosses: Array) -> Array:
    """dp = f'(p) dlosses / K, of kl_divergence without / K."""
    return loss_backward(ctx, "regression_loss_backward", dlosses)
