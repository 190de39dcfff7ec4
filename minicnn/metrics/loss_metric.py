"""A loss, watched as a metric: the mean of its values. Smaller is better."""

from typing import Any

from minicnn import losses
from minicnn.engine.arrays import check_labels
from minicnn.engine.guard import is_own
from minicnn.metrics.reduction import MeanMetric


class LossMetric(MeanMetric):
    """The mean of the values of a loss.

    Args:
        loss: a name, function or object of ``minicnn.losses``.
        name: by default the name of the loss.
    """

    direction = "down"

    def __init__(self, loss: Any, name: str | None = None, dtype: Any = None) -> None:
        self.loss = losses.as_loss(loss)
        self.targets = "labels" if self.loss.targets == "labels" else "like y_pred"
        self.inverse_of = self.loss.inverse_of
        self.on_device = is_own(self.loss)
        super().__init__(name or self.loss.name, dtype)

    def values(self, ctx: Any, y_true: Any, y_pred: Any) -> Any:
        if self.targets == "labels":
            y_true = y_true.astype("int64")
        return self.loss.forward(ctx, y_true, y_pred)[0]

    def before_activation(self) -> "LossMetric":
        twin = object.__new__(type(self))  # not copy.copy, whose sums would be the twin's own
        vars(twin).update(vars(self))
        twin.loss = self.loss.before_activation()
        return twin

    def _arrays(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        y, p = super()._arrays(y_true, y_pred)
        if self.targets == "labels":
            check_labels(y, p.shape[-1], self.loss.ignore_class)
        return y, p

    def _counted(self, y_true: Any, weights: Any) -> Any:
        if self.loss.ignore_class is None:
            return weights
        if weights.ndim > y_true.ndim:  # (N, 1)
            weights = weights[..., 0]
        aligned = weights.reshape(weights.shape + (1,) * (y_true.ndim - weights.ndim))
        return aligned * (y_true != self.loss.ignore_class)
