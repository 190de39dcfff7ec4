"""minicnn's side: the program as far as its first ``fit``, then the training that it began there.

Taken are the model and its first batches; recorded is what goes through each layer in the first
step, and the loss of every step.
"""

import inspect
import os
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from minicnn import optimizers
from minicnn.backends import spec
from minicnn.backends.context import Context
from minicnn.compare.keras_side import leaves
from minicnn.engine.guard import is_own
from minicnn.engine.plan import FUSED
from minicnn.engine.step import Executor, Step
from minicnn.keras_alias import run_program
from minicnn.layers import Dropout, RandomFlip, RandomTranslation
from minicnn.layers.core import InputLayer
from minicnn.models import Sequential, clone_model

Batch = tuple[np.ndarray, np.ndarray, np.ndarray | None]  # x, y, sample weights

#: "losses" (steps,); of layer i "i/y" what comes out, "i/dx" the gradient with respect to what
#: goes in, "i/dw/j" that of its trainable weight j
Arrays = dict[str, np.ndarray]


@dataclass
class Training:
    """A compiled model without its random layers, and (x, y, sample weights) of each step."""

    model: Sequential
    batches: list[Batch]

    def fresh(self) -> Sequential:
        """A new model: the same layers and weights, compiled with a new optimizer."""
        model: Sequential = clone_model(self.model)
        model.set_weights(self.model.get_weights())
        optimizer = optimizers.deserialize(optimizers.serialize(self.model.optimizer))
        model.compile(optimizer, self.model.loss)
        return model


class _AtFit(BaseException):
    """Leaves the program; no ``except Exception`` of its own holds it back."""

    def __init__(self, training: Training) -> None:
        self.training = training


def first_training(
    path: str | os.PathLike[str], arguments: Sequence[str], steps: int
) -> Training | None:
    """Run a Keras program on minicnn as far as its first ``fit``.

    The batches are the first rows of the data in their order, not shuffled; when the data ends
    they begin again. The optimizer is new, dropout and random augmentation are left out.

    Args:
        path: the program.
        arguments: its command line.
        steps: number of batches.

    Returns:
        None when the program failed; Python's report of its error was printed then.

    Raises:
        ValueError: the program never calls ``fit``, or trains something that Keras cannot have.
    """
    fit = Sequential.fit
    signature = inspect.signature(fit)

    def captured(model: Sequential, *args: Any, **kwargs: Any) -> None:
        given = signature.bind(model, *args, **kwargs)
        given.apply_defaults()
        raise _AtFit(_training(model, given.arguments, steps))

    Sequential.fit = captured  # type: ignore[assignment, method-assign]
    try:
        code = run_program(path, arguments)
    except _AtFit as stopped:
        return stopped.training
    finally:
        Sequential.fit = fit  # type: ignore[method-assign]
    if code:
        return None
    raise ValueError(f"{os.fspath(path)} never calls model.fit, so there is nothing to compare")


def _training(model: Sequential, given: dict[str, Any], steps: int) -> Training:
    source = model._require_compiled().source(
        model, given["x"], given["y"], given["sample_weight"], given["class_weight"],
        given["batch_size"], given["steps_per_epoch"], "train",
    )  # fmt: skip
    ops = model.executor().ops
    batches: list[Batch] = []
    for rows in source.epoch(False, np.random.default_rng(0)):
        batch = rows.gather()
        x, y = (np.array(ops.to_numpy(a)) for a in (batch.x, batch.y))
        weights = None if batch.weights is None else np.array(ops.to_numpy(batch.weights))
        batches.append((x, y, weights))
        if len(batches) == steps:
            break
    repeated = [batches[i % len(batches)] for i in range(steps)]
    still = _without_chance(model)
    still.compile(model.optimizer, model.loss)
    return Training(still, repeated)


def _without_chance(model: Sequential) -> Sequential:
    """The same layers, but for those that draw at random.

    Raises:
        ValueError: a layer is the program's own: it has no gradient in Keras.
    """
    still = Sequential(name=model.name)
    still.add(InputLayer(batch_shape=model.input_shape))
    for layer in model.layers:
        if not is_own(layer):
            raise ValueError(
                f"layer {layer.name!r} ({type(layer).__name__}) is the program's own, written "
                "for minicnn: Keras cannot run it. minicnn.check_gradients checks such layers"
            )
        if isinstance(layer, Dropout | RandomFlip | RandomTranslation):
            continue
        still.add(_without_chance(layer) if isinstance(layer, Sequential) else layer)
    return still


def record(training: Training) -> Arrays:
    """Run the first step watched, then, from the same weights, all steps as ``fit`` runs them."""
    arrays = _watched_step(training.fresh(), training.batches[0])
    model = training.fresh()
    losses = [model.train_on_batch(*batch) for batch in training.batches]
    return {**arrays, "losses": np.array(losses)}


class _Recorder:
    """A stage that keeps copies of what its forward and its backward return."""

    def __init__(self, stage: Any, ops: spec.Backend) -> None:
        self._stage, self._ops = stage, ops

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, name)

    def forward(self, ctx: Context, x: spec.Array) -> spec.Array:
        y = self._stage.forward(ctx, x)
        self.y = np.array(self._ops.to_numpy(y))
        return y

    def backward(self, ctx: Context, dy: spec.Array) -> spec.Array:
        ctx.need_dx = True  # also of the first layer
        dx = self._stage.backward(ctx, dy)
        self.dx = np.array(self._ops.to_numpy(dx))
        return dx


def _watched_step(model: Sequential, batch: Batch) -> Arrays:
    rows, step = model._one_batch(*batch, None)
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


def _without_fused(ops: spec.Backend) -> Any:
    """The same backend without the functions that stand for several stages at once, or that record
    a step: each array is looked at as soon as it is there.
    """
    left_out = {f"{operation}_{way}" for operation in FUSED for way in ("forward", "backward")}
    left_out |= set(spec.BEHIND_THE_HOST)
    return SimpleNamespace(**{k: v for k, v in vars(ops).items() if k not in left_out})
