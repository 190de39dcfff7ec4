"""The numbers of every epoch as lines of a CSV file."""

import csv
import os
import warnings
from collections.abc import Iterable
from typing import Any

from minicnn.callbacks.base import Callback, Logs


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
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.keys = None
        keep = self.append or self.resumed
        with open(self.filename, "a" if keep else "w", encoding="utf-8"):
            pass  # a file that cannot be written is noticed before the first epoch, not after

    def get_state(self) -> dict[str, Any]:
        return {"keys": self.keys, "size": os.path.getsize(self.filename)}

    def set_state(self, state: dict[str, Any]) -> None:
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


def _cell(value: Any) -> Any:
    is_scalar = isinstance(value, str) or getattr(value, "ndim", None) == 0
    if isinstance(value, Iterable) and not is_scalar:
        return f'"[{", ".join(map(str, value))}]"'
    return value
