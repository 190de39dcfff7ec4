"""Writing to the console, which never stops a training run, and the progress lines on it.

Hours of training are worth more than their progress lines, so whatever is wrong with the console
is met in ``write``: an encoding that lacks the characters (cp949, ASCII), no console at all, a
closed pipe, a full disk. The lines of fit, evaluate and predict are those of Keras, character for
character.

Running line: ``12/60 ━━━━━━━━━━━━━━━━━━━━ 2s 43ms/step - accuracy: 0.3000 - loss: 1.0856``, in
place, with the time that is left. Final line: the same with the time that it took. The line is
redrawn with backspaces and a carriage return on POSIX even into a file, as Keras does.
"""

import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import numpy as np

BAR_CELLS = 20
#: seconds between two redraws of the running line
REDRAW_INTERVAL = 0.05
#: what stands in for the characters of bars and tables on a console that cannot show them
_ASCII = str.maketrans(
    {"━": "=", "─": "-", "┃": "|", "│": "|", "…": "~"} | dict.fromkeys("┏┳┓┡╇┩├┼┤└┴┘", "+")
)


def write(text: str, stream: TextIO | None = None) -> None:
    """Write ``text`` and flush it; no newline is added.

    ``stream`` is by default whatever ``sys.stdout`` is at this moment, as notebooks and pytest
    replace it. Without a console (``sys.stdout`` is None, as under ``pythonw``) nothing is done.
    Characters that the stream cannot encode become ASCII.

    Warns:
        RuntimeWarning: the text could not be written (closed pipe or file, full disk); it is
            dropped, and the caller goes on.
    """
    stream = sys.stdout if stream is None else stream
    if stream is None:
        return
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = stream.encoding or "utf-8"
            stream.write(text.translate(_ASCII).encode(encoding, "replace").decode(encoding))
        stream.flush()
    except (OSError, ValueError) as error:  # ValueError: the file is closed
        # stacklevel 1: as from this one place, it appears once and not at every line
        warnings.warn(
            f"standard output cannot be written ({error}); going on without what it would show",
            RuntimeWarning,
            stacklevel=1,
        )


