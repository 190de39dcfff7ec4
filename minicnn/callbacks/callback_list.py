"""Many callbacks called as one, in order."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

from minicnn.callbacks.backup import BackupAndRestore
from minicnn.callbacks.base import BATCH_HOOKS, EPOCH_HOOKS, HOOKS, Callback, History, Logs


class CallbackList(Callback):
    """Calls each hook of each callback, in the order of the list, with the same ``logs`` object.

    Epoch hooks are called as (epoch, logs), batch hooks as (batch, logs=logs).

    Args:
        callbacks: callbacks, or lists of them to any depth.
        add_history: append a :class:`History` unless there is one.
        model: handed to every callback.
        params, **further: handed to every callback as ``params``.

    Raises:
        TypeError: something in the list is not a callback.
    """

    def __init__(
        self, callbacks: object = None, add_history: bool = False, model: Any = None,
        params: dict[str, Any] | None = None, **further: object,
    ) -> None:  # fmt: skip
        super().__init__()
        self.callbacks: list[Callback] = list(_flatten(callbacks))
        self._history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if add_history and self._history is None:
            self._history = History()
            self.callbacks.append(self._history)
        self.callbacks.sort(key=lambda c: c.comes_last)  # the others keep their order
        self.set_params({**(params or {}), **further})
        if model is not None:
            self.set_model(model)

    def append(self, callback: Callback) -> None:
        """Add a callback at the end, with the model and params of the list."""
        (checked,) = _flatten(callback)
        if self.params:
            checked.set_params(self.params)
        if self.model is not None:
            checked.set_model(self.model)
        self.callbacks.append(checked)
        self.callbacks.sort(key=lambda c: c.comes_last)

    @property
    def wants_batches(self) -> bool:
        """Whether any callback overrides a batch hook; if not, the loop skips all of them."""
        return any(c.wants_batches for c in self.callbacks)

    def first_epoch(self, wanted: int) -> int:
        """Where training begins: at ``wanted``, or where a backup lets it go on."""
        return next((c.first_epoch for c in self._backups() if c.first_epoch is not None), wanted)

    def _backups(self) -> list[BackupAndRestore]:
        return [c for c in self.callbacks if isinstance(c, BackupAndRestore)]

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        if params:
            for c in self.callbacks:
                c.set_params(params)

    def set_model(self, model: Any) -> None:
        self.model = model
        if self._history is not None:
            model.history = self._history
        for c in self.callbacks:
            c.set_model(model)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        backups = self._backups()
        self.resumed = any(backup.exists() for backup in backups)
        for backup in backups:
            backup.others = [other for other in self.callbacks if other is not backup]
        for c in self.callbacks:
            c.resumed = self.resumed
            c.on_train_begin(logs)


def _of_each(hook: str) -> Callable[..., None]:
    """A hook of the list: this hook of each callback."""

    @functools.wraps(getattr(Callback, hook))
    def of_batch(self: CallbackList, batch: int, logs: Logs | None = None) -> None:
        for c in self.callbacks:
            getattr(c, hook)(batch, logs=logs)

    @functools.wraps(getattr(Callback, hook))
    def of_epoch(self: CallbackList, epoch: int, logs: Logs | None = None) -> None:
        for c in self.callbacks:
            getattr(c, hook)(epoch, logs)

    @functools.wraps(getattr(Callback, hook))
    def only_logs(self: CallbackList, logs: Logs | None = None) -> None:
        for c in self.callbacks:
            getattr(c, hook)(logs)

    return of_batch if hook in BATCH_HOOKS else of_epoch if hook in EPOCH_HOOKS else only_logs


for _hook in HOOKS:
    if _hook not in vars(CallbackList):
        setattr(CallbackList, _hook, _of_each(_hook))


def _flatten(callbacks: object) -> Iterator[Callback]:
    if callbacks is None:
        return
    if isinstance(callbacks, (list, tuple)):
        for item in callbacks:
            yield from _flatten(item)
    elif isinstance(callbacks, Callback):
        yield callbacks
    elif isinstance(callbacks, type) and issubclass(callbacks, Callback):
        raise TypeError(
            f"callbacks got the class {callbacks.__name__}; write {callbacks.__name__}(...) to "
            "make a callback"
        )
    else:
        raise TypeError(
            f"callbacks must be objects of minicnn.callbacks.Callback, got {callbacks!r} of type "
            f"{type(callbacks).__name__}"
        )
