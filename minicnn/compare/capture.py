"""What a program would train: its model and its first batches, taken when it calls ``fit``."""

import inspect
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from minicnn import optimizers
from minicnn.engine.guard import is_own
from minicnn.keras_alias import run_program
from minicnn.layers import Dropout, RandomFlip, RandomTranslation
from minicnn.layers.core import InputLayer
from minicnn.models import Sequential, clone_model

Batch = tuple[np.ndarray, np.ndarray, np.ndarray | None]


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
    try:
        with _instead_of_fit(steps):
            code = run_program(path, arguments)
    except _AtFit as stopped:
        return stopped.training
    if code:
        return None
    raise ValueError(f"{os.fspath(path)} never calls model.fit, so there is nothing to compare")


@contextmanager
def _instead_of_fit(steps: int) -> Iterator[None]:
    fit = Sequential.fit
    signature = inspect.signature(fit)

    def captured(model: Sequential, *args: Any, **kwargs: Any) -> None:
        given = signature.bind(model, *args, **kwargs)
        given.apply_defaults()
        raise _AtFit(_training(model, given.arguments, steps))

    Sequential.fit = captured  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        Sequential.fit = fit  # type: ignore[method-assign]


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
