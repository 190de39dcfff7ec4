"""Losses of numbers, watched as metrics: the mean of their values. Smaller is better."""

import math
from typing import Any

from minicnn import losses
from minicnn.engine.totals import rounded
from minicnn.metrics.loss_metric import LossMetric


class MeanSquaredError(LossMetric):
    """The mean of :class:`minicnn.losses.MeanSquaredError`."""

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanSquaredError(), name, dtype)


class MeanAbsoluteError(LossMetric):
    """The mean of :class:`minicnn.losses.MeanAbsoluteError`."""

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanAbsoluteError(), name, dtype)


class MeanAbsolutePercentageError(LossMetric):
    """The mean of :class:`minicnn.losses.MeanAbsolutePercentageError`."""

    def __init__(
        self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None
    ) -> None:
        super().__init__(losses.MeanAbsolutePercentageError(), name, dtype)


class MeanSquaredLogarithmicError(LossMetric):
    """The mean of :class:`minicnn.losses.MeanSquaredLogarithmicError`."""

    def __init__(
        self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None
    ) -> None:
        super().__init__(losses.MeanSquaredLogarithmicError(), name, dtype)


class LogCoshError(LossMetric):
    """The mean of :class:`minicnn.losses.LogCosh`."""

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(losses.LogCosh(), name, dtype)


class Hinge(LossMetric):
    """The mean of :class:`minicnn.losses.Hinge`."""

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(losses.Hinge(), name, dtype)


class SquaredHinge(LossMetric):
    """The mean of :class:`minicnn.losses.SquaredHinge`."""

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(losses.SquaredHinge(), name, dtype)


class Poisson(LossMetric):
    """The mean of :class:`minicnn.losses.Poisson`."""

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(losses.Poisson(), name, dtype)


class KLDivergence(LossMetric):
    """The mean of :class:`minicnn.losses.KLDivergence`."""

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(losses.KLDivergence(), name, dtype)


class RootMeanSquaredError(LossMetric):
    """The root of the mean of the squared errors."""

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.MeanSquaredError(), name, dtype)

    def _arrays(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        y, p = super()._arrays(y_true, y_pred)
        return (y[:, None], p[:, None]) if p.ndim == 1 else (y, p)  # each number has its weight

    def result(self) -> float:
        total, count = self.variables
        return rounded(math.sqrt(total / count)) if count else 0.0
