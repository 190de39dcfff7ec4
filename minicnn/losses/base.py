"""What every loss is, and the cross-entropies: -sum(y ln p), from probabilities or logits.

A loss gives values, one a sample; what those of a batch are divided by to become one number is the
same for all losses.
"""

import copy
import warnings

from minicnn import backends, registry
from minicnn.backends.context import Context
from minicnn.backends.spec import Array
from minicnn.engine.arrays import broadcast_weights, check_labels, host_array, paired

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


class Loss(registry.Configured):
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

    saved_arguments: tuple[str, ...] = ("name", "reduction")
    #: the name where none is given; by default made from the class's name
    usual_name: str | None = None
    #: what ``y_true`` holds: "labels" (integers), "one_hot" (as wide as y_pred) or "values"
    targets = "values"
    #: ``kind`` of the output activation that can be skipped: the loss then reads the logits
    inverse_of: str | None = None
    #: the label whose samples do not count, if there is one
    ignore_class: int | None = None

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size",
        dtype: str | None = None,
    ) -> None:  # fmt: skip
        if reduction not in REDUCTIONS:
            raise ValueError(
                "Invalid value for argument `reduction`: reduction must be one of "
                f"{REDUCTIONS}, got {reduction!r}"
            )
        self.name = name or self.usual_name or registry.unique_name(type(self))
        self.reduction = reduction
        self.dtype = dtype

    def forward(self, ctx: Context, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        """(values, p): one loss a sample (...), and what metrics should see, usually ``y_pred``.

        y_true and y_pred are arrays of the backend ``ctx.ops``, checked to fit each other.
        """
        if not hasattr(self, "call"):
            raise NotImplementedError(f"loss {self.name!r} has no forward")
        return ctx.ops.asarray(self.call(y_true, y_pred)), y_pred  # as losses of Keras are written

    def backward(self, ctx: Context, dvalues: Array) -> Array:
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

    def __call__(self, y_true: object, y_pred: object, sample_weight: object = None) -> Array:
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

    def _arrays(self, y_true: object, y_pred: object) -> tuple[Array, Array]:
        """(y, p) as NumPy arrays that fit each other."""
        labels = self.targets == "labels"
        y, p = paired(y_true, y_pred, labels, self.dtype)
        if labels:
            check_labels(y, p.shape[-1], self.ignore_class)
        return y, p

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class _Crossentropy(Loss):
    """What the cross-entropies share: logits or probabilities, smoothing, the last axis."""

    saved_arguments = (*Loss.saved_arguments, "from_logits", "label_smoothing", "axis")

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
        reduction: str | None = "sum_over_batch_size", name: str | None = None,
        dtype: str | None = None,
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


class CategoricalCrossentropy(_Crossentropy):
    """-sum(y ln p) of one-hot (or soft) targets y (..., K) and predictions (..., K).

    From probabilities: p is normalised and clipped to [1e-7, 1 - 1e-7]. From logits z:
    logsumexp(z) - sum(y z), with gradient softmax(z) - y. ``label_smoothing`` s replaces y by
    y (1 - s) + s / K (Szegedy et al. 2016, CVPR).
    """

    usual_name = "categorical_crossentropy"
    targets = "one_hot"
    inverse_of = "softmax"

    def forward(self, ctx: Context, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        s = self.label_smoothing
        if self.from_logits:
            return ctx.ops.softmax_crossentropy_forward(ctx, y_pred, y_true, s)
        return ctx.ops.categorical_crossentropy_forward(ctx, y_pred, y_true, s), y_pred

    def backward(self, ctx: Context, dvalues: Array) -> Array:
        if self.from_logits:
            return ctx.ops.softmax_crossentropy_backward(ctx, dvalues)
        return ctx.ops.categorical_crossentropy_backward(ctx, dvalues)

    def _arrays(self, y_true: object, y_pred: object) -> tuple[Array, Array]:
        y, p = super()._arrays(y_true, y_pred)
        if p.shape[-1] == 1:
            warnings.warn(
                "In loss categorical_crossentropy, expected y_pred.shape to be (batch_size, "
                f"num_classes) with num_classes > 1. Received: y_pred.shape={p.shape}. Consider "
                "using 'binary_crossentropy' if you only have 2 classes.",
                SyntaxWarning,
                stacklevel=2,
            )
        return y, p


class SparseCategoricalCrossentropy(_Crossentropy):
    """-ln p[y] of integer labels y (...) and predictions (..., K).

    From probabilities: p is clipped to [1e-7, 1 - 1e-7], then normalised. Samples whose label is
    ``ignore_class``, which need not be one of 0 ... K - 1, have loss 0, and the mean is over the
    others.
    """

    saved_arguments = (*Loss.saved_arguments, "from_logits", "ignore_class")
    usual_name = "sparse_categorical_crossentropy"
    targets = "labels"
    inverse_of = "softmax"

    def __init__(
        self, from_logits: bool = False, ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size", axis: int = -1, name: str | None = None,
        dtype: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(from_logits, 0.0, axis, reduction, name, dtype)
        self.ignore_class = None if ignore_class is None else int(ignore_class)

    def forward(self, ctx: Context, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        ops, c = ctx.ops, self.ignore_class
        if self.from_logits:
            return ops.sparse_softmax_crossentropy_forward(ctx, y_pred, y_true, c)
        return ops.sparse_categorical_crossentropy_forward(ctx, y_pred, y_true, c), y_pred

    def backward(self, ctx: Context, dvalues: Array) -> Array:
        if self.from_logits:
            return ctx.ops.sparse_softmax_crossentropy_backward(ctx, dvalues)
        return ctx.ops.sparse_categorical_crossentropy_backward(ctx, dvalues)


class BinaryCrossentropy(_Crossentropy):
    """-(y ln p + (1 - y) ln(1 - p)), averaged over the last axis. y, y_pred (..., K) -> (...).

    From probabilities: p is clipped to [1e-7, 1 - 1e-7]. From logits z: max(z, 0) - z y +
    ln(1 + exp(-|z|)). ``label_smoothing`` s replaces y by y (1 - s) + s / 2.
    """

    usual_name = "binary_crossentropy"
    inverse_of = "sigmoid"

    def forward(self, ctx: Context, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        s = self.label_smoothing
        if self.from_logits:
            return ctx.ops.sigmoid_crossentropy_forward(ctx, y_pred, y_true, s)
        return ctx.ops.binary_crossentropy_forward(ctx, y_pred, y_true, s), y_pred

    def backward(self, ctx: Context, dvalues: Array) -> Array:
        if self.from_logits:
            return ctx.ops.sigmoid_crossentropy_backward(ctx, dvalues)
        return ctx.ops.binary_crossentropy_backward(ctx, dvalues)
