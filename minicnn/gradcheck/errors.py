"""One clear message for a mistake in using the checker, with the user's own line."""

import inspect
import linecache
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_OWN = str(Path(__file__).parent.parent)  # the package
_ARRAYS = str(Path(np.__file__).parent)


class GradientCheckError(ValueError):
    """The check could not be done: what is missing or broken, with file, line and source line."""

    def __init__(self, message: str) -> None:
        super().__init__(message.rstrip())  # the line is empty where there is no source


def guarded(call: Callable[..., Any], what: str, *args: Any, **kwargs: Any) -> Any:
    """``call(*args, **kwargs)``; an exception in it becomes a :class:`GradientCheckError`.

    Args:
        what: names the call in the message, such as "backward of MyConv".
    """
    try:
        return call(*args, **kwargs)
    except GradientCheckError:
        raise
    except Exception as error:
        place = user_line(error, call)
        text = f"{what} raised {type(error).__name__}: {error}"
        raise GradientCheckError(f"{text}\n  {place}" if place else text) from None


def user_line(error: BaseException, call: Any = None) -> str:
    """ "file.py:31: dx = dy @ w": the innermost line of the traceback that the user wrote.

    Without such a line, where ``call`` is defined.
    """
    frames = [(f.filename, f.lineno or 0) for f in traceback.extract_tb(error.__traceback__)]
    mine = [f for f in frames if not _foreign(f[0])]
    if mine:
        return line_at(*mine[-1])
    return definition(call)


def definition(function: Any) -> str:
    """ "file.py:12: def forward(self, ctx, x):", or nothing when the source is not at hand."""
    function = inspect.unwrap(getattr(function, "__func__", function))
    code = getattr(function, "__code__", None)
    if code is None:
        try:
            return line_at(
                inspect.getsourcefile(function) or "", inspect.getsourcelines(function)[1]
            )
        except (OSError, TypeError):
            return ""
    first = code.co_firstlineno
    for number in range(first, first + 20):  # decorators stand above the def
        if linecache.getline(code.co_filename, number).lstrip().startswith(("def ", "class ")):
            return line_at(code.co_filename, number)
    return line_at(code.co_filename, first)


def line_at(filename: str, number: int) -> str:
    """ "file.py:12: the source line"; the path is shortened to the working directory."""
    if not filename:
        return ""
    text = linecache.getline(filename, number).strip()
    return f"{short_path(filename)}:{number}" + (f": {text}" if text else "")


def short_path(filename: str) -> str:
    """The path relative to the working directory where that is shorter; notebooks have none."""
    if "ipykernel_" in filename or filename.startswith("<ipython-input"):
        return "this cell"
    try:
        relative = os.path.relpath(filename)
    except ValueError:
        return filename
    return filename if relative.startswith("..") else relative


def _foreign(filename: str) -> bool:
    return (
        filename.startswith((_OWN, _ARRAYS, "<frozen", "<__array")) or "site-packages" in filename
    )
