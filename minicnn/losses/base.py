"""What every loss is: values, one a sample, and how those of a batch become one number."""

from typing import Any

from minicnn import backends
from minicnn.backends.context import Context
from minicnn.engine import naming
from minicnn.engine.arrays import (
    broadcast_weights,
    check_labels,
    float_array,
    host_array,
    same_rank,
)

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


class Loss:
    """Base of the losses; a subclass writes ``forward`` and ``backward``.

    Args:
        name: how it is called in logs.
        reduction: "sum_over_batch_size" and "mean" divide the weighted sum by the number of values,
            "mean_with_sample_weight" by the sum of the weights, "sum" by nothing; "none" keeps the
            values (for direct calls only).
        dtype: of direct calls; by default that of ``y_pred``.

    Raises:
        ValueError: an unknown reduction.
    """

    #: what ``y_true`` holds: "labels" (integers), "one_hot" (as wide as y_pred) or "values"
    targets = "values"
    #: the output activation this loss can be computed in front of, more exactly: its ``kind``
    inverse_of: str | None = None
    #: the label whose samples do not count, if there is one
    ignore_class: int | None = None

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        if reduction not in REDUCTIONS:
            raise ValueError(
                "Invalid value for argument `reduction`: reduction must be one of "
                f"{REDUCTIONS}, got {reduction!r}"
            )
        self.name = name or naming.unique(type(self).__name__)
        self.reduction = reduction
        self.dtype = dtype

    def forward(self, ctx: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """(values, p): one loss a sample (...), and what metrics should see, usually ``y_pred``.

        y_true and y_pred are arrays of the backend ``ctx.ops``, checked to fit each other.
        """
        if not hasattr(self, "call"):
            raise NotImplementedError(f"loss {self.name!r} has no forward")
        return ctx.ops.asarray(self.call(y_true, y_pred)), y_pred  # as losses of Keras are written

    def backward(self, ctx: Any, dvalues: Any) -> Any:
        """Gradient with respect to ``y_pred``, from the gradient (...) of the values."""
        raise NotImplementedError(f"loss {self.name!r} has no backward")

    def before_activation(self) -> "Loss":
        """The same loss, computed from what goes into the final softmax or sigmoid."""
        raise NotImplementedError(f"loss {self.name!r} is not the inverse of an activation")

    def divisor(self, count: int, weight_sum: float | None) -> float:
        """What the weighted sum is divided by.

        Args:
            count: number of values, those of an ignored class left out.
            weight_sum: sum of their weights, None without weights.
        """
        if self.reduction == "sum":
            return 1.0
        if self.reduction == "mean_with_sample_weight" and weight_sum is not None:
            return weight_sum or 1.0
        return float(count or 1)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of arrays: a number, or the values with ``reduction="none"``.

        ``y_true`` and ``y_pred`` may differ by a last axis of 1.

        Raises:
            ValueError: the shapes do not fit, or a label is no class.
        """
        ops = backends.get("numpy")
        y, p = self._arrays(y_true, y_pred)
        values, _ = self.forward(Context(ops), y, p)
        counts = None if self.ignore_class is None else y != self.ignore_class
        weights = None
        if sample_weight is not None:
            weights = host_array(sample_weight, "sample_weight", str(values.dtype))
            weights = broadcast_weights(weights, values.shape)
            weights = weights if counts is None else weights * counts
        if self.reduction in ("none", None):
            return values if weights is None else values * weights
        count = values.size if counts is None else int(counts.sum())
        weight_sum = None if weights is None else float(weights.sum())
        scale = 1 / self.divisor(count, weight_sum)
        return ops.weighted_sum_forward(Context(ops), values, weights, scale)[0]

    def _arrays(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """(y, p) as NumPy arrays that fit each other."""
        p = float_array(y_pred, "y_pred", self.dtype)
        labels = self.targets == "labels"
        y = host_array(y_true, "y_true", "int64" if labels else str(p.dtype))
        y, p = same_rank(y, p, labels)
        if labels:
            check_labels(y, p.shape[-1], self.ignore_class)
        return y, p

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this loss."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Loss":
        """A new loss from what ``get_config`` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
