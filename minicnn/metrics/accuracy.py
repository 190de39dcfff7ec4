"""Accuracies: the share of samples that are right, in each of its meanings."""

from typing import Any

from minicnn.metrics.reduction import MeanMetric


class Accuracy(MeanMetric):
    """Share of entries with y_true == y_pred exactly.

    This is not what the name "accuracy" in ``compile`` stands for: that is told by the shapes.
    """

    direction = "up"
    targets = "like y_pred"

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def values(self, ctx: Any, y_true: Any, y_pred: Any) -> Any:
        return (y_true == y_pred).astype(y_pred.dtype)


class BinaryAccuracy(MeanMetric):
    """Share of entries with y_true == (y_pred > threshold)."""

    direction = "up"
    targets = "like y_pred"

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        super().__init__(name, dtype)
        self.threshold = threshold

    def values(self, ctx: Any, y_true: Any, y_pred: Any) -> Any:
        if y_pred.ndim == 1:  # (N,) stands for (N, 1)
            y_true, y_pred = y_true[:, None], y_pred[:, None]
        return ctx.ops.binary_hits(ctx, y_true, y_pred, self.threshold)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


class CategoricalAccuracy(MeanMetric):
    """Share of samples with argmax(y_true) == argmax(y_pred), both (..., K)."""

    direction = "up"
    targets = "like y_pred"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def values(self, ctx: Any, y_true: Any, y_pred: Any) -> Any:
        return ctx.ops.categorical_hits(ctx, y_true, y_pred)


class SparseCategoricalAccuracy(MeanMetric):
    """Share of samples with y_true == argmax(y_pred): integers (...) and scores (..., K)."""

    direction = "up"
    targets = "labels"

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def values(self, ctx: Any, y_true: Any, y_pred: Any) -> Any:
        return ctx.ops.sparse_categorical_hits(ctx, y_true, y_pred)


class TopKCategoricalAccuracy(MeanMetric):
    """Share of samples with fewer than k scores above that of argmax(y_true); both (..., K).

    A sample with a score that is not finite is a miss.
    """

    direction = "up"
    targets = "like y_pred"

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)
        self.k = k

    def values(self, ctx: Any, y_true: Any, y_pred: Any) -> Any:
        return ctx.ops.sparse_top_k_hits(ctx, y_true.argmax(axis=-1), y_pred, self.k)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.k}


class SparseTopKCategoricalAccuracy(MeanMetric):
    """Share of samples with fewer than k scores above that of class y_true: (...) and (..., K).

    A sample with a score that is not finite is a miss, and so is a label that is no class. With
    ``from_sorted_ids``, ``y_pred`` (..., M) holds classes, the likeliest first, in place of scores.
    """

    direction = "up"
    targets = "labels"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(name, dtype)
        self.k, self.from_sorted_ids = k, from_sorted_ids

    def values(self, ctx: Any, y_true: Any, y_pred: Any) -> Any:
        if self.from_sorted_ids:
            return (y_pred[..., : self.k] == y_true[..., None]).any(axis=-1).astype(y_pred.dtype)
        return ctx.ops.sparse_top_k_hits(ctx, y_true.astype("int64"), y_pred, self.k)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "k": self.k}
        if self.from_sorted_ids:  # Keras leaves it out otherwise
            config["from_sorted_ids"] = True
        return config


def resolve_accuracy(y_shape: tuple[Any, ...], p_shape: tuple[Any, ...], name: str) -> MeanMetric:
    """What "accuracy" means, from the shapes alone (the loss plays no part), as in Keras.

    One output: binary. Labels with fewer axes, or of width 1: sparse. Otherwise one-hot.
    """
    if p_shape[-1] == 1:
        return BinaryAccuracy(name)
    if len(y_shape) < len(p_shape) or y_shape[-1] == 1:
        return SparseCategoricalAccuracy(name)
    return CategoricalAccuracy(name)
