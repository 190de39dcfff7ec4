"""Losses that look at each number alone and average over the last axis. (..., K) -> (...)."""

from minicnn.backends.context import Context
from minicnn.backends.spec import Array
from minicnn.losses.base import Loss


class _RegressionLoss(Loss):
    """What they share: one operation, told by ``kind`` which formula is meant."""

    kind = ""
    delta = 1.0

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = None,
        dtype: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, reduction, dtype)

    def forward(self, ctx: Context, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        values = ctx.ops.regression_loss_forward(ctx, y_pred, y_true, self.kind, self.delta)
        return values, y_pred

    def backward(self, ctx: Context, dvalues: Array) -> Array:
        return ctx.ops.regression_loss_backward(ctx, dvalues)


class MeanSquaredError(_RegressionLoss):
    """mean((p - y)^2)."""

    usual_name = "mean_squared_error"

    def forward(self, ctx: Context, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        return ctx.ops.mean_squared_error_forward(ctx, y_pred, y_true), y_pred

    def backward(self, ctx: Context, dvalues: Array) -> Array:
        return ctx.ops.mean_squared_error_backward(ctx, dvalues)


class MeanAbsoluteError(_RegressionLoss):
    """mean(|p - y|), with derivative 0 at p = y."""

    kind, usual_name = "absolute_error", "mean_absolute_error"


class MeanAbsolutePercentageError(_RegressionLoss):
    """100 mean(|p - y| / max(|y|, 1e-7))."""

    kind, usual_name = "percentage_error", "mean_absolute_percentage_error"


class MeanSquaredLogarithmicError(_RegressionLoss):
    """mean((ln(1 + p) - ln(1 + y))^2), where p and y below 1e-7 count as 1e-7."""

    kind, usual_name = "squared_logarithmic_error", "mean_squared_logarithmic_error"


class Huber(_RegressionLoss):
    """mean(e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2) of e = p - y.

    Source: Huber (1964), "Robust Estimation of a Location Parameter".
    """

    kind, usual_name = "huber", "huber_loss"

    def __init__(
        self, delta: float = 1.0, reduction: str | None = "sum_over_batch_size",
        name: str | None = None, dtype: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(reduction, name, dtype)
        if not delta > 0:
            raise ValueError(f"Huber: delta must be positive, got {delta}")
        self.delta = float(delta)

    def get_config(self) -> dict[str, object]:
        config = super().get_config()
        return config if self.delta == 1.0 else {**config, "delta": self.delta}


class LogCosh(_RegressionLoss):
    """mean(ln cosh(p - y)): like e^2 / 2 near 0 and like |e| - ln 2 far off."""

    kind = usual_name = "log_cosh"


class Hinge(_RegressionLoss):
    """mean(max(1 - y p, 0)) for y = -1 or 1; if all of y is 0 or 1, then 0 means -1."""

    kind = usual_name = "hinge"


class SquaredHinge(_RegressionLoss):
    """mean(max(1 - y p, 0)^2), with targets as in :class:`Hinge`."""

    kind = usual_name = "squared_hinge"


class Poisson(_RegressionLoss):
    """mean(p - y ln(p + 1e-7)): counts y with expected value p."""

    kind = usual_name = "poisson"


class KLDivergence(_RegressionLoss):
    """sum(y ln(y / p)), with p and y clipped to [1e-7, 1] (Kullback and Leibler 1951)."""

    kind = usual_name = "kl_divergence"
