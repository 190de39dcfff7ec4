"""One training step, written out in one place: a batch forward, its loss, backward, the update.

No array library in sight: the backend computes, and a runner decides whether the step is called or
recorded once and replayed. Apart from the epoch's running totals and the place in the data, all
that outlives a step (weights, optimizer state, moving averages, the step number) changes in
``update``, at its end; so a step that is refused (its loss is not finite) or ended early (an error,
Ctrl-C) has nothing to undo.
"""

import math
from collections.abc import Sequence
from typing import Any

from minicnn.backends.context import Context
from minicnn.backends.spec import Array, Backend
from minicnn.engine import interrupts
from minicnn.engine.checks import warn_of_activation
from minicnn.engine.data import Batch, Feeder, Rows
from minicnn.engine.guard import GuardedLoss, is_own
from minicnn.engine.parameters import Parameter, ParameterStore
from minicnn.engine.plan import Plan
from minicnn.engine.runners import Caller, Recorder
from minicnn.engine.stages import Stage
from minicnn.engine.totals import Totals


class Executor:
    """A model on one backend: its flat weights, its plan and the number of its training step.

    Attributes:
        step_number: (1,) uint32, of the training step under way, from 1 on. Dropout's masks are
            drawn from it; unlike the optimizer's iterations it goes on after another ``compile``.
    """

    def __init__(
        self, stages: Sequence[Stage], parameters: Sequence[Parameter], ops: Backend, dtype: str
    ) -> None:
        self.ops, self.dtype = ops, dtype
        self.store = ParameterStore(parameters, ops, dtype)
        self.step_number = ops.zeros((1,), "uint32")
        self.steps_done = 0
        self.plan = Plan(stages, ops, self.step_number)
        self._data: dict[str, Context] = {}

    @property
    def steps_done(self) -> int:
        """Training steps so far; settable, as dropout draws on from there."""
        return int(self.ops.to_numpy(self.step_number)[0]) - 1

    @steps_done.setter
    def steps_done(self, count: int) -> None:
        self.step_number[...] = count + 1

    def data_context(self, name: str) -> Context:
        """Where the batches of ``name`` ("train", "validation", ...) are gathered."""
        if name not in self._data:
            self._data[name] = Context(self.ops, self.step_number)
        return self._data[name]

    def contexts(self) -> list[Context]:
        """Every context of the plan and of the data."""
        return [*self.plan.contexts(), *self._data.values()]


