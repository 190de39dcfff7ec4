"""Callbacks that write files while training goes on: the model, and the numbers of every epoch."""

import csv
import os
import warnings
from collections.abc import Iterable
from pathlib import Path

from minicnn.callbacks.base import Callback, Logs, say
from minicnn.callbacks.monitor import MonitorCallback


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, after each epoch or every so many batches.

    Args:
        filepath: ends in ".keras" or ".h5", or in ".weights.h5" with ``save_weights_only``. It may
            hold {epoch} (from 1), {batch} and any name of the logs, with a format:
            "model-{epoch:02d}-{val_loss:.2f}.keras". Folders are created.
        monitor, mode: what the best model is judged by, see
            :class:`~minicnn.callbacks.MonitorCallback`.
        verbose: 1 tells what is saved.
        save_best_only: save only when ``monitor`` improves.
        save_weights_only: save with ``model.save_weights`` instead of ``model.save``.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: with ``save_best_only``, the value to beat at first.

    Raises:
        ValueError: another ending, or an impossible ``save_freq``.
        KeyError: ``filepath`` names something that is not in the logs.
        IsADirectoryError: ``filepath`` is a folder.
    """

    kept = ("best", "_batches", "_epoch")

    def __init__(
        self, filepath: str | os.PathLike[str], monitor: str = "val_loss", verbose: int = 0,
        save_best_only: bool = False, save_weights_only: bool = False, mode: str = "auto",
        save_freq: str | int = "epoch", initial_value_threshold: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose, self.save_freq = verbose, save_freq
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self._batches = 0  # since the last save
        self._epoch = 0
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq >= 1):
            raise ValueError(
                f"Unrecognized save_freq: {save_freq}. Expected save_freq are 'epoch' or integer "
                "values, from 1"
            )
        if save_weights_only and not self.filepath.endswith(".weights.h5"):
            raise ValueError(
                "When using `save_weights_only=True` in `ModelCheckpoint`, the filepath provided "
                "must end in `.weights.h5` (Keras weights format). Received: "
                f"filepath={self.filepath}"
            )
        if not self.filepath.endswith((".keras", ".h5")):
            raise ValueError(
                "The filepath provided must end in `.keras` (Keras model format). Received: "
                f"filepath={self.filepath}"
            )

    @property
    def wants_batches(self) -> bool:
        """Only when batches are what is counted, or a subclass may have a use for them."""
        return self.save_freq != "epoch" or type(self) is not ModelCheckpoint

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches >= int(self.save_freq):
            self._batches = 0
            self._save(self._epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._set_monitor_op()  # a misspelt name is reported here, whether it is used or not
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        path = self._path(epoch, batch, logs)
        if not self._should_save(epoch, logs, path):
            return
        if Path(path).is_dir():
            raise IsADirectoryError(
                "Please specify a non-directory filepath for ModelCheckpoint. Filepath used is "
                f"an existing directory: {path}"
            )
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        say(f"\nEpoch {epoch + 1}: finished saving model to {path}", self.verbose)

    def _should_save(self, epoch: int, logs: Logs, path: str) -> bool:
        if not self.save_best_only:
            say(f"\nEpoch {epoch + 1}: saving model to {path}", self.verbose)
            return True
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(
                f"Can save best model only with {self.monitor} available. Available metrics are: "
                f"{','.join(logs)}. Saving this model as it is",
                stacklevel=2,
            )
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        what = f"\nEpoch {epoch + 1}: {self.monitor}"
        if not self._is_improvement(current, self.best):
            say(f"{what} did not improve from {best}", self.verbose)
            return False
        say(f"{what} improved from {best} to {current:.5f}, saving model to {path}", self.verbose)
        self.best = current
        return True

    def _path(self, epoch: int, batch: int | None, logs: Logs) -> str:
        names = {"epoch": epoch + 1, **logs}
        if batch is not None:
            names.setdefault("batch", batch + 1)
        try:
            return self.filepath.format(**names)
        except KeyError as error:
            raise KeyError(
                f'Failed to format this callback filepath: "{self.filepath}". Reason: {error}; '
                f"there are {', '.join(names)}"
            ) from None


class CSVLogger(Callback):
    """Writes "epoch" and the logs, one line an epoch, the names as a header.

    The names are those of the first epoch, in order. Where no validation ran then, columns
    "val_..." are there all the same; what is missing in an epoch is "NA". Lines end in CR LF, and
    each is in the file as soon as its epoch ends.

    Args:
        filename: the file; it is emptied when training begins, unless ``append``.
        separator: between two columns.
        append: add to a file that exists; its header is not repeated.
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep, self.append = separator, append
        self.keys: list[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.keys = None
        keep = self.append or self.resumed
        with open(self.filename, "a" if keep else "w", encoding="utf-8"):
            pass  # a file that cannot be written is noticed before the first epoch, not after

    def get_state(self) -> Logs:
        return {"keys": self.keys, "size": os.path.getsize(self.filename)}

    def set_state(self, state: Logs) -> None:
        """Go on behind the lines of the backup; those of later epochs will come again."""
        if os.path.getsize(self.filename) >= state["size"]:
            self.keys = state["keys"]
            os.truncate(self.filename, state["size"])
        else:
            warnings.warn(
                f"{self.filename} is shorter than when the backup was made: it was changed or "
                "removed, and the epochs from here on are added to it",
                stacklevel=2,
            )

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        first = self.keys is None
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        if late := sorted(logs.keys() - set(self.keys)):
            warnings.warn(
                f"CSVLogger leaves out {', '.join(late)}: the header of {self.filename} was "
                "written without",
                stacklevel=2,
            )
        # opened for each line, so that nothing stays open when training fails
        with open(self.filename, "a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=self.sep)
            if first and file.tell() == 0:
                writer.writerow(["epoch", *self.keys])
            writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])


def _cell(value: object) -> object:
    is_scalar = isinstance(value, str) or getattr(value, "ndim", None) == 0
    if isinstance(value, Iterable) and not is_scalar:
        return f'"[{", ".join(map(str, value))}]"'
    return value
