"""Training that goes on where it was killed."""

import contextlib
import os
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from minicnn.callbacks.base import Callback, Logs
from minicnn.saving.backup import read_backup, write_backup

FILE = "latest.weights.h5"
#: what a backup holds beside the model
_STATE: dict[str, type | tuple[type, ...]] = {
    "epoch": (int, type(None)), "stopped": bool, "within": bool, "position": dict, "totals": list,
    "history": dict, "epochs": list, "callbacks": list,
}  # fmt: skip


class BackupAndRestore(Callback):
    """Lets a training that was killed go on: run the same program again.

    Weights, state of the optimizer, seeds, place in the shuffled data and the state of the other
    callbacks (``Callback.kept``) are written to one file when training begins and after each epoch,
    or every so many batches. ``fit`` finds the file, goes on from there, and removes it at its
    end. The weights are then bit for bit those of a training that was never stopped, on the
    same machine and backend, with the same data, arguments and callbacks.

    The file replaces its predecessor in one move; whatever is killed when, one of them is there. It
    can be read with ``model.load_weights``. Where batches come from a generator, those that were
    used are drawn again and dropped. ``History`` holds the epochs of its own ``fit``, as in Keras;
    all of them are in ``history`` here.

    Args:
        backup_dir: folder, used by one training alone; it is made if it is not there.
        save_freq: "epoch", or a number of batches.
        double_checkpoint: Keras programs pass it; one file that is always whole is enough.
        delete_checkpoint: False leaves the backup when training has ended; ``fit`` will then find
            nothing to do until it is removed or ``epochs`` grows.

    Attributes:
        history, epoch: as in ``History``, of all epochs since the first, those before a restart
            included.
        first_epoch: where this training goes on; None if it is a new one.

    Raises:
        ValueError: an empty ``backup_dir`` or impossible ``save_freq``; in ``fit``, a backup that
            is damaged or does not fit the model or its optimizer.
        TypeError: in ``fit``, a callback keeps something that no file can hold.
        OSError: in ``fit``, the backup cannot be written.
    """

    comes_last = True

    def __init__(
        self, backup_dir: str | os.PathLike[str], save_freq: str | int = "epoch",
        double_checkpoint: bool = False, delete_checkpoint: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if not os.fspath(backup_dir):
            raise ValueError("Empty `backup_dir` argument passed")
        is_number = isinstance(save_freq, int) and not isinstance(save_freq, bool)
        if save_freq != "epoch" and not (is_number and int(save_freq) >= 1):
            raise ValueError(
                "Invalid value for argument `save_freq`. Received: "
                f"save_freq={save_freq}. Expected either 'epoch' or an integer value, from 1"
            )
        self.backup_dir, self.save_freq = Path(backup_dir), save_freq
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self.others: list[Callback] = []  # set by the list that this one is in
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.first_epoch: int | None = None
        self._path = self.backup_dir / FILE
        self._epoch: int | None = None  # under way
        self._batches = 0  # since the last backup
        self._within = False  # whether the backup was made in the midst of an epoch

    def exists(self) -> bool:
        """Whether there is a backup to go on from."""
        return self._path.exists()

    @property
    def wants_batches(self) -> bool:
        """Only when batches are what is counted."""
        return self.save_freq != "epoch" or type(self) is not BackupAndRestore

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.history, self.epoch, self.first_epoch, self._batches = {}, [], None, 0
        if self.exists():
            self._restore()
        else:
            self._save(None)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self._within and epoch == self.first_epoch:
            self._restore()  # again: what a callback does when an epoch begins was done back then
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches >= int(self.save_freq) and not self.model.stop_training:
            self._save(self._epoch, within=True)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        if self.save_freq == "epoch" or self.model.stop_training:
            self._save(epoch + 1)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint:
            self.remove()

    def remove(self) -> None:
        """Remove the backup, and its folder unless there is more in it."""
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.backup_dir.rmdir()

    def _save(self, epoch: int | None, within: bool = False) -> None:
        """Write all; training goes on with ``epoch``, in its midst if ``within``."""
        step = self.model._trainer.made
        self._batches = 0
        position = step.feeder.position()
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        write_backup(self.model, os.fspath(self._path), {
            "epoch": epoch,
            "stopped": bool(self.model.stop_training),
            "within": within,
            "position": position if within else {**position, "done": 0},
            "totals": step.totals.state() if within else [],
            "history": self.history,
            "epochs": self.epoch,
            "callbacks": [[name, c.get_state()] for name, c in self._named()],
        })  # fmt: skip

    def _restore(self) -> None:
        step = self.model._trainer.made
        state = read_backup(self.model, os.fspath(self._path), _STATE)
        if state["epoch"] is not None:
            last = int((self.params or {}).get("epochs") or 0)
            self.first_epoch = last if state["stopped"] else state["epoch"]
        self.history, self.epoch, self._within = state["history"], state["epochs"], state["within"]
        step.feeder.resume(**state["position"])
        if self._within:
            step.resume(state["totals"], state["position"]["done"])
        states = dict(state["callbacks"])
        for name, callback in self._named():
            if name in states:
                callback.set_state(states.pop(name))
            else:
                states[name] = None
        if states:
            warnings.warn(
                f"the backup in {self.backup_dir} was made with other callbacks; it is not used "
                f"for, or has nothing of, {', '.join(sorted(states))}",
                stacklevel=2,
            )

    def _named(self) -> list[tuple[str, Callback]]:
        """The callbacks that keep something, by class and number: EarlyStopping 1."""
        counts: Counter[str] = Counter()
        named = []
        for callback in self.others:
            name = type(callback).__name__
            counts[name] += 1
            if type(callback).get_state is not Callback.get_state or callback.kept:
                named.append((f"{name} {counts[name]}", callback))
        return named
