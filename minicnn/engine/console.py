"""Writing to standard output so that the console can never stop a training run.

Hours of training are worth more than their progress lines, so whatever is wrong with the console
is met here: an encoding that lacks the characters (cp949, ASCII), no console at all, a closed
pipe, a full disk.
"""

import sys
import warnings
from typing import TextIO

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
