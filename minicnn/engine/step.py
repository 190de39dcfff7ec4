"""One step: a batch forward, its loss, backward, and the update. No array library in sight."""

import math
from collections import Counter
from typing import Any

from minicnn.backends.context import Context
from minicnn.engine import interrupts
from minicnn.engine.ahead import Ahead
from minicnn.engine.averages import Averages
from minicnn.engine.data import Batch, Rows
from minicnn.engine.guard import guarded_loss
from minicnn.engine.numbers import rounded
from minicnn.engine.parameters import ParameterStore
from minicnn.engine.penalties import Penalties
from minicnn.engine.plan import Plan
from minicnn.engine.targets import warn_of_activation


class Executor:
    """A model on one backend: its flat weights, its plan and its step counter.

    Attributes:
        step: (1,) uint32, training steps so far; what dropout's masks are drawn from.
    """

    def __init__(self, stages: list[Any], parameters: list[Any], ops: Any, dtype: str) -> None:
        self.ops, self.dtype = ops, dtype
        self.store = ParameterStore(parameters, ops, dtype)
        self.step = ops.zeros((1,), "uint32")
        self.plan = Plan(stages, ops, self.step)

        self._data: dict[str, Context] = {}

    def data_context(self, name: str) -> Context:
        """Where the batches of ``name`` ("train", "validation", ...) are gathered."""
        if name not in self._data:
            self._data[name] = Context(self.ops, self.step)
        return self._data[name]

    def contexts(self) -> list[Context]:
        """Every context of the plan and of the data."""
        return [*self.plan.contexts(), *self._data.values()]


