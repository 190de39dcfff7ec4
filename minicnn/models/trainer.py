"""What ``compile`` was given, and the user's data checked against it.

The training loop is ``engine/loop.py``.
"""

from collections.abc import Callable, Iterator
from types import GeneratorType
from typing import TYPE_CHECKING, Any

import numpy as np

from minicnn import losses, metrics
from minicnn.engine import checks
from minicnn.engine.arrays import broadcast_weights
from minicnn.engine.data import Arrays, Feeder, Generator, resolve_batch_size
from minicnn.engine.step import Step

if TYPE_CHECKING:
    from minicnn.models.model import Model


class Trainer:
    """Loss and metrics of a model, and the step that they and its optimizer make with its plan.

    It holds no reference to the model, which has it: methods take the model.

    Args:
        as in ``Model.compile``.

    Raises:
        ValueError: an unknown name, or a loss that cannot train.
    """

    def __init__(self, loss: Any, watched: Any, weighted: Any) -> None:
        #: "crossentropy" is a name still; the shapes of the data tell which one
        self.loss: Any = None if loss is None else losses.as_loss(loss)
        self.metrics = _metric_list(watched)
        self.weighted_metrics = _metric_list(weighted)
        if isinstance(self.loss, losses.Loss) and self.loss.reduction in ("none", None):
            raise ValueError(
                f"loss {self.loss.name!r} has reduction='none': a batch's loss must be one number"
            )
        self.made: Step | None = None

    def step(self, model: "Model") -> Step:
        """The training step on the model's backend, with a built optimizer."""
        executor = model.executor()
        optimizer, made = model.optimizer, self.made
        if made is None or made.executor is not executor or made.optimizer is not optimizer:
            made = Step(executor, self.loss, optimizer, self.metrics, self.weighted_metrics)
            optimizer.build(executor.store, executor.ops)
            self.made = made  # last: whatever ends this early, the next call begins anew
        return made

    # -- data --------------------------------------------------------------------------------

    def source(
        self, model: "Model", x: Any, y: Any, sample_weight: Any, class_weight: Any,
        batch_size: int | None, steps: int | None, name: str,
    ) -> Arrays | Generator:  # fmt: skip
        """Batches from what the user gave, checked against the model and its loss."""
        if isinstance(x, GeneratorType):
            if y is not None or sample_weight is not None or class_weight is not None:
                raise ValueError(
                    "x is a generator, which gives (x, y) or (x, y, sample_weight) itself: leave "
                    "y, sample_weight and class_weight out"
                )
            return self._generator(model, x, name)
        array, targets, weights = self._checked(model, x, y, sample_weight, class_weight)
        size = resolve_batch_size(batch_size, len(array), steps)
        return Arrays(array, targets, weights, size, self.step(model), name)

    def validation(
        self, model: "Model", data: Any, batch_size: int | None, steps: int | None
    ) -> Callable[[], Feeder]:
        """A function that returns a feeder over the validation data."""
        if isinstance(data, GeneratorType):
            feeder = self.feeder(model, self._generator(model, data, "validation"), steps)
            return lambda: feeder
        x, y, weights = checks.unpack(data, "validation_data")
        source = self.source(model, x, y, weights, None, batch_size, None, "validation")
        return lambda: self.feeder(model, source, steps)  # each validation from the first row on

    def feeder(
        self, model: "Model", source: Arrays | Generator, steps: int | None,
        shuffle: bool | str = False,
    ) -> Feeder:  # fmt: skip
        """What deals out the batches of ``source``; an epoch's order follows from the updates."""
        return Feeder(
            source, steps, shuffle,
            order=lambda updates: np.random.default_rng([model.shuffle_seed, updates]),
            updates=lambda: int(model.optimizer.iterations),
        )  # fmt: skip

    def _generator(self, model: "Model", iterator: Iterator[Any], name: str) -> Generator:
        first = next(iterator, None)
        if first is None:
            raise ValueError("x is a generator that gives nothing")

        def check(item: Any) -> Any:
            return self._checked(model, *checks.unpack(item, "what the generator gives"), None)

        def everything() -> Iterator[Any]:
            yield first
            yield from iterator

        check(first)  # builds a deferred model
        return Generator(everything(), self.step(model), name, check)

    def _checked(
        self, model: "Model", x: Any, y: Any, sample_weight: Any, class_weight: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """(x, y, weights) as arrays that fit the model, the loss and each other."""
        array = model.checked_inputs(x)
        output = model.output_shape
        given_shape = np.shape(y)
        loss = self.loss
        if isinstance(loss, str):
            loss = losses.resolve_crossentropy(given_shape, output, loss)
        y = checks.checked_targets(y, len(array), loss, output, model.layers[-1].name)
        self.loss = loss
        weights = None
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
            weights = checks.class_weights(class_weight, y, output[-1])
        elif sample_weight is not None:
            weights = checks.sample_weights(sample_weight, len(array))
        if weights is not None:
            weights = broadcast_weights(weights, np.shape(y)[: len(output) - 1])
        self._resolve_metrics(given_shape, y, output)
        return array, y, weights

    def _resolve_metrics(
        self, y_shape: tuple[int, ...], y: np.ndarray, output: tuple[int | None, ...]
    ) -> None:
        """Now that data has been seen, "accuracy" becomes a metric."""
        for listed in (self.metrics, self.weighted_metrics):
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


def split(x: Any, y: Any, weights: Any, fraction: float) -> tuple[Any, Any, Any, tuple[Any, ...]]:
    """The data without its last part, and that part."""
    if isinstance(x, GeneratorType):
        raise ValueError("validation_split needs arrays; with a generator pass validation_data")
    arrays = [None if a is None else np.asarray(a) for a in (x, y, weights)]
    if arrays[0] is None or arrays[1] is None:
        raise ValueError("validation_split needs x and y")
    at = checks.split(len(arrays[0]), fraction)
    train = [None if a is None else a[:at] for a in arrays]
    return train[0], train[1], train[2], tuple(a[at:] for a in arrays if a is not None)


def _metric_list(given: Any) -> list[Any]:
    """Metric objects; ("accuracy", key) where only data can tell which one is meant."""
    if given is None:
        return []
    if isinstance(given, dict):
        given = [m for value in given.values() for m in _as_list(value)]
    made: list[Any] = []
    for identifier in _as_list(given):
        metric = metrics.as_metric(identifier)
        made.append(("accuracy", identifier) if metric == "accuracy" else metric)
    return made


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