class Step:
    """The training step of a model: an executor with a loss, an optimizer and metrics.

    When the model ends in a softmax (or sigmoid) and the loss is its cross-entropy, the two are
    taken as one: the loss is computed from the logits, exactly, and its gradient is p - y.

    Attributes:
        last: number of stages before the loss.
        totals: of loss and metrics since ``reset``.
        feeder: what deals the batches out while ``fit`` runs.
    """

    def __init__(
        self, executor: Executor, loss: Any, optimizer: Any, metrics: Sequence[Any],
        weighted_metrics: Sequence[Any],
    ) -> None:  # fmt: skip
        self.executor, self.optimizer = executor, optimizer
        self.dtype, self.plan = executor.dtype, executor.plan
        self.data_context = executor.data_context
        ops = self.ops = executor.ops
        stages = self.plan.stages
        activation = _final_activation(stages)
        warn_of_activation(loss, [stage.kind for stage in stages])
        self._on_logits = activation is not None and activation == loss.inverse_of
        loss = loss.before_activation() if self._on_logits else loss
        self.loss: Any = loss if is_own(loss) else GuardedLoss(loss)
        self.last = len(stages) - self._on_logits
        self.target_dtype = "int64" if loss.targets == "labels" else self.dtype
        self.totals = Totals(ops, metrics, weighted_metrics, activation)
        #: stages up to the logits, if a metric reads them and the loss does not; else ``last``
        self._to_logits = self.last - (self.totals.read_logits and not self._on_logits)
        #: training -> the contexts of the loss and of its mean
        self._contexts = {
            training: (
                Context(ops, executor.step_number, training),
                Context(ops, executor.step_number, training),
            )
            for training in (True, False)
        }
        parameters = executor.store.parameters
        self._regularized = [p for p in parameters if p.regularizer is not None]
        self._constrained = [p for p in parameters if p.constraint is not None]
        self._runner: Caller | Recorder = (Recorder if hasattr(ops, "capture") else Caller)(self)
        self.feeder: Feeder | None = None

    # -- the step ----------------------------------------------------------------------------

    def train(self, rows: Rows) -> None:
        """One step on the batch at ``rows``: it is done whole or, on an error, not at all.

        A step whose loss is not a finite number changes no weight; ``refused`` says so, at once or
        when the totals are read.

        Raises:
            RuntimeError: the weights are no longer those of this model.
        """
        store = self.executor.store
        if store.home.abandoned and not store.holds():
            raise RuntimeError(
                "another model took weights of this one along while it was training: make models "
                "that share layers, and use each once, before fit"
            )
        if store.seen != store.home.changes:  # somebody has frozen a layer
            self.refresh()
        with interrupts.step, self.ops.running():
            rows.aim()
            self._runner.train(rows)

    def body(self, rows: Rows) -> None:
        """What a training step is: gather, forward, loss, backward, update."""
        loss = self.forward(rows.take(), training=True)
        if self._runner.accepts(loss, rows):
            self.backward()
            with interrupts.update:
                self.update()

    def forward(self, batch: Batch, training: bool) -> Array:
        """The loss of a batch, a (1,) array; running totals go up."""
        ops, plan = self.ops, self.plan
        loss_ctx, mean_ctx = self._contexts[training]
        logits = out = plan.forward(batch.x, training, self._to_logits)
        if self._to_logits < self.last:
            out = plan.forward(logits, training, self.last, first=self._to_logits)
        values, p = self.loss.forward(loss_ctx, batch.y, out)  # (N, ...), and what metrics see
        count = math.prod(values.shape) if batch.counted is None else batch.counted
        scale = 1.0 / self.loss.divisor(count, batch.weight_sum)
        loss = ops.weighted_sum_forward(mean_ctx, values, batch.weights, scale)  # (1,)
        for parameter in self._regularized:
            if parameter.is_trained:
                parameter.regularizer.add_penalty(ops, loss, parameter.value)
        for stage, ctx in plan.penalties[training]:
            stage.add_penalty(ctx, loss)
        self.totals.add(loss, batch, logits, p if self._on_logits else out)
        return loss

    def backward(self) -> None:
        """Every gradient of the loss that ``forward`` has computed."""
        loss_ctx, mean_ctx = self._contexts[True]
        dvalues = self.ops.weighted_sum_backward(mean_ctx)  # (N, ...)
        self.plan.backward(self.loss.backward(loss_ctx, dvalues), self.last)
        for parameter in self._regularized:
            if parameter.is_trained:
                parameter.regularizer.add_gradient(self.ops, parameter.grad, parameter.value)

    def update(self) -> None:
        """Weights and the optimizer's state, then constraints, moving averages, the step number."""
        self._runner.apply(self.optimizer)
        for parameter in self._constrained:
            if parameter.is_trained:
                parameter.constraint.apply(self.ops, parameter.value)
        self.plan.commit()
        self.ops.advance(self.executor.step_number)

    def test(self, rows: Rows) -> None:
        """Gather, forward and loss in inference mode."""
        with interrupts.step, self.ops.running():
            rows.aim()
            self._runner.test(rows)

    # -- between steps -----------------------------------------------------------------------

    @property
    def refused(self) -> tuple[int, Rows] | None:
        """(number since ``reset``, rows) of a step whose loss was not finite, once it is known."""
        return self._runner.refused

    def reset(self, steps: int = 0) -> None:
        """Start the running totals again from zero; ``steps`` of the epoch have been done."""
        self.totals.reset()
        self._runner.reset(steps)

    def resume(self, totals: Sequence[Any], steps: int) -> None:
        """Go on in the middle of an epoch: after ``steps`` steps that made these totals."""
        self.reset(steps)
        self.totals.restore(totals)

    def refresh(self) -> None:
        """Look at what a callback, say, may have changed in the optimizer or a layer."""
        self.executor.store.refresh()
        self.plan.refresh()
        self._runner.refresh()

    def logs(self) -> dict[str, float]:
        """The running means: "loss" first, then the metrics in compile order."""
        self._runner.settle()
        return self.totals.logs()

    def contexts(self) -> list[Context]:
        """Every context of a step."""
        return [*self.executor.contexts(), *self._contexts[True], *self._contexts[False]]


def _final_activation(stages: Sequence[Stage]) -> str | None:
    """The ``kind`` of the last stage, if a loss can be computed from what enters it."""
    if stages and getattr(stages[-1], "axis", -1) == -1:
        return stages[-1].kind
    return None
