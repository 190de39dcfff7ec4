"""The cross-entropies: -sum(y ln p), from probabilities or, more exactly, from logits."""

import copy
import warnings
from typing import Any

from minicnn.losses.base import Loss


class _Crossentropy(Loss):
    """What the cross-entropies share: logits or probabilities, smoothing, the last axis."""

    def __init__(
        self, from_logits: bool, label_smoothing: float, axis: int, reduction: str | None,
        name: str | None, dtype: Any,
    ) -> None:  # fmt: skip
        super().__init__(name, reduction, dtype)
        if isinstance(axis, bool) or axis != -1:
            raise ValueError(
                f"{type(self).__name__}: the classes must be the last axis. Only axis=-1 is "
                f"currently supported. Received: axis={axis}; move it there with "
                f"y_pred.swapaxes({axis}, -1)"
            )
        if not 0 <= label_smoothing <= 1:
            raise ValueError(
                f"{type(self).__name__}: label_smoothing must be between 0 and 1, "
                f"got {label_smoothing}"
            )
        self.from_logits, self.label_smoothing = bool(from_logits), float(label_smoothing)
        self.axis = -1

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
            "axis": self.axis,
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

    def _arrays(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        y, p = super()._arrays(y_true, y_pred)
        warn_of_one_class(p.shape)
        return y, p


def warn_of_one_class(shape: tuple[Any, ...]) -> None:
    """A warning if the predictions (..., K) know one class only."""
    if shape[-1] == 1:
        warnings.warn(
            "In loss categorical_crossentropy, expected y_pred.shape to be (batch_size, "
            f"num_classes) with num_classes > 1. Received: y_pred.shape={shape}. Consider using "
            "'binary_crossentropy' if you only have 2 classes.",
            SyntaxWarning,
            stacklevel=3,
        )


class SparseCategoricalCrossentropy(_Crossentropy):
    """-ln p[y] of integer labels y (...) and predictions (..., K).

    From probabilities: p is clipped to [1e-7, 1 - 1e-7], then normalised. Samples whose label is
    ``ignore_class``, which need not be one of 0 ... K - 1, have loss 0, and the mean is over the
    others.
    """

    targets = "labels"
    inverse_of = "softmax"

    def __init__(
        self, from_logits: bool = False, ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size", axis: int = -1,
        name: str = "sparse_categorical_crossentropy", dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(from_logits, 0.0, axis, reduction, name, dtype)
        self.ignore_class = None if ignore_class is None else int(ignore_class)

    def forward(self, ctx: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        ops, c = ctx.ops, self.ignore_class
        if self.from_logits:
            return ops.sparse_softmax_crossentropy_forward(ctx, y_pred, y_true, c)
        return ops.sparse_categorical_crossentropy_forward(ctx, y_pred, y_true, c), y_pred

    def backward(self, ctx: Any, dvalues: Any) -> Any:
        if self.from_logits:
            return ctx.ops.sparse_softmax_crossentropy_backward(ctx, dvalues)
        return ctx.ops.sparse_categorical_crossentropy_backward(ctx, dvalues)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "ignore_class": self.ignore_class}
        del config["label_smoothing"], config["axis"]
        return config


class BinaryCrossentropy(_Crossentropy):
    """-(y ln p + (1 - y) ln(1 - p)), averaged over the last axis. y, y_pred (..., K) -> (...).

    From probabilities: p is clipped to [1e-7, 1 - 1e-7]. From logits z: max(z, 0) - z y +
    ln(1 + exp(-|z|)). ``label_smoothing`` s replaces y by y (1 - s) + s / 2.
    """

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
