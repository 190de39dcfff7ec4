"""Losses: one value a sample, and how the values of a batch become one number.

A loss is an operation like any other: ``forward(ctx, y_true, y_pred)`` returns one value a sample,
``backward(ctx, dvalues)`` the gradient with respect to ``y_pred``. The batch's loss is their
weighted sum, ``sum(w_i l_i) / N``: sample weights and reduction live in one place for all of them.
"""

import copy
import warnings
from typing import Any

from minicnn import backends
from minicnn.engine.arrays import broadcast_weights, host_array, match_ranks
from minicnn.engine.context import Context
from minicnn.engine.identify import lookup

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


class Loss:
    """Base of the losses; a subclass writes ``forward`` and ``backward``.

    Args:
        name: how it is called in logs.
        reduction: "sum_over_batch_size" and "mean" divide the weighted sum by the number of values,
            "mean_with_sample_weight" by the sum of the weights, "sum" by nothing; "none" keeps the
            values (for direct calls only).

    Raises:
        ValueError: an unknown reduction.
    """

    #: what ``y_true`` holds: "labels" (integers), "one_hot" (as wide as y_pred) or "values"
    targets = "values"
    #: the output activation this loss can be computed in front of, more exactly: its ``kind``
    inverse_of: str | None = None

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        if reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {REDUCTIONS}, got {reduction!r}")
        self.name = name or type(self).__name__
        self.reduction = reduction
        self.dtype = dtype

    def forward(self, ctx: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """(values, p): one loss a sample (...), and what metrics should see, usually ``y_pred``.

        y_true and y_pred are arrays of the backend ``ctx.ops``, checked to fit each other.
        """
        raise NotImplementedError(f"loss {self.name!r} has no forward")

    def backward(self, ctx: Any, dvalues: Any) -> Any:
        """Gradient with respect to ``y_pred``, from the gradient (...) of the values."""
        raise NotImplementedError(f"loss {self.name!r} has no backward")

    def before_activation(self) -> "Loss":
        """The same loss, computed from what goes into the final softmax or sigmoid."""
        raise NotImplementedError(f"loss {self.name!r} is not the inverse of an activation")

    def divisor(self, count: int, weight_sum: float | None) -> float:
        """What the weighted sum of ``count`` values is divided by."""
        if self.reduction == "sum":
            return 1.0
        if self.reduction == "mean_with_sample_weight" and weight_sum is not None:
            return weight_sum or 1.0
        return float(count)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of arrays: a number, or the values with ``reduction="none"``.

        Raises:
            ValueError: the shapes do not fit.
        """
        ops = backends.get("numpy")
        p = host_array(y_pred, "y_pred")
        if p.dtype.kind != "f":
            p = p.astype("float32")
        y = host_array(y_true, "y_true", "int64" if self.targets == "labels" else str(p.dtype))
        y = match_ranks(y, p, self.targets == "labels")
        values, _ = self.forward(Context(ops), y, p)
        weights = None
        if sample_weight is not None:
            weights = host_array(sample_weight, "sample_weight", str(values.dtype))
            weights = broadcast_weights(weights, values.shape)
        if self.reduction in ("none", None):
            return values if weights is None else values * weights
        weight_sum = None if weights is None else float(weights.sum())
        scale = 1 / self.divisor(values.size, weight_sum)
        return ops.weighted_sum_forward(Context(ops), values, weights, scale)[0]

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this loss."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Loss":
        """A new loss from what ``get_config`` returned."""
        return cls(**config)


class _Crossentropy(Loss):
    """What the cross-entropies share: logits or probabilities, smoothing, the last axis."""

    def __init__(
        self, from_logits: bool, label_smoothing: float, axis: int, reduction: str | None,
        name: str | None, dtype: Any,
    ) -> None:  # fmt: skip
        super().__init__(name, reduction, dtype)
        if axis != -1:
            raise ValueError(f"{type(self).__name__}: only axis=-1 is supported, got {axis}")
        if not 0 <= label_smoothing <= 1:
            raise ValueError(
                f"{type(self).__name__}: label_smoothing must be between 0 and 1, "
                f"got {label_smoothing}"
            )
        self.from_logits, self.label_smoothing = bool(from_logits), float(label_smoothing)

    def before_activation(self) -> Loss:
        if self.from_logits:
            warnings.warn(
                f"`{self.name}` received `from_logits=True`, but the model's output was produced "
                f"by a {(self.inverse_of or '').capitalize()} activation and thus does not "
                "represent logits. Was this intended? minicnn computes the loss from the real "
                "logits, in front of that activation; leave out one of the two to be clear",
                UserWarning,
                stacklevel=2,
            )
        loss = copy.copy(self)
        loss.from_logits = True
        return loss

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": -1,
        }


class CategoricalCrossentropy(_Crossentropy):
    """-sum(y ln p) of one-hot (or soft) targets y (..., K) and predictions (..., K).

    From probabilities: p is normalised and clipped to [1e-7, 1 - 1e-7]. From logits z:
    logsumexp(z) - sum(y z), with gradient softmax(z) - y. ``label_smoothing`` s replaces y by
    y (1 - s) + s / K (Szegedy et al. 2016, CVPR).
    """

    targets = "one_hot"
    inverse_of = "softmax"

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
        reduction: str | None = "sum_over_batch_size", name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)

    def forward(self, ctx: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        s = self.label_smoothing
        if self.from_logits:
            return ctx.ops.softmax_crossentropy_forward(ctx, y_pred, y_true, s)
        return ctx.ops.categorical_crossentropy_forward(ctx, y_pred, y_true, s), y_pred

    def backward(self, ctx: Any, dvalues: Any) -> Any:
        if self.from_logits:
            return ctx.ops.softmax_crossentropy_backward(ctx, dvalues)
        return ctx.ops.categorical_crossentropy_backward(ctx, dvalues)


class SparseCategoricalCrossentropy(_Crossentropy):
    """-ln p[y] of integer labels y (...) and predictions (..., K)."""

    targets = "labels"
    inverse_of = "softmax"

    def __init__(
        self, from_logits: bool = False, ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size", axis: int = -1,
        name: str = "sparse_categorical_crossentropy", dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(from_logits, 0.0, axis, reduction, name, dtype)
        if ignore_class is not None:
            raise ValueError(
                "SparseCategoricalCrossentropy: ignore_class is not supported; give those samples "
                "a sample_weight of 0"
            )

    def forward(self, ctx: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        if self.from_logits:
            return ctx.ops.sparse_softmax_crossentropy_forward(ctx, y_pred, y_true)
        return ctx.ops.sparse_categorical_crossentropy_forward(ctx, y_pred, y_true), y_pred

    def backward(self, ctx: Any, dvalues: Any) -> Any:
        if self.from_logits:
            return ctx.ops.sparse_softmax_crossentropy_backward(ctx, dvalues)
        return ctx.ops.sparse_categorical_crossentropy_backward(ctx, dvalues)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "ignore_class": None}
        del config["label_smoothing"]
        return config


class BinaryCrossentropy(_Crossentropy):
    """-(y ln p + (1 - y) ln(1 - p)), averaged over the last axis. y, y_pred (..., K) -> (...)."""

    inverse_of = "sigmoid"

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
        reduction: str | None = "sum_over_batch_size", name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)

    def forward(self, ctx: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        s = self.label_smoothing
        if self.from_logits:
            return ctx.ops.sigmoid_crossentropy_forward(ctx, y_pred, y_true, s)
        return ctx.ops.binary_crossentropy_forward(ctx, y_pred, y_true, s), y_pred

    def backward(self, ctx: Any, dvalues: Any) -> Any:
        if self.from_logits:
            return ctx.ops.sigmoid_crossentropy_backward(ctx, dvalues)
        return ctx.ops.binary_crossentropy_backward(ctx, dvalues)


class MeanSquaredError(Loss):
    """mean((y_pred - y_true)^2) over the last axis. (..., K) -> (...)."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(name, reduction, dtype)

    def forward(self, ctx: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        return ctx.ops.mean_squared_error_forward(ctx, y_pred, y_true), y_pred

    def backward(self, ctx: Any, dvalues: Any) -> Any:
        return ctx.ops.mean_squared_error_backward(ctx, dvalues)


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


CLASSES = (
    CategoricalCrossentropy, SparseCategoricalCrossentropy, BinaryCrossentropy, MeanSquaredError,
)  # fmt: skip
FUNCTIONS: dict[Any, type[Loss]] = {
    categorical_crossentropy: CategoricalCrossentropy,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    binary_crossentropy: BinaryCrossentropy,
    mean_squared_error: MeanSquaredError,
}
ALIASES: dict[str, type[Loss]] = {
    "mse": MeanSquaredError, "MSE": MeanSquaredError,
    "bce": BinaryCrossentropy, "BCE": BinaryCrossentropy,
}  # fmt: skip


def get(identifier: Any) -> Loss:
    """The loss that ``identifier`` stands for.

    Args:
        identifier: a name ("mse", "categorical_crossentropy", "CategoricalCrossentropy"), a
            function or class of this module, a serialized loss, or a :class:`Loss`.

    Raises:
        ValueError: an unknown name (the nearest known one is suggested), or a plain function,
            which has no hand-written derivative.
    """
    if callable(identifier) and identifier in FUNCTIONS:
        return FUNCTIONS[identifier]()
    loss = lookup(identifier, "loss", CLASSES, ALIASES)
    if not hasattr(loss, "forward") or not hasattr(loss, "backward"):
        raise ValueError(
            f"Could not interpret loss identifier: {identifier!r}. minicnn writes every derivative "
            "by hand, so a plain function cannot train: subclass minicnn.losses.Loss and write "
            "forward and backward"
        )
    return loss
