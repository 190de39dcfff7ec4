"""minicnn's side: what goes through each layer in the first step, and the loss of every step."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from minicnn.backends import spec
from minicnn.backends.context import Context
from minicnn.compare.capture import Training
from minicnn.engine.plan import FUSED
from minicnn.engine.step import Executor, Step
from minicnn.models import Sequential

#: "losses" (steps,); of layer i "i/y" what comes out, "i/dx" the gradient with respect to what
#: goes in, "i/dw/j" that of its trainable weight j
Arrays = dict[str, np.ndarray]


def leaves(model: Sequential) -> list[Any]:
    """The layers in order, those of nested models in the place of the model."""
    found: list[Any] = []
    for layer in model.layers:
        found += leaves(layer) if isinstance(layer, Sequential) else [layer]
    return found


def record(training: Training) -> Arrays:
    """Run the first step watched, then, from the same weights, all steps as ``fit`` runs them."""
    arrays = _watched_step(training.fresh(), *training.batches[0])
    model = training.fresh()
    losses = [model.train_on_batch(*batch) for batch in training.batches]
    return {**arrays, "losses": np.array(losses)}


class _Recorder:
    """A stage that keeps copies of what its forward and its backward return."""

    def __init__(self, stage: Any, ops: Any) -> None:
        self._stage, self._ops = stage, ops

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, name)

    def forward(self, ctx: Any, x: Any) -> Any:
        y = self._stage.forward(ctx, x)
        self.y = np.array(self._ops.to_numpy(y))
        return y

    def backward(self, ctx: Any, dy: Any) -> Any:
        ctx.need_dx = True  # also of the first layer
        dx = self._stage.backward(ctx, dy)
        self.dx = np.array(self._ops.to_numpy(dx))
        return dx


def _watched_step(model: Sequential, x: Any, y: Any, weights: Any) -> Arrays:
    rows, step = model._one_batch(x, y, weights, None)
    ops = _without_fused(step.ops)
    recorders = [[_Recorder(stage, ops) for stage in layer.stages()] for layer in leaves(model)]
    stages = [recorder for row in recorders for recorder in row]
    executor = Executor(stages, model.parameters, ops, model.dtype)
    watched = Step(executor, model._require_compiled().loss, None, [], [])
    with ops.running():
        watched.forward(rows.gather(), training=True)
        watched.backward()
    for recorder in stages[watched.last :]:  # a softmax that was one with the loss
        with ops.running():
            recorder.forward(Context(ops), ops.asarray(stages[watched.last - 1].y))
    arrays: Arrays = {}
    for i, (layer, row) in enumerate(zip(leaves(model), recorders, strict=True)):
        if row:  # a linear activation has no stage
            arrays[f"{i}/y"] = row[-1].y
        if row and hasattr(row[0], "dx"):
            arrays[f"{i}/dx"] = row[0].dx
        for j, parameter in enumerate(layer.trainable_weights):
            arrays[f"{i}/dw/{j}"] = np.array(ops.to_numpy(parameter.grad))
    return arrays


def _without_fused(ops: Any) -> Any:
    """The same backend without the functions that stand for several stages at once, or that record
    a step: each array is looked at as soon as it is there.
    """
    left_out = {f"{kind.operation}_{way}" for kind in FUSED for way in ("forward", "backward")}
    left_out |= set(spec.BEHIND_THE_HOST)
    return SimpleNamespace(**{k: v for k, v in vars(ops).items() if k not in left_out})
