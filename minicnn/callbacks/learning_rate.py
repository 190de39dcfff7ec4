"""Callbacks that set the learning rate from epoch to epoch."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn.callbacks.base import Callback, Logs, say
from minicnn.callbacks.monitor import MonitorCallback
from minicnn.engine.signatures import positional_count
from minicnn.engine.totals import rounded


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by ``factor`` when ``monitor`` has stopped improving.

    Adds "learning_rate", the rate used during the epoch, to the logs.

    Args:
        monitor, mode, min_delta: see :class:`~minicnn.callbacks.MonitorCallback`.
        factor: below 1.
        patience: epochs without improvement after which the rate falls.
        verbose: 1 says so.
        cooldown: epochs after a fall that do not count.
        min_lr: the rate never falls below this.

    Raises:
        ValueError: ``factor`` is 1 or more.
        TypeError: when training begins, if the optimizer's learning rate is a schedule.
    """

    kept = ("best", "cooldown_counter", "wait")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(
                f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}"
            )
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        # a schedule refuses to be set: better now than hours later, at the first plateau
        optimizer = self.model.optimizer
        optimizer.learning_rate = optimizer.learning_rate
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._set_monitor_op()
        logs = {} if logs is None else logs
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(
                f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not "
                f"available. Available metrics are: {','.join(logs)}.",
                stacklevel=2,
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def in_cooldown(self) -> bool:
        """Whether a recent fall is still being waited out."""
        return self.cooldown_counter > 0

    def _reduce(self, epoch: int) -> None:
        old = float(self.model.optimizer.learning_rate)
        if not old > rounded(self.min_lr):
            return
        new = max(old * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = new
        if self.verbose > 0:
            say(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.")
        self.cooldown_counter = self.cooldown
        self.wait = 0


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
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        arguments = (epoch, float(optimizer.learning_rate))
        rate: Any = self.schedule(*arguments[: positional_count(self.schedule, 2)])
        if not isinstance(rate, (float, np.float32)):  # np.float64 is a float
            raise ValueError(
                f"The output of the `schedule` function should be a float. Got: {rate!r}"
            )
        optimizer.learning_rate = rate
        if self.verbose > 0:
            say(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)
