"""The numbers that a progress line shows: loss and metrics, averaged over the epoch so far."""

import struct
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from minicnn.backends.spec import Array, Backend
from minicnn.engine.data import Batch


class Totals:
    """Running totals of the loss and of each metric, added up where the batch lives.

    Nothing is read back until ``logs`` asks: a step on a device does not wait for its numbers.

    Args:
        ops: the backend.
        metrics, weighted_metrics: objects of ``minicnn.metrics``.
        activation: the ``kind`` of the model's last stage. A metric that can skip it, such as a
            cross-entropy after a softmax, is computed from the logits, exactly.

    Attributes:
        read_logits: whether any metric reads the logits.
    """

    def __init__(
        self, ops: Backend, metrics: Sequence[Any], weighted_metrics: Sequence[Any],
        activation: str | None,
    ) -> None:  # fmt: skip
        self._ops = ops
        self.metrics = [*metrics, *weighted_metrics]
        self._keys = _keys(metrics, weighted_metrics)
        self._loss = ops.zeros((2,), "float64")  # [sum of loss * batch size, sum of sizes]
        #: (metric, whether it reads the logits, whether it is weighted)
        self._watched: list[tuple[Any, bool, bool]] = []
        for i, metric in enumerate(self.metrics):
            metric.attach(ops)
            inverse = activation is not None and activation == metric.inverse_of
            seen = metric.before_activation() if inverse else metric
            self._watched.append((seen, inverse, i >= len(metrics)))
        self.read_logits = any(inverse for _, inverse, _ in self._watched)

    def add(self, loss: Array, batch: Batch, logits: Array, y_pred: Array) -> None:
        """Add a batch and its loss (1,)."""
        self._ops.mean_update(self._loss, loss, float(batch.size))
        for metric, reads_logits, weighted in self._watched:
            seen = logits if reads_logits else y_pred
            metric.update(batch.y, seen, batch.weights if weighted else None)

    def reset(self) -> None:
        """Start again from zero."""
        self._loss[...] = 0.0
        for metric in self.metrics:
            metric.reset_state()

    def state(self) -> list[np.ndarray]:
        """Copies of the totals; ``restore`` takes them."""
        own = self._ops.to_numpy(self._loss).copy()
        return [own, *(total for metric in self.metrics for total in metric.totals())]

    def restore(self, state: Sequence[np.ndarray]) -> None:
        """Go on from such a state."""
        own, *others = state
        self._loss[...] = self._ops.asarray(own)
        for metric in self.metrics:
            count = len(metric.totals())
            metric.set_totals(others[:count])
            others = others[count:]

    def logs(self) -> dict[str, float]:
        """The means: "loss" first, then the metrics in compile order."""
        total, count = self._ops.to_numpy(self._loss)
        logs = {"loss": rounded(total / count) if count else 0.0}
        for key, metric in zip(self._keys, self.metrics, strict=True):
            logs[key] = metric.result()
        return logs


def rounded(value: float) -> float:
    """The float32 nearest to ``value``, as a Python float: what Keras reports."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _keys(metrics: Sequence[Any], weighted_metrics: Sequence[Any]) -> list[str]:
    """The metrics' names in logs, as Keras makes them differ: accuracy_1, weighted_accuracy."""
    used: Counter[str] = Counter()
    keys = []
    for listed in (metrics, weighted_metrics):
        for metric in listed:
            key = metric.name
            if used[key] and listed is weighted_metrics:
                key = f"weighted_{key}"
            number = used[key]
            used[key] += 1
            keys.append(f"{key}_{number}" if number else key)
    return keys
