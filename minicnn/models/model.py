"""A model: a layer made of layers, which can be compiled, trained, used and saved."""

import copy
import itertools
import math
import os
import random
import threading
import warnings
from collections.abc import Sequence
from types import GeneratorType
from typing import Any

import numpy as np

from minicnn import backends, config, metrics, optimizers, saving
from minicnn import callbacks as callbacks_module
from minicnn.backends.context import Context
from minicnn.backends.spec import Array
from minicnn.engine import checks, loop
from minicnn.engine.arrays import host_array
from minicnn.engine.data import Arrays, Generator, Rows, resolve_batch_size
from minicnn.engine.geometry import is_integer
from minicnn.engine.loop import NonFiniteError, first_non_finite
from minicnn.engine.parameters import Parameter, assign_all
from minicnn.engine.plan import lower
from minicnn.engine.stages import Stage
from minicnn.engine.step import Executor, Step
from minicnn.engine.summary import summary
from minicnn.engine.threads import OneThread, alone
from minicnn.layers.arguments import Shape, SymbolicTensor
from minicnn.layers.base import Layer
from minicnn.layers.core import InputLayer
from minicnn.models.trainer import Trainer, split

Path = str | os.PathLike[str]
_BUILDING = threading.RLock()  # held while the first call of a deferred model builds it


