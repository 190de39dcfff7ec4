"""From what a person hands to fit and evaluate to batches, checked against model and loss."""

import random
import warnings
from collections.abc import Iterator
from types import GeneratorType
from typing import Any

import numpy as np

from minicnn import losses, metrics
from minicnn.engine import checks
from minicnn.engine.arrays import broadcast_weights
from minicnn.engine.data import Arrays, Feeder, Generator, resolve_batch_size
from minicnn.engine.step import Compiled, Executor
from minicnn.engine.targets import checked_targets, class_weights, sample_weights
from minicnn.engine.threads import OneThread
from minicnn.models.contents import Contents


class Feeding(Contents):
    """The part of a model that takes data in."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        #: with the optimizer's step count, what each epoch's shuffle is drawn from
        self.shuffle_seed = random.randrange(2**32)
        #: held by the thread that trains or evaluates
        self.one_thread = OneThread()
        self.optimizer: Any = None
        self._loss: Any = None
        self._metrics: list[Any] = []
        self._weighted_metrics: list[Any] = []
        self._compiled: Compiled | None = None

    def executor(self) -> Executor:
        """The model on its backend."""
        raise NotImplementedError

    def _checked_inputs(self, x: Any) -> np.ndarray:
        """``x`` as an array that fits the model."""
        raise NotImplementedError

    def _source(
        self, x: Any, y: Any, sample_weight: Any, class_weight: Any, batch_size: Any,
        steps: Any, name: str,
    ) -> Any:  # fmt: skip
        """Batches from what the user gave, checked against the model and its loss."""
        if isinstance(x, GeneratorType):
            if y is not None or sample_weight is not None or class_weight is not None:
                raise ValueError(
                    "x is a generator, which gives (x, y) or (x, y, sample_weight) itself: leave "
                    "y, sample_weight and class_weight out"
                )
            return self._generator(x, name)
        array, targets, weights = self._checked(x, y, sample_weight, class_weight)
        size = resolve_batch_size(batch_size, len(array), steps)
        return Arrays(array, targets, weights, size, self._ready(), name)

    def _generator(self, iterator: Iterator[Any], name: str) -> Generator:
        first = next(iterator, None)
        if first is None:
            raise ValueError("x is a generator that gives nothing")

        def check(item: Any) -> Any:
            return self._checked(*checks.unpack(item, "what the generator gives"), None)

        def everything() -> Iterator[Any]:
            yield first
            yield from iterator

        check(first)  # builds a deferred model
        return Generator(everything(), self._ready(), name, check)

    def _checked(self, x: Any, y: Any, sample_weight: Any, class_weight: Any) -> Any:
        """(x, y, weights) as arrays that fit the model, the loss and each other."""
        array = self._checked_inputs(x)
        output = self.output_shape
        given_shape = np.shape(y)
        loss = self._loss
        if isinstance(loss, str):  # "crossentropy": the shapes tell which
            loss = losses.resolve_crossentropy(given_shape, output, loss)
        y = checked_targets(y, len(array), loss, output, self.layers[-1].name)
        self._loss = loss
        weights = None
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
            weights = class_weights(class_weight, y, output[-1])
        elif sample_weight is not None:
            weights = sample_weights(sample_weight, len(array))
        if weights is not None:
            weights = broadcast_weights(weights, np.shape(y)[: len(output) - 1])
        self._resolve_metrics(given_shape, y, output)
        return array, y, weights

    def _resolve_metrics(self, y_shape: Any, y: Any, output: Any) -> None:
        """Now that data has been seen, "accuracy" becomes a metric."""
        for listed in (self._metrics, self._weighted_metrics):
            for i, metric in enumerate(listed):
                if isinstance(metric, tuple):
                    listed[i] = metrics.resolve_accuracy(y_shape, output, metric[1])
                elif metric.targets == "labels" and y.ndim == len(output):
                    raise ValueError(
                        f"metric {metric.name!r} needs integer labels, but y has shape {y_shape}; "
                        "use the categorical one, or 'accuracy'"
                    )
                elif metric.targets == "like y_pred" and y.ndim < len(output):
                    raise ValueError(
                        f"metric {metric.name!r} needs y in the shape of the output, {output}, but "
                        f"y has shape {y_shape}; use the sparse one, or 'accuracy'"
                    )

    def _validation(self, data: Any, batch_size: Any, steps: Any) -> Any:
        """A function that returns a feeder over the validation data."""
        if isinstance(data, GeneratorType):
            feeder = self._feeder(self._generator(data, "validation"), steps)
            return lambda: feeder
        x, y, weights = checks.unpack(data, "validation_data")
        source = self._source(x, y, weights, None, batch_size, None, "validation")
        return lambda: self._feeder(source, steps)

    def _ready(self) -> Compiled:
        """The compiled model on its backend, with a built optimizer."""
        executor = self.executor()
        if self._compiled is None or self._compiled.executor is not executor:
            compiled = Compiled(
                executor, self._loss, self.optimizer, self._metrics, self._weighted_metrics
            )
            self.optimizer.build(executor.store, executor.ops)
            self._compiled = compiled  # last: whatever ends this early, the next call begins anew
        return self._compiled

    def _warn_if_frozen(self) -> None:
        if not self.trainable_weights:
            warnings.warn(
                "The model does not have any trainable weights.", UserWarning, stacklevel=3
            )

    def _feeder(self, source: Any, steps: Any, shuffle: Any = False) -> Feeder:
        return Feeder(
            source, steps, shuffle,
            order=lambda updates: np.random.default_rng([self.shuffle_seed, updates]),
            updates=lambda: int(self.optimizer.iterations),
        )  # fmt: skip


def split(x: Any, y: Any, weights: Any, fraction: float) -> Any:
    """The data without its last part, and that part."""
    if isinstance(x, GeneratorType):
        raise ValueError("validation_split needs arrays; with a generator pass validation_data")
    arrays = [None if a is None else np.asarray(a) for a in (x, y, weights)]
    if arrays[0] is None or arrays[1] is None:
        raise ValueError("validation_split needs x and y")
    at = checks.split(len(arrays[0]), fraction)
    train = [None if a is None else a[:at] for a in arrays]
    held_out = tuple(a[at:] for a in arrays if a is not None)
    return (*train, held_out)