class Compiled:
    """An executor with a loss, an optimizer and metrics: what ``compile`` asks for.

    When the model ends in a softmax (or sigmoid) and the loss is its cross-entropy, the two are
    taken as one: the loss is computed from the logits, exactly, and its gradient is p - y. A
    cross-entropy that is watched as a metric is computed from the logits too.
    """

    def __init__(
        self, executor: Executor, loss: Any, optimizer: Any, metrics: list[Any],
        weighted_metrics: list[Any],
    ) -> None:  # fmt: skip
        self.executor, self.optimizer = executor, optimizer
        self.metrics, self.weighted_metrics = metrics, weighted_metrics
        self.dtype = executor.dtype
        ops = self.ops = executor.ops
        stages = executor.plan.stages
        activation = _final_activation(stages)
        warn_of_activation(loss, [stage.kind for stage in stages])
        self.fused = activation is not None and activation == loss.inverse_of
        self.loss = guarded_loss(loss.before_activation() if self.fused else loss)
        self.last = len(stages) - self.fused  # stages in front of the loss
        self.penalties = Penalties(executor.plan, executor.store.parameters)
        self.averages = Averages(executor.store.parameters, ops)
        self.target_dtype = "int64" if loss.targets == "labels" else self.dtype
        self._contexts = {
            training: (Context(ops, executor.step, training), Context(ops, executor.step, training))
            for training in (True, False)
        }
        self._loss_total = ops.zeros((2,), "float64")  # [sum of loss * batch size, sum of sizes]
        #: what is updated after a batch: (metric, whether it reads the logits, whether weighted)
        self._watched: list[tuple[Any, bool, bool]] = []
        for listed in (metrics, weighted_metrics):
            for metric in listed:
                metric.attach(ops)
                inverse = activation is not None and activation == metric.inverse_of
                seen = metric.before_activation() if inverse else metric
                self._watched.append((seen, inverse, listed is weighted_metrics))
        self._split = any(reads_logits for _, reads_logits, _ in self._watched)
        self._keys = _keys(metrics, weighted_metrics)
        #: how steps run if the device works behind the host, else None
        self.ahead = Ahead(self) if hasattr(ops, "capture") else None
        #: (number since ``reset``, rows) of a step whose loss was not finite, once it is known
        self.refused: tuple[int, Rows] | None = None
        self._steps = 0  # since reset
        self.feeder: Any = None  # what deals the batches out while ``fit`` runs

    def data_context(self, name: str) -> Context:
        """Where the batches of ``name`` are gathered."""
        return self.executor.data_context(name)

    def train(self, rows: Rows) -> None:
        """Gather, forward, loss, backward, update.

        The step is done or, when an error or Ctrl-C ends it, undone: weights, moving averages and
        the step counter are those of a whole step. A step whose loss is not a finite number leaves
        the weights untouched; ``refused`` says so, at once or when the totals are read.

        Raises:
            RuntimeError: the weights are no longer those of this model.
        """
        if not self.executor.store.holds():
            raise RuntimeError(
                "another model took weights of this one along while it was training: make models "
                "that share layers, and use each once, before fit"
            )
        self._steps += 1
        with interrupts.step, self.ops.running():
            if self.ahead is not None:
                self.ahead.train(rows)
                return
            batch = rows.gather()
            self.ops.advance(self.executor.step)
            self.averages.keep()
            try:
                loss = self.loss_of(batch, training=True)
                finite = math.isfinite(float(self.ops.to_numpy(loss)[0]))
                if finite:
                    self.backward()
            except BaseException:
                self.executor.step -= 1
                self.averages.restore()
                raise
            if finite:
                with interrupts.update:
                    self.optimizer.apply()
                    self.penalties.constrain()
            else:
                self.averages.restore()
                self.refused = self.refused or (self._steps, rows)

    def backward(self) -> None:
        """Every gradient of the loss that ``loss_of`` has computed."""
        plan, (loss_ctx, sum_ctx) = self.executor.plan, self._contexts[True]
        dvalues = self.ops.weighted_sum_backward(sum_ctx)
        plan.backward(self.loss.backward(loss_ctx, dvalues), self.last, plan.first_trained())
        self.penalties.add_gradients()

    def test(self, rows: Rows) -> None:
        """Gather, forward and loss in inference mode."""
        with interrupts.step, self.ops.running():
            if self.ahead is not None:
                self.ahead.test(rows)
            else:
                self.loss_of(rows.gather(), training=False)

    def loss_of(self, batch: Batch, training: bool) -> Any:
        """The loss of a batch, a (1,) array; running totals go up."""
        ops, plan = self.ops, self.executor.plan
        loss_ctx, sum_ctx = self._contexts[training]
        front = self.last - (self._split and not self.fused)
        logits = out = plan.forward(batch.x, training, front)
        if front < self.last:
            out = plan.forward(logits, training, self.last, first=front)
        values, p = self.loss.forward(loss_ctx, batch.y, out)
        count = math.prod(values.shape) if batch.counted is None else batch.counted
        scale = 1.0 / self.loss.divisor(count, batch.weight_sum)
        loss = ops.weighted_sum_forward(sum_ctx, values, batch.weights, scale)
        self.penalties.add_to(loss, training)
        ops.mean_update(self._loss_total, loss, float(batch.size))
        y_pred = p if self.fused else out
        for metric, reads_logits, weighted in self._watched:
            seen = logits if reads_logits else y_pred
            metric.update(batch.y, seen, batch.weights if weighted else None)
        return loss

    def reset(self) -> None:
        """Start the running totals again from zero."""
        self._loss_total[...] = 0.0
        for metric in (*self.metrics, *self.weighted_metrics):
            metric.reset_state()
        self.refused, self._steps = None, 0
        if self.ahead is not None:
            self.ahead.reset()

    def totals(self) -> list[Any]:
        """Copies of the running totals; ``resume`` takes them."""
        metrics = (*self.metrics, *self.weighted_metrics)
        own = self.ops.to_numpy(self._loss_total).copy()
        return [own, *(total for metric in metrics for total in metric.totals())]

    def resume(self, totals: list[Any], steps: int) -> None:
        """Go on in the midst of an epoch: after ``steps`` steps that made these totals."""
        self.reset()
        own, *others = totals
        self._loss_total[...] = self.ops.asarray(own)
        for metric in (*self.metrics, *self.weighted_metrics):
            count = len(metric.totals())
            metric.set_totals(others[:count])
            others = others[count:]
        self._steps = steps

    def refresh(self) -> None:
        """A callback has run, and may have changed the optimizer or a layer."""
        if self.ahead is not None:
            self.ahead.refresh()

    def logs(self) -> dict[str, float]:
        """The running means: "loss" first, then the metrics in compile order."""
        if self.ahead is not None:
            self.refused = self.ahead.refused()
        total, count = self.ops.to_numpy(self._loss_total)
        logs = {"loss": rounded(total / count) if count else 0.0}
        for key, metric in zip(self._keys, (*self.metrics, *self.weighted_metrics), strict=True):
            logs[key] = metric.result()
        return logs

    def contexts(self) -> list[Context]:
        """Every context of a step."""
        return [
            *self.executor.contexts(), *self._contexts[True], *self._contexts[False],
        ]  # fmt: skip


def _final_activation(stages: list[Any]) -> str | None:
    """The ``kind`` of the last stage, if a loss can be computed in front of it."""
    if stages and getattr(stages[-1], "axis", -1) == -1:
        return stages[-1].kind
    return None


def _keys(metrics: list[Any], weighted_metrics: list[Any]) -> list[str]:
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