class Model(Layer):
    """A layer made of layers; how they hang together is the subclass's business.

    Attributes:
        compiled: whether ``compile`` has been called.
        optimizer, loss: the optimizer, and the loss as it was given; None before.
        history: the ``History`` of the last ``fit``.
        stop_training: a callback sets it to end ``fit``.
        shuffle_seed: each epoch's shuffle is drawn from it and the number of updates so far.
        one_thread: held by the thread that trains or evaluates.
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
        self._layers: list[Layer] = []
        self._input_layer: InputLayer | None = None  # None while the shape is unknown
        self._executor: Executor | None = None
        self._trainer: Trainer | None = None  # what ``compile`` makes
        self.compiled = False
        self.optimizer: Any = None
        self.loss: Any = None
        self.compile_arguments: dict[str, Any] = {}  # loss and metrics, for a saved file
        self.stop_training = False
        self.history: Any = None
        self.shuffle_seed = random.randrange(2**32)
        self.one_thread = OneThread()

    # -- what is in it -----------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, without the input layer."""
        return list(self._layers)

    @layers.setter
    def layers(self, value: object) -> None:
        raise AttributeError(
            "`Sequential.layers` attribute is reserved and should not be used. "
            "Use `add()` and `pop()` to change the layers in this model."
        )

    @property
    def parameters(self) -> list[Parameter]:
        """Every weight, layer by layer."""
        return [p for layer in self._layers for p in layer.parameters]

    @property
    def weights(self) -> list[Parameter]:
        """Layer by layer; inside a layer the trainable ones first (Keras's order)."""
        return [p for layer in self._layers for p in layer.weights]

    @property
    def trainable(self) -> bool:
        """Whether training may change the weights; setting it sets every layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self._layers:
            layer.trainable = value

    @property
    def input_shape(self) -> Shape:
        """With the batch axis; AttributeError while it is unknown."""
        if self._input_layer is None:
            raise AttributeError(f"model {self.name!r} has no defined input shape yet")
        return self._input_layer.batch_shape

    @property
    def output_shape(self) -> Shape:
        """With the batch axis; AttributeError while it is unknown."""
        return self.compute_output_shape(self.input_shape)

    @property
    def input(self) -> SymbolicTensor:
        return SymbolicTensor(self.input_shape, self.dtype, "input")

    @property
    def output(self) -> SymbolicTensor:
        return SymbolicTensor(self.output_shape, self.dtype, "output")

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic input, in a list."""
        return [self.input]

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic output, in a list."""
        return [self.output]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by name or by index.

        Raises:
            ValueError: there is none, or both or neither were given.
        """
        if (name is None) == (index is None):
            raise ValueError("Provide either a layer name or a layer index to `get_layer`.")
        if index is not None:
            if not -len(self._layers) <= index < len(self._layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has "
                    f"{len(self._layers)} layers."
                )
            return self._layers[index]
        for layer in self._layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self._layers]
        raise ValueError(f"No such layer: {name}. Existing layers are: {names}.")

    def count_params(self) -> int:
        """Number of scalars in all weights.

        Raises:
            ValueError: the model is not built.
        """
        if not self.built and self._layers:
            raise ValueError(
                f"You tried to call `count_params` on layer {self.name!r}, but the layer isn't "
                "built. Call `build(input_shape)` first, or give the model an Input"
            )
        return sum(p.size for p in self.weights)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Copy arrays, in the order of ``weights``, into place: all or none.

        Raises:
            ValueError: the number or a shape differs.
        """
        assign_all(f"model {self.name!r}", self.weights, weights)

    def summary(self, *args: Any, **kwargs: Any) -> None:
        """Print a table of the layers; arguments as in ``minicnn.engine.summary.summary``."""
        summary(self, *args, **kwargs)

    # -- running -----------------------------------------------------------------------------

    def stages(self) -> list[Stage]:
        """The stages of all layers in order."""
        return lower(self._layers)

    def executor(self) -> Executor:
        """The model on its backend; made when first needed.

        It is made again when a model that shares layers with this one has taken their weights.
        """
        executor = self._executor
        if executor is not None and executor.store.holds():
            return executor
        ops = backends.get(config.backend()) if executor is None else executor.ops
        with ops.running():  # two threads may need it at once
            if self._executor is executor:
                made = Executor(self.stages(), self.parameters, ops, self.dtype)
                if executor is not None:
                    made.steps_done = executor.steps_done
                self._executor = made
            assert self._executor is not None
            return self._executor

    def __call__(self, x: Any, training: bool = False) -> np.ndarray:
        """Run the model on an array and return an array (inference unless ``training``)."""
        array = self.checked_inputs(host_array(x, "x", self.dtype))
        executor = self.executor()
        with executor.ops.running():
            y = executor.plan.forward(executor.ops.asarray(array), training)
            if training:
                executor.plan.commit()
            return executor.ops.to_numpy(y).copy()

    call = __call__

    def forward(self, ctx: Context, x: Array) -> Array:
        raise TypeError(
            f"model {self.name!r} is run stage by stage; call model(x), or add it to a Sequential"
        )

    def checked_inputs(self, x: Any) -> np.ndarray:
        """``x`` as an array that fits; a deferred model is built for its shape."""
        if not self._layers:
            raise ValueError(f"model {self.name!r} has no layers; add some first")
        with _BUILDING:
            if self._input_layer is None:
                array = checks.inputs(x, self.name, None)
                self.build((None, *array.shape[1:]))
        return checks.inputs(x, self.name, self.input_shape)

    # -- compile -----------------------------------------------------------------------------

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, loss_weights: Any = None,
        metrics: Any = None, weighted_metrics: Any = None, run_eagerly: bool = False,
        steps_per_execution: int = 1, jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
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
        made = optimizers.get(optimizer)
        self._trainer = Trainer(loss, metrics, weighted_metrics)
        self.optimizer, self.loss, self.compiled = made, loss, True
        given = {"loss": loss, "metrics": metrics, "weighted_metrics": weighted_metrics}
        self.compile_arguments = given

    @property
    def metrics(self) -> list[Any]:
        """The metric objects that are known by now."""
        trainer = self._trainer
        listed = [] if trainer is None else [*trainer.metrics, *trainer.weighted_metrics]
        return [metric for metric in listed if isinstance(metric, metrics.Metric)]

    @property
    def metrics_names(self) -> list[str]:
        """ "loss", then the names of the metrics."""
        listed = [] if self._trainer is None else self._trainer.metrics
        return ["loss", *(m[1] if isinstance(m, tuple) else m.name for m in listed)]

    # -- fit, evaluate, predict --------------------------------------------------------------

    @alone
    def fit(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, epochs: int = 1,
        verbose: int | str = "auto", callbacks: Any = None, validation_split: float = 0.0,
        validation_data: Any = None, shuffle: bool | str = True, class_weight: Any = None,
        sample_weight: Any = None, initial_epoch: int = 0, steps_per_epoch: int | None = None,
        validation_steps: int | None = None, validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> Any:  # fmt: skip
        """Train the model.

        Args:
            x, y: samples and targets, arrays of N rows; or x a generator of (x, y[, weights]).
            batch_size: samples a step; 32 by default. A smaller last batch trains too.
            epochs: passes over the data; with ``initial_epoch`` the epoch number to stop at.
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
        trainer = self._require_compiled()
        _positive(epochs, "epochs", zero=True)
        _positive(steps_per_epoch, "steps_per_epoch")
        _positive(validation_steps, "validation_steps")
        checks.batch_size(batch_size)
        checks.batch_size(validation_batch_size)
        if validation_split and validation_data is None:
            x, y, sample_weight, validation_data = split(x, y, sample_weight, validation_split)
        source = trainer.source(
            self, x, y, sample_weight, class_weight, batch_size, steps_per_epoch, "train"
        )
        step = trainer.step(self)
        self._warn_if_frozen()
        if shuffle not in (True, False, "batch"):
            raise ValueError(f"shuffle must be True, False or 'batch', got {shuffle!r}")
        shuffle = False if isinstance(source, Generator) else shuffle
        feeder = trainer.feeder(self, source, steps_per_epoch, shuffle)
        validation = None
        if validation_data is not None:
            size = validation_batch_size or batch_size
            validation = trainer.validation(self, validation_data, size, validation_steps)
        listed = self._callbacks(callbacks, verbose, epochs, feeder.target, add_history=True)

        def validate(epoch: int) -> dict[str, float] | None:
            if validation is None:
                return None
            last, freq = epoch + 1, validation_freq
            due = last % freq == 0 if is_integer(freq) else last in freq
            return loop.evaluate(step, validation(), listed, verbose=0) if due else None

        self.stop_training, step.feeder = False, feeder
        wanted = range(initial_epoch, epochs)
        try:
            loop.fit(self, step, feeder, listed, wanted, verbose, validate)
        finally:
            step.feeder = None
        return self.history

    @alone
    def evaluate(
        self, x: Any = None, y: Any = None, batch_size: int | None = None,
        verbose: int | str = "auto", sample_weight: Any = None, steps: int | None = None,
        callbacks: Any = None, return_dict: bool = False, **kwargs: Any,
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
        trainer = self._require_compiled()
        _positive(steps, "steps")
        source = trainer.source(self, x, y, sample_weight, None, batch_size, steps, "evaluate")
        step = trainer.step(self)
        feeder = trainer.feeder(self, source, steps)
        listed = self._callbacks(callbacks, verbose, 1, feeder.target)
        return _results(loop.evaluate(step, feeder, listed, verbose), return_dict)

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: int | str = "auto",
        steps: int | None = None, callbacks: Any = None,
    ) -> np.ndarray:  # fmt: skip
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
            items = itertools.islice(x, steps)
            parts = [item[0] if isinstance(item, tuple) else item for item in items]
            return np.concatenate([self.predict(part, len(part), 0) for part in parts])
        array = self.checked_inputs(x)
        executor = self.executor()
        size = resolve_batch_size(batch_size, len(array), steps)
        data = Arrays(array, None, None, size, executor, "predict")
        listed = self._callbacks(callbacks, verbose, 1, data.batches)
        numbers = sum(math.prod(d or 1 for d in layer.output.shape) for layer in self._layers)
        at_once = executor.plan.samples_at_once(size, numbers)
        return loop.predict(executor, data, steps, at_once, listed, verbose)

    # -- one batch ---------------------------------------------------------------------------

    @alone
    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:  # fmt: skip
        """One step on one batch; the loss and metrics are those before the update."""
        rows, step = self._one_batch(x, y, sample_weight, class_weight)
        self._warn_if_frozen()
        step.train(rows)
        logs = step.logs()
        if step.refused:
            where = first_non_finite(step, self.stages(), rows)
            raise NonFiniteError(
                f"train_on_batch: the loss is not a finite number. The first array that is not "
                f"finite is {where}. The weights are unchanged"
            )
        return _results(logs, return_dict)

    @alone
    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics of one batch, in inference mode."""
        rows, step = self._one_batch(x, y, sample_weight, None)
        step.test(rows)
        return _results(step.logs(), return_dict)

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """The model's outputs for one batch, a NumPy array."""
        return self(x)

    def reset_metrics(self) -> None:
        """Start the running means again."""
        if self._trainer is not None and self._trainer.made is not None:
            self._trainer.made.reset()

    # -- files and copies --------------------------------------------------------------------

    def save(
        self, filepath: Path, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
    ) -> None:
        """Write the whole model to a ``.keras`` file: see :func:`minicnn.saving.save_model`."""
        saving.save_model(self, filepath, overwrite, zipped, **kwargs)

    def save_weights(self, filepath: Path, overwrite: bool = True) -> None:
        """Write the weights to a ``.weights.h5`` file: see :func:`minicnn.saving.save_weights`."""
        saving.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Path, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Take the weights of a file: see :func:`minicnn.saving.load_weights`."""
        saving.load_weights(self, filepath, skip_mismatch, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """The model without its weights as JSON; ``model_from_json`` reads it.

        Args:
            **kwargs: for ``json.dumps``, such as ``indent``.
        """
        return saving.to_json(self, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle holds: all but the memory a backend computes in."""
        state = {**vars(self), "_executor": None}
        if self._trainer is not None:
            trainer = state["_trainer"] = copy.copy(self._trainer)
            trainer.made = None
        if self.optimizer is not None and self.optimizer.built:
            state["optimizer"] = self.optimizer.unbuilt()
            moments = [v.numpy() for v in self.optimizer.variables]
            state["_resume"] = self.executor().steps_done, moments
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        resume = state.pop("_resume", None)
        vars(self).update(state)
        if resume is not None:
            executor = self.executor()
            executor.steps_done, moments = resume
            self.optimizer.build(executor.store, executor.ops)
            self.optimizer.set_weights(moments)

    # -- private -----------------------------------------------------------------------------

    def _require_compiled(self) -> Trainer:
        if self._trainer is None:
            raise ValueError("You must call `compile()` before using the model.")
        if self._trainer.loss is None:
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")
        return self._trainer

    def _warn_if_frozen(self) -> None:
        if not self.trainable_weights:
            warnings.warn(
                "The model does not have any trainable weights.", UserWarning, stacklevel=3
            )

    def _callbacks(
        self, given: Any, verbose: int | str, epochs: int, steps: int | None,
        add_history: bool = False,
    ) -> Any:  # fmt: skip
        """The user's callbacks, then (in fit) a new History."""
        params = {"verbose": verbose, "epochs": epochs, "steps": steps}
        return callbacks_module.CallbackList(given, add_history, model=self, params=params)

    def _one_batch(
        self, x: Any, y: Any, sample_weight: Any, class_weight: Any
    ) -> tuple[Rows, Step]:
        trainer = self._require_compiled()
        source = trainer.source(self, x, y, sample_weight, class_weight, len(x), None, "one batch")
        assert isinstance(source, Arrays)
        source.once = True
        step = trainer.step(self)
        step.reset()
        step.refresh()
        return next(source.epoch(False, np.random.default_rng(0))), step


def _positive(value: Any, name: str, zero: bool = False) -> None:
    if value is None:
        return
    if not is_integer(value) or value < (0 if zero else 1):
        raise ValueError(f"{name} must be a positive integer, got {value!r}")


def _results(logs: dict[str, float], return_dict: bool) -> Any:
    """What evaluate and the calls for one batch return: the loss, a list, or a dictionary."""
    if return_dict:
        return dict(sorted(logs.items()))
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
