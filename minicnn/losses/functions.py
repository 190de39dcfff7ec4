"""Every loss as a function of two arrays: the values, one a sample. (..., K) -> (...)."""

from typing import Any

from minicnn.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from minicnn.losses.regression import (
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SquaredHinge,
)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:  # fmt: skip
    """Values of :class:`CategoricalCrossentropy`, one a sample."""
    return CategoricalCrossentropy(from_logits, label_smoothing, axis, "none")(y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None,
    axis: int = -1,
) -> Any:  # fmt: skip
    """Values of :class:`SparseCategoricalCrossentropy`, one a sample."""
    loss = SparseCategoricalCrossentropy(from_logits, ignore_class, "none", axis)
    return loss(y_true, y_pred)


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:  # fmt: skip
    """Values of :class:`BinaryCrossentropy`, one a sample."""
    return BinaryCrossentropy(from_logits, label_smoothing, axis, "none")(y_true, y_pred)


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Values of :class:`MeanSquaredError`, one a sample."""
    return MeanSquaredError("none")(y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Values of :class:`MeanAbsoluteError`, one a sample."""
    return MeanAbsoluteError("none")(y_true, y_pred)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """Values of :class:`MeanAbsolutePercentageError`, one a sample."""
    return MeanAbsolutePercentageError("none")(y_true, y_pred)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """Values of :class:`MeanSquaredLogarithmicError`, one a sample."""
    return MeanSquaredLogarithmicError("none")(y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Values of :class:`Huber`, one a sample."""
    return Huber(delta, "none")(y_true, y_pred)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """Values of :class:`LogCosh`, one a sample."""
    return LogCosh("none")(y_true, y_pred)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """Values of :class:`Hinge`, one a sample."""
    return Hinge("none")(y_true, y_pred)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """Values of :class:`SquaredHinge`, one a sample."""
    return SquaredHinge("none")(y_true, y_pred)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """Values of :class:`Poisson`, one a sample."""
    return Poisson("none")(y_true, y_pred)


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """Values of :class:`KLDivergence`, one a sample."""
    return KLDivergence("none")(y_true, y_pred)
