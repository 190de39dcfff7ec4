"""The hooks that training calls, and the callbacks that are little more than a hook."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn.engine import console
from minicnn.engine.arrays import positional_count
from minicnn.registry import suggestion

Logs = dict[str, Any]
Hook = Callable[..., object] | None


class Callback:
    """Base: override the hooks you need.

    ``logs`` maps names to numbers, such as {"accuracy": 0.9, "loss": 0.3}; at the beginning of
    something it is empty. Epochs and batches count from 0. A key that you add to ``logs`` in
    ``on_epoch_end`` appears in the history and on the progress line. Setting
    ``self.model.stop_training = True`` ends training after the batch and its epoch's end.

    An error or Ctrl-C in a hook, or anywhere in training, ends ``fit`` at once: no further hook is
    called, ``on_train_end`` neither. The model stays usable, with the weights of a whole step, and
    ``model.history`` holds the epochs that were finished.

    Attributes:
        model: the model that is trained.
        params: {"verbose": ..., "epochs": ..., "steps": ...}.
        resumed: whether training goes on from a backup (see ``BackupAndRestore``).
        kept: names of the attributes that a training which goes on elsewhere needs, such as a best
            value so far: numbers, texts, None, arrays, and lists and dictionaries of them.
    """

    resumed = False
    kept: tuple[str, ...] = ()
    #: called after all the others, which have done their part then
    comes_last = False

    def __init__(self) -> None:
        self.params: dict[str, Any] | None = None
        self.model: Any = None

    def set_params(self, params: dict[str, Any]) -> None:
        """Called before training with the arguments of ``fit`` that callbacks may want."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Called before training with the model."""
        self.model = model

    @property
    def wants_batches(self) -> bool:
        """Whether a batch hook is overridden: if none is, batches pass without a call."""
        return any(
            hook in vars(self) or getattr(type(self), hook) is not getattr(Callback, hook)
            for hook in BATCH_HOOKS
        )

    def get_state(self) -> dict[str, Any]:
        """What a backup holds of this callback."""
        return {name: getattr(self, name) for name in self.kept}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what ``get_state`` returned; called after ``on_train_begin``."""
        for name in self.kept:
            setattr(self, name, state[name])

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch of training."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch and its validation, whose results have names that start with "val_"."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Once, before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Once, after the last epoch, with that epoch's logs; not after an error or Ctrl-C."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation or validation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation or validation."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After a prediction."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a training batch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a training batch, with the running means of the epoch."""
        self.on_batch_end(batch, logs=logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Older name of ``on_train_batch_begin``, which calls it."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Older name of ``on_train_batch_end``, which calls it."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of an evaluation or validation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of an evaluation or validation."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of a prediction, with {"outputs": its result}."""


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))
BATCH_HOOKS = tuple(hook for hook in HOOKS if "_batch_" in hook)
EPOCH_HOOKS = ("on_epoch_begin", "on_epoch_end")


class History(Callback):
    """What ``fit`` returns: the numbers of every epoch.

    Attributes:
        history: name -> one number an epoch, as {"loss": [0.9, 0.5], "val_loss": [0.8, 0.6]}.
        epoch: the epochs, from 0.
        params, model: as for every callback.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self


class LambdaCallback(Callback):
    """A callback made of functions: each argument is called at the hook of its name.

    Epoch hooks are called as f(epoch, logs), batch hooks as f(batch, logs=logs), the others as
    f(logs)::

        LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))

    Raises:
        ValueError: an argument that is no hook, or that cannot be called.
    """

    def __init__(
        self, on_epoch_begin: Hook = None, on_epoch_end: Hook = None, on_train_begin: Hook = None,
        on_train_end: Hook = None, on_train_batch_begin: Hook = None,
        on_train_batch_end: Hook = None, **kwargs: Hook,
    ) -> None:  # fmt: skip
        super().__init__()
        given = kwargs | {
            "on_epoch_begin": on_epoch_begin, "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin, "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin, "on_train_batch_end": on_train_batch_end,
        }  # fmt: skip
        for hook, function in given.items():
            if hook not in HOOKS:
                raise ValueError(f"LambdaCallback: {hook!r} is no hook{suggestion(hook, HOOKS)}")
            if function is None:
                continue
            if not callable(function):
                raise ValueError(f"LambdaCallback: {hook} must be a function, got {function!r}")
            setattr(self, hook, function)


class TerminateOnNaN(Callback):
    """Stops training when the loss is NaN or infinite.

    Args:
        raise_error: raise instead of ending training in an orderly way.

    Raises:
        RuntimeError: with ``raise_error``, at the batch.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. "
                "Terminating training immediately."
            )
        say(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch.

    Adds "learning_rate", the rate used during the epoch, to the logs.

    Args:
        schedule: called as schedule(epoch, current rate), or schedule(epoch) if it takes one
            argument; returns the new rate, a float. Epochs count from 0.
        verbose: 1 prints the rate of each epoch.

    Raises:
        ValueError: ``schedule`` returned something else than a float.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        arguments = (epoch, float(optimizer.learning_rate))
        rate: object = self.schedule(*arguments[: positional_count(self.schedule, 2)])
        if not isinstance(rate, (float, np.float32)):  # np.float64 is a float
            raise ValueError(
                f"The output of the `schedule` function should be a float. Got: {rate!r}"
            )
        optimizer.learning_rate = rate
        message = f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}."
        say(message, self.verbose)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def say(message: str, verbose: int = 1) -> None:
    """Print a line if ``verbose``."""
    if verbose > 0:
        console.write(message + "\n")
