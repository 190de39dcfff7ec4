"""One step: a batch forward, its loss, backward, and the update. No array library in sight."""

import math
from typing import Any

from minicnn.engine.context import Context
from minicnn.engine.data import Batch
from minicnn.engine.numbers import rounded
from minicnn.engine.parameters import ParameterStore
from minicnn.engine.penalties import Penalties
from minicnn.engine.plan import Plan


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

    def predict(self, x: Any) -> Any:
        """The model's output for a batch (N, ...), in inference mode."""
        with self.ops.running():
            return self.plan.forward(x, training=False)


class Compiled:
    """An executor with a loss, an optimizer and metrics: what ``compile`` asks for.

    When the model ends in a softmax (or sigmoid) and the loss is its cross-entropy, the two are
    taken as one: the loss is computed from the logits, exactly, and its gradient is p - y.
    """

    def __init__(
        self, executor: Executor, loss: Any, optimizer: Any, metrics: list[Any],
        weighted_metrics: list[Any],
    ) -> None:  # fmt: skip
        self.executor, self.optimizer = executor, optimizer
        self.metrics, self.weighted_metrics = metrics, weighted_metrics
        self.dtype = executor.dtype
        ops = self.ops = executor.ops
        self.last = len(executor.plan.stages)  # stages in front of the loss
        if self.last and loss.inverse_of is not None:
            final = executor.plan.stages[-1]
            if final.kind == loss.inverse_of and getattr(final, "axis", -1) == -1:
                loss = loss.before_activation()
                self.last -= 1
        self.fused = self.last < len(executor.plan.stages)
        self.loss = loss
        self.penalties = Penalties(executor.plan, executor.store.parameters)
        self.target_dtype = "int64" if loss.targets == "labels" else self.dtype
        self._contexts = {
            training: (Context(ops, executor.step, training), Context(ops, executor.step, training))
            for training in (True, False)
        }
        self._loss_total = ops.zeros((2,), "float64")  # [sum of loss * batch size, sum of sizes]
        for metric in (*metrics, *weighted_metrics):
            metric.attach(ops)

    def data_context(self, name: str) -> Context:
        """Where the batches of ``name`` are gathered."""
        return self.executor.data_context(name)

    def train(self, batch: Batch) -> bool:
        """Forward, loss, backward, update.

        Returns:
            False when the loss is not a finite number; the weights are untouched then.
        """
        with self.ops.running():
            plan, ctxs = self.executor.plan, self._contexts[True]
            self.executor.step += 1
            loss = self._loss(batch, training=True)
            finite = math.isfinite(float(self.ops.to_numpy(loss)[0]))
            if finite:
                dvalues = self.ops.weighted_sum_backward(ctxs[1])
                plan.backward(self.loss.backward(ctxs[0], dvalues), self.last, plan.first_trained())
                self.penalties.add_gradients()
                self.optimizer.apply()
                self.penalties.constrain()
            return finite

    def test(self, batch: Batch) -> None:
        """Forward and loss in inference mode."""
        with self.ops.running():
            self._loss(batch, training=False)

    def _loss(self, batch: Batch, training: bool) -> Any:
        """The loss of a batch, a (1,) array; running totals go up."""
        ops, plan = self.ops, self.executor.plan
        loss_ctx, sum_ctx = self._contexts[training]
        out = plan.forward(batch.x, training, self.last)
        values, p = self.loss.forward(loss_ctx, batch.y, out)
        scale = 1.0 / self.loss.divisor(math.prod(values.shape), batch.weight_sum)
        loss = ops.weighted_sum_forward(sum_ctx, values, batch.weights, scale)
        self.penalties.add_to(loss, training)
        ops.mean_update(self._loss_total, loss, float(batch.size))
        y_pred = p if self.fused else out
        for metric in self.metrics:
            metric.update(batch.y, y_pred)
        for metric in self.weighted_metrics:
            metric.update(batch.y, y_pred, batch.weights)
        return loss

    def reset(self) -> None:
        """Start the running totals again from zero."""
        self._loss_total[...] = 0.0
        for metric in (*self.metrics, *self.weighted_metrics):
            metric.reset_state()

    def logs(self) -> dict[str, float]:
        """The running means: "loss" first, then the metrics in compile order."""
        total, count = self.ops.to_numpy(self._loss_total)
        logs = {"loss": rounded(total / count) if count else 0.0}
        for metric in (*self.metrics, *self.weighted_metrics):
            logs[metric.name] = metric.result()
        return logs

    def contexts(self) -> list[Context]:
        """Every context of a step."""
        return [
            *self.executor.contexts(), *self._contexts[True], *self._contexts[False],
        ]  # fmt: skip
