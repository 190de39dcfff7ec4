"""The accuracies as functions of two arrays: the values, one a sample."""

from typing import Any

from minicnn import backends
from minicnn.backends.context import Context
from minicnn.metrics.accuracy import (
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from minicnn.metrics.reduction import MeanMetric


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1.0 where y_true == (y_pred > threshold), entry by entry. (...) -> (...)."""
    metric = BinaryAccuracy(threshold=threshold)
    y, p = metric._arrays(y_true, y_pred)
    return metric.values(_context(), y[..., None], p[..., None])


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1.0 where argmax(y_true) == argmax(y_pred). (..., K) -> (...)."""
    return _values(CategoricalAccuracy(), y_true, y_pred)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1.0 where y_true == argmax(y_pred). (...) and (..., K) -> (...)."""
    return _values(SparseCategoricalAccuracy(), y_true, y_pred)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Values of :class:`TopKCategoricalAccuracy`, one a sample."""
    return _values(TopKCategoricalAccuracy(k), y_true, y_pred)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Values of :class:`SparseTopKCategoricalAccuracy`, one a sample."""
    return _values(SparseTopKCategoricalAccuracy(k), y_true, y_pred)


def _values(metric: MeanMetric, y_true: Any, y_pred: Any) -> Any:
    return metric.values(_context(), *metric._arrays(y_true, y_pred))


def _context() -> Context:
    return Context(backends.get("numpy"))
