"""Losses and functions, watched as metrics: the mean of their values."""

import math
from collections.abc import Callable
from typing import Any

from minicnn import losses, registry
from minicnn.backends.context import Context
from minicnn.backends.spec import Array
from minicnn.engine.arrays import check_labels, host_array
from minicnn.engine.guard import is_own
from minicnn.engine.totals import rounded
from minicnn.metrics.mean import MeanMetric


class MeanMetricWrapper(MeanMetric):
    """The mean of ``fn(y_true, y_pred, **kwargs)``: one value a sample, or one number a batch.

    Args:
        fn: a function of NumPy arrays, or a loss.
        kwargs: further arguments of ``fn``.
    """

    usual_name = None
    on_device = False  # ``fn`` takes NumPy arrays

    def __init__(
        self, fn: Callable[..., Array], name: str | None = None, dtype: str | None = None,
        **kwargs: object,
    ) -> None:  # fmt: skip
        super().__init__(name, dtype)
        self.fn, self.arguments = fn, kwargs
        if isinstance(fn, losses.Loss) or fn in losses.FUNCTIONS:
            self.direction = "down"

    def values(self, ctx: Context, y_true: Array, y_pred: Array) -> Array:
        ops = ctx.ops
        result = self.fn(ops.to_numpy(y_true), ops.to_numpy(y_pred), **self.arguments)
        return ops.asarray(host_array(result, f"the result of metric {self.name!r}", "float64"))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "fn": losses.serialize(self.fn), **self.arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "MeanMetricWrapper":
        fn = config["fn"]
        return cls(**{**config, "fn": losses.deserialize(fn) if isinstance(fn, dict) else fn})


class LossMetric(MeanMetric):
    """The mean of the values of a loss; smaller is better.

    Args:
        loss: a name, function or object of ``minicnn.losses``.
        name: by default the name of the loss.
    """

    usual_name: str | None = None
    direction = "down"

    def __init__(
        self, loss: registry.Identifier, name: str | None = None, dtype: str | None = None
    ) -> None:
        self.loss = losses.as_loss(loss)
        self.targets = "labels" if self.loss.targets == "labels" else "like y_pred"
        self.inverse_of = self.loss.inverse_of
        self.on_device = is_own(self.loss)
        super().__init__(name or self.usual_name or self.loss.name, dtype)

    def values(self, ctx: Context, y_true: Array, y_pred: Array) -> Array:
        if self.targets == "labels":
            y_true = y_true.astype("int64")
        return self.loss.forward(ctx, y_true, y_pred)[0]

    def before_activation(self) -> "LossMetric":
        twin = object.__new__(type(self))  # not copy.copy, whose sums would be the twin's own
        vars(twin).update(vars(self))
        twin.loss = self.loss.before_activation()
        return twin

    def _arrays(self, y_true: object, y_pred: object) -> tuple[Array, Array]:
        y, p = super()._arrays(y_true, y_pred)
        if self.targets == "labels":
            check_labels(y, p.shape[-1], self.loss.ignore_class)
        return y, p

    def _counted(self, y_true: Array, weights: Array) -> Array:
        if self.loss.ignore_class is None:
            return weights
        if weights.ndim > y_true.ndim:  # (N, 1)
            weights = weights[..., 0]
        aligned = weights.reshape(weights.shape + (1,) * (y_true.ndim - weights.ndim))
        return aligned * (y_true != self.loss.ignore_class)


class _MeanOf(LossMetric):
    """The mean of a loss that the class names; the loss's name is the metric's, too."""

    of: type[losses.Loss]

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(self.of(), name, dtype)


def _mean_of(loss: type[losses.Loss]) -> type[_MeanOf]:
    """The metric of a loss, a class of the same name."""
    doc = f"The mean of :class:`minicnn.losses.{loss.__name__}`."
    return type(loss.__name__, (_MeanOf,), {"of": loss, "__doc__": doc, "__module__": __name__})


MeanSquaredError = _mean_of(losses.MeanSquaredError)
MeanAbsoluteError = _mean_of(losses.MeanAbsoluteError)
MeanAbsolutePercentageError = _mean_of(losses.MeanAbsolutePercentageError)
MeanSquaredLogarithmicError = _mean_of(losses.MeanSquaredLogarithmicError)
Hinge = _mean_of(losses.Hinge)
SquaredHinge = _mean_of(losses.SquaredHinge)
Poisson = _mean_of(losses.Poisson)
KLDivergence = _mean_of(losses.KLDivergence)


class LogCoshError(_MeanOf):
    """The mean of :class:`minicnn.losses.LogCosh`."""

    of, usual_name = losses.LogCosh, "logcosh"


class RootMeanSquaredError(_MeanOf):
    """The root of the mean of the squared errors."""

    of, usual_name = losses.MeanSquaredError, "root_mean_squared_error"

    def _arrays(self, y_true: object, y_pred: object) -> tuple[Array, Array]:
        y, p = super()._arrays(y_true, y_pred)
        return (y[:, None], p[:, None]) if p.ndim == 1 else (y, p)  # each number has its weight

    def result(self) -> float:
        total, count = self.variables
        return rounded(math.sqrt(total / count)) if count else 0.0


class CategoricalCrossentropy(LossMetric):
    """The mean of :class:`minicnn.losses.CategoricalCrossentropy`."""

    saved_arguments = ("name", "dtype", "from_logits", "label_smoothing", "axis")

    def __init__(
        self, name: str | None = None, dtype: str | None = None, from_logits: bool = False,
        label_smoothing: float = 0, axis: int = -1,
    ) -> None:  # fmt: skip
        loss = losses.CategoricalCrossentropy(from_logits, label_smoothing, axis)
        super().__init__(loss, name, dtype)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class SparseCategoricalCrossentropy(LossMetric):
    """The mean of :class:`minicnn.losses.SparseCategoricalCrossentropy`.

    Samples of ``ignore_class`` count as a loss of 0, and with sample weights not at all: both as
    in Keras.
    """

    saved_arguments = ("name", "dtype", "from_logits", "ignore_class", "axis")

    def __init__(
        self, name: str | None = None, dtype: str | None = None, from_logits: bool = False,
        ignore_class: int | None = None, axis: int = -1,
    ) -> None:  # fmt: skip
        loss = losses.SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
        super().__init__(loss, name, dtype)
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis


class BinaryCrossentropy(LossMetric):
    """The mean of :class:`minicnn.losses.BinaryCrossentropy`."""

    saved_arguments = ("name", "dtype", "from_logits", "label_smoothing")

    def __init__(
        self, name: str | None = None, dtype: str | None = None, from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:  # fmt: skip
        super().__init__(losses.BinaryCrossentropy(from_logits, label_smoothing), name, dtype)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing
