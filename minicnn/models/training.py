"""compile, fit, evaluate and predict of a model."""

import math
from collections.abc import Iterator
from types import GeneratorType
from typing import Any

import numpy as np

from minicnn import callbacks as callbacks_module
from minicnn import losses, metrics, optimizers
from minicnn.engine import checks, loop
from minicnn.engine.data import Arrays, Generator, resolve_batch_size
from minicnn.engine.geometry import is_integer
from minicnn.engine.threads import alone
from minicnn.models.feeding import split
from minicnn.models.one_batch import OneBatch, results


class Trainer(OneBatch):
    """The part of a model that learns; ``Sequential`` adds the layers."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.loss: Any = None
        self.stop_training = False
        self.history: Any = None

    # -- compile -----------------------------------------------------------------------------

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, loss_weights: Any = None,
        metrics: Any = None, weighted_metrics: Any = None, run_eagerly: bool = False,
        steps_per_execution: int = 1, jit_compile: Any = "auto", auto_scale_loss: bool = True,
    ) -> None:  # fmt: skip
        """Say how the model learns.

        Args:
            optimizer: a name such as "adam", or an object of ``minicnn.optimizers``.
            loss: a name, function or object of ``minicnn.losses``.
            metrics: names, objects or functions to watch; "accuracy" is resolved from the shapes.
            weighted_metrics: the same, averaged with sample and class weights.
            run_eagerly, steps_per_execution, jit_compile, auto_scale_loss: accepted because Keras
                programs pass them; they change nothing that a program can see here.

        Raises:
            ValueError: an unknown name (the nearest known one is suggested).
        """
        if loss_weights is not None:
            raise ValueError("loss_weights needs a model with several outputs; leave it out")
        if isinstance(loss, (list, tuple)):
            if len(loss) != 1:
                raise ValueError(f"the model has one output, but {len(loss)} losses were given")
            loss = loss[0]
        made_optimizer = optimizers.get(optimizer)
        made_loss = None if loss is None else losses.as_loss(loss)
        made = _metric_list(metrics, "metrics")
        made_weighted = _metric_list(weighted_metrics, "weighted_metrics")
        if isinstance(made_loss, losses.Loss) and made_loss.reduction in ("none", None):
            raise ValueError(
                f"loss {made_loss.name!r} has reduction='none': a batch's loss must be one number"
            )
        self.optimizer, self.loss, self._loss = made_optimizer, loss, made_loss
        self._metrics, self._weighted_metrics = made, made_weighted
        #: as they were given, for a saved file
        self.compile_arguments = {
            "loss": loss, "metrics": metrics, "weighted_metrics": weighted_metrics,
        }  # fmt: skip
        self.compiled = True
        self._compiled = None

    # -- fit, evaluate, predict --------------------------------------------------------------

    @alone
    def fit(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, epochs: int = 1,
        verbose: Any = "auto", callbacks: Any = None, validation_split: float = 0.0,
        validation_data: Any = None, shuffle: Any = True, class_weight: Any = None,
        sample_weight: Any = None, initial_epoch: int = 0, steps_per_epoch: int | None = None,
        validation_steps: int | None = None, validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> Any:  # fmt: skip
        """Train the model.

        Args:
            x, y: samples and targets, arrays of N rows; or x a generator of (x, y[, weights]).
            batch_size: samples a step; 32 by default. A smaller last batch trains too.
            epochs: passes over the data; with ``initial_epoch`` the index of the last one.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 one line an epoch.
            callbacks: list of ``minicnn.callbacks.Callback``.
            validation_split: share of the data, taken from its end, to validate on.
            validation_data: (x, y) or (x, y, sample_weight) to validate on after each epoch.
            shuffle: True for a new order each epoch, "batch" within batches only, False for none.
            class_weight: {class: weight}; sample_weight: (N,) weights. Not both.
            steps_per_epoch, validation_steps: batches an epoch, if not all.
            validation_freq: validate every so many epochs, or after the epochs in a list.

        Returns:
            ``History``: ``.history`` maps each key to its values, epoch by epoch.

        Raises:
            ValueError, TypeError: bad arguments, before anything is trained.
            minicnn.NonFiniteError: the loss became NaN or infinite.
        """
        self._require_compiled()
        _positive(epochs, "epochs", zero=True)
        _positive(steps_per_epoch, "steps_per_epoch")
        _positive(validation_steps, "validation_steps")
        checks.batch_size(batch_size)
        checks.batch_size(validation_batch_size)
        if validation_split and validation_data is None:
            x, y, sample_weight, validation_data = split(x, y, sample_weight, validation_split)
        source = self._source(x, y, sample_weight, class_weight, batch_size, steps_per_epoch,
                              "train")  # fmt: skip
        compiled = self._ready()
        self._warn_if_frozen()
        feeder = self._feeder(source, steps_per_epoch, _shuffle(shuffle, source))
        validation = None
        if validation_data is not None:
            size = validation_batch_size or batch_size
            validation = self._validation(validation_data, size, validation_steps)
        listed = self._callbacks(callbacks, {
            "verbose": verbose, "epochs": epochs, "steps": feeder.target,
        })  # fmt: skip

        def validate(epoch: int) -> dict[str, float] | None:
            if validation is None or not _due(epoch, validation_freq):
                return None
            return loop.evaluate(compiled, validation(), listed, verbose=0)

        self.stop_training, compiled.feeder = False, feeder
        wanted = range(initial_epoch, epochs)
        try:
            loop.fit(self, compiled, feeder, listed, wanted, verbose, validate)
        finally:
            compiled.feeder = None
        return self.history

    @alone
    def evaluate(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, verbose: Any = "auto",
        sample_weight: Any = None, steps: int | None = None, callbacks: Any = None,
        return_dict: bool = False, **kwargs: Any,
    ) -> Any:  # fmt: skip
        """Loss and metrics on data, in inference mode.

        Returns:
            The loss (a float), or [loss, metric, ...] in compile order when there are metrics, or
            a dict with ``return_dict``.

        Raises:
            ValueError, TypeError: bad arguments.
        """
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        self._require_compiled()
        _positive(steps, "steps")
        source = self._source(x, y, sample_weight, None, batch_size, steps, "evaluate")
        compiled = self._ready()
        feeder = self._feeder(source, steps)
        listed = self._callbacks(callbacks, {"verbose": verbose, "epochs": 1,
                                             "steps": feeder.target}, history=False)  # fmt: skip
        return results(loop.evaluate(compiled, feeder, listed, verbose), return_dict)

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: Any = "auto",
        steps: int | None = None, callbacks: Any = None,
    ) -> Any:  # fmt: skip
        """The model's outputs for the rows of x, a NumPy array (N, ...). Needs no compile.

        Args:
            batch_size: samples a batch; 32 by default. Callbacks see batch after batch; where none
                does, as many samples are computed at once as is fast: none depends on another, but
                for the last bits, since a backend may add up few and many in different orders.

        Raises:
            ValueError, TypeError: x does not fit the model's input.
        """
        _positive(steps, "steps")
        checks.batch_size(batch_size)
        if isinstance(x, GeneratorType):
            parts = [p[0] if isinstance(p, tuple) else p for p in _take(x, steps)]
            return np.concatenate([self.predict(p, len(p), 0) for p in parts])
        array = self._checked_inputs(x)
        executor = self.executor()
        size = resolve_batch_size(batch_size, len(array), steps)
        data = Arrays(array, None, None, size, executor, "predict")
        listed = self._callbacks(callbacks, {"verbose": verbose, "epochs": 1,
                                             "steps": data.batches}, history=False)  # fmt: skip
        numbers = sum(math.prod(d or 1 for d in layer.output.shape) for layer in self.layers)
        at_once = executor.plan.samples_at_once(size, numbers)
        return loop.predict(executor, data, steps, at_once, listed, verbose)

    @property
    def metrics(self) -> list[Any]:
        """The metric objects that are known by now."""
        made = [*self._metrics, *self._weighted_metrics]
        return [m for m in made if isinstance(m, metrics.Metric)]

    @property
    def metrics_names(self) -> list[str]:
        """ "loss", then the names of the metrics."""
        return ["loss", *(m[1] if isinstance(m, tuple) else m.name for m in self._metrics)]

    # -- inside ------------------------------------------------------------------------------

    def _callbacks(self, given: Any, params: dict[str, Any], history: bool = True) -> Any:
        """The user's callbacks, then (in fit) a new History."""
        return callbacks_module.CallbackList(given, add_history=history, model=self, params=params)


def _metric_list(given: Any, argument: str) -> list[Any]:
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


def _positive(value: Any, name: str, zero: bool = False) -> None:
    if value is None:
        return
    if not is_integer(value) or value < (0 if zero else 1):
        raise ValueError(f"{name} must be a positive integer, got {value!r}")


def _shuffle(value: Any, source: Any) -> Any:
    if value not in (True, False, "batch"):
        raise ValueError(f"shuffle must be True, False or 'batch', got {value!r}")
    if isinstance(source, Generator):
        return False
    return value


def _due(epoch: int, frequency: Any) -> bool:
    if is_integer(frequency):
        return bool((epoch + 1) % frequency == 0)
    return epoch + 1 in frequency


def _take(generator: Iterator[Any], steps: int | None) -> Iterator[Any]:
    for i, item in enumerate(generator):
        if i == steps:
            return
        yield item
