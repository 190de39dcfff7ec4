"""Losses that look at each number alone and average over the last axis. (..., K) -> (...)."""

from typing import Any

from minicnn.losses.base import Loss


class MeanSquaredError(Loss):
    """mean((p - y)^2)."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(name, reduction, dtype)

    def forward(self, ctx: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        return ctx.ops.mean_squared_error_forward(ctx, y_pred, y_true), y_pred

    def backward(self, ctx: Any, dvalues: Any) -> Any:
        return ctx.ops.mean_squared_error_backward(ctx, dvalues)


class _RegressionLoss(Loss):
    """What the others share: one operation, told by ``kind`` which formula is meant."""

    kind = ""
    delta = 1.0

    def forward(self, ctx: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        values = ctx.ops.regression_loss_forward(ctx, y_pred, y_true, self.kind, self.delta)
        return values, y_pred

    def backward(self, ctx: Any, dvalues: Any) -> Any:
        return ctx.ops.regression_loss_backward(ctx, dvalues)


class MeanAbsoluteError(_RegressionLoss):
    """mean(|p - y|), with derivative 0 at p = y."""

    kind = "absolute_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsolutePercentageError(_RegressionLoss):
    """100 mean(|p - y| / max(|y|, 1e-7))."""

    kind = "percentage_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanSquaredLogarithmicError(_RegressionLoss):
    """mean((ln(1 + p) - ln(1 + y))^2), where p and y below 1e-7 count as 1e-7."""

    kind = "squared_logarithmic_error"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class Huber(_RegressionLoss):
    """mean(e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2) of e = p - y.

    Source: Huber (1964), "Robust Estimation of a Location Parameter".
    """

    kind = "huber"

    def __init__(
        self, delta: float = 1.0, reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss", dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(name, reduction, dtype)
        if not delta > 0:
            raise ValueError(f"Huber: delta must be positive, got {delta}")
        self.delta = float(delta)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return config if self.delta == 1.0 else {**config, "delta": self.delta}


class LogCosh(_RegressionLoss):
    """mean(ln cosh(p - y)): like e^2 / 2 near 0 and like |e| - ln 2 far off."""

    kind = "log_cosh"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "log_cosh",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class Hinge(_RegressionLoss):
    """mean(max(1 - y p, 0)) for y = -1 or 1; if all of y is 0 or 1, then 0 means -1."""

    kind = "hinge"

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "hinge", dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class SquaredHinge(_RegressionLoss):
    """mean(max(1 - y p, 0)^2), with targets as in :class:`Hinge`."""

    kind = "squared_hinge"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "squared_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class Poisson(_RegressionLoss):
    """mean(p - y ln(p + 1e-7)): counts y with expected value p."""

    kind = "poisson"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "poisson",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class KLDivergence(_RegressionLoss):
    """sum(y ln(y / p)), with p and y clipped to [1e-7, 1] (Kullback and Leibler 1951)."""

    kind = "kl_divergence"

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
