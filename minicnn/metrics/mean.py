"""Running sums and means over samples, where the batch lives; the accuracies are such means."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minicnn import backends
from minicnn.backends.context import Context
from minicnn.backends.spec import Array, Backend
from minicnn.engine.arrays import float_array, host_array, paired, samplewise
from minicnn.engine.totals import rounded
from minicnn.metrics.base import Metric


class Sum(Metric):
    """The (weighted) sum of the numbers it is given."""

    usual_name = "sum"

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.total = self.add_variable(name="total")

    def update_state(self, values: object, sample_weight: object = None) -> None:  # type: ignore[override]
        """Add numbers (N, ...), each times its weight."""
        self.total.assign_add(samplewise(*_pair(values, sample_weight), np.sum)[0].sum())

    def result(self) -> float:
        return float(self.total)


class Mean(Metric):
    """The (weighted) mean of the numbers it is given: sum(w v) / sum(w), and 0 before the first."""

    usual_name: str | None = "mean"

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.attach(backends.get("numpy"))

    def attach(self, ops: Backend) -> None:
        self._ops = ops
        self._ctx = Context(ops)
        self._state = ops.zeros((2,), "float64")  # [sum of weight * value, sum of weight]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_state": self._ops.to_numpy(self._state)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._ops = backends.get("numpy")
        self._ctx = Context(self._ops)

    @property
    def variables(self) -> list[float]:
        """[total, count]."""
        return [float(v) for v in self._ops.to_numpy(self._state)]

    def totals(self) -> list[Any]:
        return [self._ops.to_numpy(self._state).copy()]

    def set_totals(self, totals: list[Any]) -> None:
        (state,) = totals
        self._state[...] = self._ops.asarray(state)

    def update_state(self, values: object, sample_weight: object = None) -> None:  # type: ignore[override]
        """Add numbers (N, ...); the further axes are averaged first."""
        values, weights = samplewise(*_pair(values, sample_weight), np.mean)
        count = values.size if weights is None else weights.sum()
        self._state += self._ops.asarray(np.array([values.sum(), count], "float64"))

    def result(self) -> float:
        total, count = self.variables
        return rounded(total / count) if count else 0.0

    def reset_state(self) -> None:
        self._state[...] = 0.0


def _pair(values: object, weights: object) -> tuple[np.ndarray, np.ndarray | None]:
    given = None if weights is None else host_array(weights, "sample_weight", "float64")
    return host_array(values, "values", "float64"), given


class MeanMetric(Mean):
    """The mean of one value a sample; a subclass writes ``values``."""

    on_device = True

    def values(self, ctx: Context, y_true: Array, y_pred: Array) -> Array:
        """One value a sample, from arrays of ``ctx.ops``."""
        raise NotImplementedError(f"metric {self.name!r} has no values")

    def update_state(  # type: ignore[override]
        self, y_true: object, y_pred: object, sample_weight: object = None
    ) -> None:
        """Add a batch of arrays of any kind.

        Raises:
            ValueError: the shapes do not fit.
        """
        y, p = self._arrays(y_true, y_pred)
        ops = self._ops
        values = ops.to_numpy(self.values(self._ctx, ops.asarray(y), ops.asarray(p)))
        if sample_weight is not None:
            sample_weight = self._counted(y, host_array(sample_weight, "sample_weight", "float64"))
        super().update_state(values, sample_weight)

    def update(self, y_true: Array, y_pred: Array, weights: Array | None = None) -> None:
        values = self.values(self._ctx, y_true, y_pred)
        if weights is not None:
            weights = self._counted(y_true, weights)
            if values.ndim > weights.ndim:
                values = values.mean(axis=tuple(range(weights.ndim, values.ndim)))
        counts: Array | float | None = weights
        if values.ndim > 1:  # the values of one sample count as one
            share = values.shape[0] / values.size if values.size else 1.0
            counts = share if weights is None else weights * share
        elif values.ndim == 0 and weights is not None:
            counts = float(weights.sum())
        self._ops.mean_update(self._state, values, counts)

    def _arrays(self, y_true: object, y_pred: object) -> tuple[Array, Array]:
        """(y, p) as NumPy arrays that fit each other."""
        if self.targets is None:
            return host_array(y_true, "y_true"), float_array(y_pred, "y_pred")
        return paired(y_true, y_pred, self.targets == "labels")

    def _counted(self, y_true: Array, weights: Array) -> Array:
        """The weights, with 0 for samples that do not count."""
        return weights


class _Accuracy(MeanMetric):
    """What the accuracies share: larger is better."""

    direction = "up"
    targets = "like y_pred"


class Accuracy(_Accuracy):
    """Share of entries with y_true == y_pred exactly.

    This is not what the name "accuracy" in ``compile`` stands for: that is told by the shapes.
    """

    usual_name = "accuracy"

    def values(self, ctx: Context, y_true: Array, y_pred: Array) -> Array:
        return (y_true == y_pred).astype(y_pred.dtype)


class BinaryAccuracy(_Accuracy):
    """Share of entries with y_true == (y_pred > threshold)."""

    saved_arguments = ("name", "dtype", "threshold")
    usual_name = "binary_accuracy"

    def __init__(
        self, name: str | None = None, dtype: str | None = None, threshold: float = 0.5
    ) -> None:
        super().__init__(name, dtype)
        self.threshold = threshold

    def values(self, ctx: Context, y_true: Array, y_pred: Array) -> Array:
        if y_pred.ndim == 1:  # (N,) stands for (N, 1)
            y_true, y_pred = y_true[:, None], y_pred[:, None]
        return ctx.ops.binary_hits(ctx, y_true, y_pred, self.threshold)


class CategoricalAccuracy(_Accuracy):
    """Share of samples with argmax(y_true) == argmax(y_pred), both (..., K)."""

    usual_name = "categorical_accuracy"

    def values(self, ctx: Context, y_true: Array, y_pred: Array) -> Array:
        return ctx.ops.categorical_hits(ctx, y_true, y_pred)


class SparseCategoricalAccuracy(_Accuracy):
    """Share of samples with y_true == argmax(y_pred): integers (...) and scores (..., K)."""

    targets = "labels"
    usual_name = "sparse_categorical_accuracy"

    def values(self, ctx: Context, y_true: Array, y_pred: Array) -> Array:
        return ctx.ops.sparse_categorical_hits(ctx, y_true, y_pred)


class TopKCategoricalAccuracy(_Accuracy):
    """Share of samples with fewer than k scores above that of argmax(y_true); both (..., K).

    A sample with a score that is not finite is a miss.
    """

    saved_arguments = ("name", "dtype", "k")
    usual_name = "top_k_categorical_accuracy"

    def __init__(self, k: int = 5, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name, dtype)
        self.k = k

    def values(self, ctx: Context, y_true: Array, y_pred: Array) -> Array:
        return ctx.ops.sparse_top_k_hits(ctx, y_true.argmax(axis=-1), y_pred, self.k)


class SparseTopKCategoricalAccuracy(_Accuracy):
    """Share of samples with fewer than k scores above that of class y_true: (...) and (..., K).

    A sample with a score that is not finite is a miss, and so is a label that is no class. With
    ``from_sorted_ids``, ``y_pred`` (..., M) holds classes, the likeliest first, in place of scores.
    """

    saved_arguments = ("name", "dtype", "k")
    usual_name = "sparse_top_k_categorical_accuracy"
    targets = "labels"

    def __init__(
        self, k: int = 5, name: str | None = None, dtype: str | None = None,
        from_sorted_ids: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(name, dtype)
        self.k, self.from_sorted_ids = k, from_sorted_ids

    def values(self, ctx: Context, y_true: Array, y_pred: Array) -> Array:
        if self.from_sorted_ids:
            return (y_pred[..., : self.k] == y_true[..., None]).any(axis=-1).astype(y_pred.dtype)
        return ctx.ops.sparse_top_k_hits(ctx, y_true.astype("int64"), y_pred, self.k)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.from_sorted_ids:  # Keras leaves it out otherwise
            config["from_sorted_ids"] = True
        return config


def binary_accuracy(y_true: object, y_pred: object, threshold: float = 0.5) -> Array:
    """1.0 where y_true == (y_pred > threshold), entry by entry. (...) -> (...)."""
    metric = BinaryAccuracy(threshold=threshold)
    y, p = metric._arrays(y_true, y_pred)
    return metric.values(metric._ctx, y[..., None], p[..., None])


def categorical_accuracy(y_true: object, y_pred: object) -> Array:
    """1.0 where argmax(y_true) == argmax(y_pred). (..., K) -> (...)."""
    return _values(CategoricalAccuracy(), y_true, y_pred)


def sparse_categorical_accuracy(y_true: object, y_pred: object) -> Array:
    """1.0 where y_true == argmax(y_pred). (...) and (..., K) -> (...)."""
    return _values(SparseCategoricalAccuracy(), y_true, y_pred)


def top_k_categorical_accuracy(y_true: object, y_pred: object, k: int = 5) -> Array:
    """Values of :class:`TopKCategoricalAccuracy`, one a sample."""
    return _values(TopKCategoricalAccuracy(k), y_true, y_pred)


def sparse_top_k_categorical_accuracy(y_true: object, y_pred: object, k: int = 5) -> Array:
    """Values of :class:`SparseTopKCategoricalAccuracy`, one a sample."""
    return _values(SparseTopKCategoricalAccuracy(k), y_true, y_pred)


def _values(metric: MeanMetric, y_true: object, y_pred: object) -> Array:
    return metric.values(metric._ctx, *metric._arrays(y_true, y_pred))


def resolve_accuracy(
    y_shape: Sequence[int | None], p_shape: Sequence[int | None], name: str
) -> MeanMetric:
    """What "accuracy" means, from the shapes alone (the loss plays no part), as in Keras.

    One output: binary. Labels with fewer axes, or of width 1: sparse. Otherwise one-hot.
    """
    if p_shape[-1] == 1:
        return BinaryAccuracy(name)
    if len(y_shape) < len(p_shape) or y_shape[-1] == 1:
        return SparseCategoricalAccuracy(name)
    return CategoricalAccuracy(name)
