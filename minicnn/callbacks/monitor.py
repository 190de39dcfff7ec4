"""Callbacks that watch one number of the logs: what "better" means, and what follows from it."""

import math
import operator
import warnings
from collections.abc import Callable

import numpy as np

from minicnn.callbacks.base import Callback, Logs, say
from minicnn.engine.totals import rounded
from minicnn.registry import suggestion


class MonitorCallback(Callback):
    """Base of the callbacks that compare ``logs[monitor]`` with the best value so far.

    Args:
        monitor: the name in the logs, such as "val_loss".
        mode: "min", "max", or "auto": the loss goes down, a metric has a direction of its own.
        baseline: the value to beat at first; None lets the first value count as the best.
        min_delta: the least change that counts as an improvement.
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None,
        min_delta: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor, self.mode = monitor, mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self.monitor_op: Callable[[float, float], bool] | None = None  # known with the metrics

    def _set_monitor_op(self) -> None:
        """Find out whether smaller or larger is better; the metrics exist after a first batch.

        Raises:
            ValueError: mode is "auto" and no metric of that name says so.
        """
        if self.monitor_op is not None:
            return
        mode = self.mode
        if mode == "auto":
            name = self.monitor.removeprefix("val_")
            known = {"loss": "down"}
            known |= {m.name: m.direction for m in getattr(self.model, "metrics", ())}
            mode = {"down": "min", "up": "max"}.get(known.get(name) or "", "auto")
        if mode == "auto":
            hint = "" if name in known else suggestion(name, known)
            raise ValueError(
                f"{type(self).__name__} callback received monitor={self.monitor}, but it cannot "
                f"be told whether that metric should be maximized or minimized{hint or '.'} Pass "
                "`mode='max'` in order to monitor based on the highest metric value, or pass "
                "`mode='min'` in order to use the lowest value. Metrics of this model: "
                + ", ".join(known)
            )
        self.monitor_op = operator.lt if mode == "min" else operator.gt

    def _is_improvement(self, value: float, reference: float | None) -> bool:
        """Whether ``value`` beats ``reference`` by more than ``min_delta``.

        Any value beats None, and any number beats NaN; NaN beats nothing else.
        """
        self._set_monitor_op()
        assert self.monitor_op is not None
        if reference is None:
            return True
        if math.isnan(reference):
            return not math.isnan(value)
        delta = self.min_delta if self.monitor_op is operator.lt else -self.min_delta
        return bool(self.monitor_op(value + delta, reference))


class EarlyStopping(MonitorCallback):
    """Ends training when ``monitor`` has not improved for ``patience`` epochs.

    Args:
        monitor, mode, min_delta: see :class:`MonitorCallback`.
        patience: epochs without improvement after which training ends; 0 and 1 are alike. The
            first epoch never ends it.
        verbose: 1 says so.
        baseline: patience is only renewed by values better than this, too.
        restore_best_weights: put the weights of the best epoch back when training ends, for
            whatever reason it ends.
        start_from_epoch: epochs before this one are not watched.

    Attributes:
        stopped_epoch: the epoch that ended training, 0 if none did.
        best, best_epoch, wait: the best value, its epoch, the epochs since.
    """

    kept = ("best", "best_epoch", "best_weights", "stopped_epoch", "wait")

    def __init__(
        self, monitor: str = "val_loss", min_delta: float = 0, patience: int = 0, verbose: int = 0,
        mode: str = "auto", baseline: float | None = None, restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._set_monitor_op()
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping", self.verbose)
        if self.restore_best_weights and self.best_weights is not None:
            message = "Restoring model weights from the end of the best epoch: "
            say(f"{message}{self.best_epoch + 1}.", self.verbose)
            self.model.set_weights(self.best_weights)

    def get_monitor_value(self, logs: Logs | None) -> float | None:
        """``logs[monitor]``, or None with a warning."""
        logs = logs or {}
        if logs.get(self.monitor) is None:
            warnings.warn(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs)}",
                stacklevel=2,
            )
        return logs.get(self.monitor)


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by ``factor`` when ``monitor`` has stopped improving.

    Adds "learning_rate", the rate used during the epoch, to the logs.

    Args:
        monitor, mode, min_delta: see :class:`MonitorCallback`.
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
        self, monitor: str = "val_loss", factor: float = 0.1, patience: int = 10, verbose: int = 0,
        mode: str = "auto", min_delta: float = 1e-4, cooldown: int = 0, min_lr: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(
                f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}"
            )
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.cooldown_counter = self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        # a schedule refuses to be set: better now than hours later, at the first plateau
        optimizer = self.model.optimizer
        optimizer.learning_rate = optimizer.learning_rate
        self.best = None
        self.cooldown_counter = self.wait = 0

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
        message = f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}."
        say(message, self.verbose)
        self.cooldown_counter = self.cooldown
        self.wait = 0