class Progress:
    """Prints how far one epoch, evaluation or prediction has come.

    Make one at the start of each epoch: its clock starts then. ::

        with Progress(target=60, verbose=1) as progress:
            progress.epoch_header(epoch, epochs)
            for step in range(60):
                ...
                if progress.due(step + 1):
                    progress.update(step + 1, running_totals())
            progress.finish(60, logs)

    When an error or Ctrl-C ends the block, the running line is ended too, so that what is printed
    next has a line of its own.

    Args:
        target: number of steps, or None when nobody knows it yet, as with a generator.
            ``finish`` then sets it to the steps that were counted; pass it on to the next epoch.
        verbose: 0 prints nothing, 1 or "auto" a bar, 2 one line at the end. Any other value
            prints the epoch's header alone, as in Keras.
        stream: where to print; by default ``sys.stdout``, looked up at each print.
        clock: returns seconds; only differences matter.

    Attributes:
        has_bar: whether anything is drawn before the end.
    """

    def __init__(
        self, target: int | None, verbose: int | str = 1, stream: TextIO | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:  # fmt: skip
        self.target = target
        self.verbose = 1 if verbose == "auto" else verbose
        self.has_bar = self.verbose == 1
        self._stream = stream
        self._clock = clock
        self._start = clock()
        self._first_step_end: float | None = None
        self._last_draw = float("-inf")
        self._logs: dict[str, Any] = {}  # in order of first appearance
        self._width = 0  # of the line on screen
        self._line_open = False
        self._in_place = _can_redraw(sys.stdout if stream is None else stream)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        if self._line_open:
            self._line_open = False
            write("\n", self._stream)

    def epoch_header(self, epoch: int, epochs: int) -> None:
        """Print ``Epoch 1/2`` for epoch 0 of 2; nothing when there is one epoch only."""
        if self.verbose and epochs > 1:
            write(f"Epoch {epoch + 1}/{epochs}\n", self._stream)

    def due(self, current: int) -> bool:
        """Whether ``update(current, ...)`` would draw now, so that totals are read only then.

        The first step is always due: its end is where the time per step begins to count, which
        leaves compilation out.
        """
        if not self.has_bar:
            return False
        return current == 1 or self._clock() - self._last_draw >= REDRAW_INTERVAL

    def update(self, current: int, logs: Mapping[str, Any] | None = None) -> None:
        """Redraw the running line after ``current`` steps, if it is :meth:`due`.

        Args:
            logs: the values so far, shown in their order. A name keeps the place, and without
                a new value the value, that it had on the line before.
        """
        if self.has_bar:
            self._logs.update(logs or {})
        if self.due(current):
            self._draw(current, final=False)

    def finish(self, current: int, logs: Mapping[str, Any] | None = None) -> None:
        """Print the final line, with the whole time and the ``logs`` of the epoch."""
        self._logs.update(logs or {})
        if self.target is None:
            self.target = current
        if self.has_bar:
            self._draw(current, final=True)
        elif self.verbose == 2 and self.target:
            now = self._clock()
            line = f"{self._count(current)} - {now - self._start:.0f}s - "
            line += step_time(self._seconds_per_step(current, now))
            for name, value in self._logs.items():
                # Keras compares without abs() here: negative values print in e-notation
                number = _number(value)
                line += f" - {name}: {number:{'.4f' if number > 1e-3 else '.4e'}}"
            write(line + "\n", self._stream)

    def _draw(self, current: int, final: bool) -> None:
        now = self._clock()
        per_step = self._seconds_per_step(current, now)
        if self.target:
            filled = int(BAR_CELLS * (current / self.target))
            green = f"\x1b[32m{'━' * filled}\x1b[0m" if filled else ""
            grey = f"\x1b[37m{'━' * (BAR_CELLS - filled)}\x1b[0m"
            line = f"\x1b[1m{self._count(current)}\x1b[0m {green}{grey}"
        else:
            line = f"{current:7d}/Unknown"
        if self.target and not final:
            seconds = time_left(per_step * (self.target - current))
        else:
            seconds = f"{now - self._start:.0f}s"
        line += f" \x1b[1m{seconds}\x1b[0m {step_time(per_step)}"
        for name, value in self._logs.items():
            number = _number(value)
            line += f" - {name}: {number:{'.4f' if abs(number) > 1e-3 else '.4e'}}"

        width = len(re.sub(r"\x1b\[\d+m", "", line))
        restart = "\b" * self._width + "\r" if self._in_place else "\n"
        rest_of_old_line = " " * (self._width - width)
        end = "\n" if final else ""
        write(restart + line + rest_of_old_line + end, self._stream)
        self._line_open = not final
        self._width = width
        self._last_draw = now

    def _count(self, current: int) -> str:
        return f"{current:{len(str(self.target))}d}/{self.target}"

    def _seconds_per_step(self, current: int, now: float) -> float:
        """Mean over the steps after the first, which compiles and is not like the others."""
        if current == 0:
            return 0.0
        if current == 1:
            self._first_step_end = now
        if current == 1 or self._first_step_end is None:
            return (now - self._start) / current
        return (now - self._first_step_end) / (current - 1)


def step_time(seconds: float) -> str:
    """``43ms/step``: in s from one second on, in ms from one millisecond on, else in us."""
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s/step"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms/step"
    return f"{seconds * 1e6:.0f}us/step"


def time_left(seconds: float) -> str:
    """``41:38:20`` above an hour, ``1:05`` above a minute, else ``12s``; rounded down."""
    whole = int(seconds)
    if seconds > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    if seconds > 60:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole}s"


def _number(value: Any) -> float:
    """A float; of an array, which a callback may log, its mean."""
    return value if isinstance(value, float) else float(np.mean(value))


def _can_redraw(stream: Any) -> bool:
    """Whether ``\\r`` and ``\\b`` move back on the line; only a Windows pipe says no."""
    if os.name == "posix" or "ipykernel" in sys.modules or "PYCHARM_HOSTED" in os.environ:
        return True
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # no console, or a closed one
        return False
