"""Running means and sums: over samples, where the batch lives."""

from typing import Any

import numpy as np

from minicnn import backends, losses
from minicnn.backends.context import Context
from minicnn.engine.arrays import float_array, host_array, same_rank, samplewise
from minicnn.engine.totals import rounded
from minicnn.metrics.base import Metric


class Sum(Metric):
    """The (weighted) sum of the numbers it is given."""

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Add numbers (N, ...), each times its weight."""
        self.total.assign_add(samplewise(*_pair(values, sample_weight), np.sum)[0].sum())

    def result(self) -> float:
        return float(self.total)


class Mean(Metric):
    """The (weighted) mean of the numbers it is given: sum(w v) / sum(w), and 0 before the first."""

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(name, dtype)
        self.attach(backends.get("numpy"))

    def attach(self, ops: Any) -> None:
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

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Add numbers (N, ...); the further axes are averaged first."""
        values, weights = samplewise(*_pair(values, sample_weight), np.mean)
        count = values.size if weights is None else weights.sum()
        self._state += self._ops.asarray(np.array([values.sum(), count], "float64"))

    def result(self) -> float:
        total, count = self.variables
        return rounded(total / count) if count else 0.0

    def reset_state(self) -> None:
        self._state[...] = 0.0


def _pair(values: Any, weights: Any) -> tuple[np.ndarray, np.ndarray | None]:
    given = None if weights is None else host_array(weights, "sample_weight", "float64")
    return host_array(values, "values", "float64"), given


class MeanMetric(Mean):
    """The mean of one value a sample; a subclass writes ``values``."""

    on_device = True

    def values(self, ctx: Any, y_true: Any, y_pred: Any) -> Any:
        """One value a sample, from arrays of ``ctx.ops``."""
        raise NotImplementedError(f"metric {self.name!r} has no values")

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
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

    def update(self, y_true: Any, y_pred: Any, weights: Any = None) -> None:
        values = self.values(self._ctx, y_true, y_pred)
        if weights is not None:
            weights = self._counted(y_true, weights)
            if values.ndim > weights.ndim:
                values = values.mean(axis=tuple(range(weights.ndim, values.ndim)))
        if values.ndim > 1:  # the values of one sample count as one
            share = values.shape[0] / values.size if values.size else 1.0
            weights = share if weights is None else weights * share
        elif values.ndim == 0 and weights is not None:
            weights = float(weights.sum())
        self._ops.mean_update(self._state, values, weights)

    def _arrays(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """(y, p) as NumPy arrays that fit each other."""
        p = float_array(y_pred, "y_pred")
        if self.targets is None:
            return host_array(y_true, "y_true"), p
        labels = self.targets == "labels"
        y = host_array(y_true, "y_true", "int64" if labels else str(p.dtype))
        return same_rank(y, p, labels)

    def _counted(self, y_true: Any, weights: Any) -> Any:
        """The weights, with 0 for samples that do not count."""
        return weights


class MeanMetricWrapper(MeanMetric):
    """The mean of ``fn(y_true, y_pred, **kwargs)``: one value a sample, or one number a batch.

    Args:
        fn: a function of NumPy arrays, or a loss.
        kwargs: further arguments of ``fn``.
    """

    on_device = False  # ``fn`` takes NumPy arrays

    def __init__(
        self, fn: Any, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:  # fmt: skip
        super().__init__(name, dtype)
        self.fn, self.arguments = fn, kwargs
        if isinstance(fn, losses.Loss) or fn in losses.FUNCTIONS:
            self.direction = "down"

    def values(self, ctx: Any, y_true: Any, y_pred: Any) -> Any:
        ops = ctx.ops
        result = self.fn(ops.to_numpy(y_true), ops.to_numpy(y_pred), **self.arguments)
        return ops.asarray(host_array(result, f"the result of metric {self.name!r}", "float64"))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "fn": losses.serialize(self.fn), **self.arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "MeanMetricWrapper":
        fn = config["fn"]
        return cls(**{**config, "fn": losses.deserialize(fn) if isinstance(fn, dict) else fn})
