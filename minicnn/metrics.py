"""Metrics: one value a sample, averaged over an epoch where the batch lives."""

from typing import Any

from minicnn import backends, losses
from minicnn.engine.arrays import host_array, match_ranks
from minicnn.engine.context import Context
from minicnn.engine.identify import lookup
from minicnn.engine.naming import snake_case
from minicnn.engine.numbers import rounded


class Metric:
    """A running mean of one value a sample; a subclass writes ``values``.

    Args:
        name: the key in logs and ``History``.

    Attributes:
        direction: "up" when larger is better, "down" when smaller is, None when unknown.
    """

    direction: str | None = None
    #: whether ``y_true`` holds integers, one axis fewer than the predictions
    labels = False

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = dtype or "float32"
        self.attach(backends.get("numpy"))

    def attach(self, ops: Any) -> None:
        """Keep the running sums where ``ops`` computes; they start at zero."""
        self._ops = ops
        self._ctx = Context(ops)
        self._state = ops.zeros((2,), "float64")  # [sum of weight * value, sum of weight]

    def values(self, ctx: Any, y_true: Any, y_pred: Any) -> Any:
        """One value a sample, from arrays of ``ctx.ops``."""
        raise NotImplementedError(f"metric {self.name!r} has no values")

    def update(self, y_true: Any, y_pred: Any, weights: Any = None) -> None:
        """Add a batch of arrays that live where ``attach`` said."""
        values = self.values(self._ctx, y_true, y_pred)
        self._ops.mean_update(self._state, values, weights)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of arrays of any kind."""
        p = host_array(y_pred, "y_pred", self._float(y_pred))
        y = match_ranks(host_array(y_true, "y_true"), p, self.labels)
        y = y.astype("int64" if self.labels else p.dtype)
        ops = self._ops
        weights = None
        if sample_weight is not None:
            weights = ops.asarray(host_array(sample_weight, "sample_weight", str(p.dtype)).ravel())
        self.update(ops.asarray(y), ops.asarray(p), weights)

    @staticmethod
    def _float(array: Any) -> str:
        return "float64" if str(getattr(array, "dtype", "")) == "float64" else "float32"

    def result(self) -> float:
        """The mean so far; 0 before the first batch."""
        total, count = self._ops.to_numpy(self._state)
        return rounded(total / count) if count else 0.0

    def reset_state(self) -> None:
        """Start again from zero."""
        self._state[...] = 0.0

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Add a batch and return the mean so far."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    @property
    def variables(self) -> list[float]:
        """[total, count]."""
        return [float(v) for v in self._ops.to_numpy(self._state)]

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this metric."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Metric":
        """A new metric from what ``get_config`` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class CategoricalAccuracy(Metric):
    """Share of samples with argmax(y_true) == argmax(y_pred), both (..., K)."""

    direction = "up"

    def values(self, ctx: Any, y_true: Any, y_pred: Any) -> Any:
        return ctx.ops.categorical_hits(ctx, y_true, y_pred)


class SparseCategoricalAccuracy(Metric):
    """Share of samples with y_true == argmax(y_pred): integers (...) and scores (..., K)."""

    direction = "up"
    labels = True

    def values(self, ctx: Any, y_true: Any, y_pred: Any) -> Any:
        return ctx.ops.sparse_categorical_hits(ctx, y_true, y_pred)


class BinaryAccuracy(Metric):
    """Share of entries with y_true == (y_pred > threshold)."""

    direction = "up"

    def __init__(
        self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        super().__init__(name, dtype)
        self.threshold = threshold

    def values(self, ctx: Any, y_true: Any, y_pred: Any) -> Any:
        return ctx.ops.binary_hits(ctx, y_true, y_pred, self.threshold)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


class LossMetric(Metric):
    """A loss, watched as a metric: the mean of its values."""

    direction = "down"

    def __init__(self, loss: Any, name: str | None = None) -> None:
        self.loss = losses.get(loss)
        self.labels = self.loss.targets == "labels"
        super().__init__(name or self.loss.name)

    def values(self, ctx: Any, y_true: Any, y_pred: Any) -> Any:
        return self.loss.forward(ctx, y_true, y_pred)[0]


class FunctionMetric(Metric):
    """Any ``f(y_true, y_pred)`` on NumPy arrays that returns one value a sample, or one number."""

    def __init__(self, function: Any, name: str | None = None) -> None:
        super().__init__(name or getattr(function, "__name__", type(function).__name__))
        self.function = function

    def values(self, ctx: Any, y_true: Any, y_pred: Any) -> Any:
        result = self.function(ctx.ops.to_numpy(y_true), ctx.ops.to_numpy(y_pred))
        values = host_array(result, f"the result of metric {self.name!r}", "float64")
        return ctx.ops.asarray(values.reshape(-1))


_ACCURACIES = (CategoricalAccuracy, SparseCategoricalAccuracy, BinaryAccuracy)


def get(identifier: Any) -> Any:
    """A metric from a name, object, class or function; "accuracy" stays a name until data is seen.

    Raises:
        ValueError: an unknown name; the nearest known one is suggested.
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, str) and identifier.lower() in ("accuracy", "acc"):
        return "accuracy"
    known_losses = losses.CLASSES
    if isinstance(identifier, str):
        names: dict[str, Any] = {c.__name__: c for c in known_losses}
        names |= {snake_case(c.__name__): c for c in known_losses} | losses.ALIASES
        if identifier in names:
            return LossMetric(names[identifier](), identifier)
        table = {**names, "accuracy": CategoricalAccuracy, "acc": CategoricalAccuracy}
        return lookup(identifier, "metric", _ACCURACIES, table)
    if isinstance(identifier, losses.Loss):
        return LossMetric(identifier)
    if isinstance(identifier, dict):
        return lookup(identifier, "metric", _ACCURACIES)
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if callable(identifier):
        if identifier in losses.FUNCTIONS:
            return LossMetric(identifier, identifier.__name__)
        return FunctionMetric(identifier)
    raise ValueError(
        f"Could not interpret metric identifier: {identifier!r}; expected a name, an object or a "
        "function of (y_true, y_pred)"
    )


def resolve_accuracy(y_shape: tuple[Any, ...], p_shape: tuple[Any, ...], name: str) -> Metric:
    """What "accuracy" means, from the shapes alone (the loss plays no part), as in Keras.

    One output: binary. Labels with fewer axes, or of width 1: sparse. Otherwise one-hot.
    """
    if p_shape[-1] == 1:
        return BinaryAccuracy(name)
    if len(y_shape) < len(p_shape) or y_shape[-1] == 1:
        return SparseCategoricalAccuracy(name)
    return CategoricalAccuracy(name)
