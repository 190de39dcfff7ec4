"""Exercises of the tutorials: checks that say what is wrong and where, and hints.

    from minicnn.exercises import check, hint

    def my_im2col(x, window, strides):
        ...

    check(my_im2col)       # which property holds, which fails, at which index
    hint("im2col")         # the first hint; hint("im2col", 2) tells more

A check calls the function with small arrays, offline, and never raises because of the function: an
exception, a forgotten return, a wrong shape or dtype and a changed argument each get a message. A
function that never ends is the one thing it cannot stop: interrupt the kernel (or press Ctrl-C).

The exercises of a chapter are the functions of ``chapterNN.py`` that ``@exercise`` makes ones.
"""

import difflib
import functools
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any

from minicnn.exercises.exercise import Attempt, Exercise, Mistake, Result

__all__ = ["check", "examine", "hint", "names", "show_source"]


def check(function: Callable[..., object], name: str | None = None) -> None:
    """Check an exercise and print what was found: each property, or the first that fails.

    Args:
        function: the function itself, not its result; ``my_im2col`` answers the exercise "im2col".
        name: of the exercise, where the function is called otherwise.

    Raises:
        ValueError: no exercise has that name.
    """
    print(examine(function, name).message)


def examine(function: Callable[..., object], name: str | None = None) -> Result:
    """The same for programs: a :class:`Result`, with the arguments of the call that failed.

    Raises:
        ValueError: no exercise has that name.
    """
    exercise = find(name if name is not None else _name_of(function))
    attempt = Attempt(function, f"my_{exercise.name}")
    try:
        exercise.verify(attempt)
    except Mistake as mistake:
        lines = [f"✗ {attempt.label}: {mistake.headline}"]
        lines += ["", *mistake.details] if mistake.details else []
        holding = [text for text in attempt.holding if text != mistake.property]
        if holding:
            lines += ["", f"Holds so far: {'; '.join(holding)}."]
        lines += ["", f'Stuck? hint("{exercise.name}") helps.']
        return Result(False, "\n".join(lines), holding, mistake.property, attempt.arguments)
    lines = [f"✓ {attempt.label} is right. What was checked:"]
    lines += [f"  • {text}" for text in attempt.holding]
    return Result(True, "\n".join(lines), attempt.holding)


def hint(name: str, level: int = 1) -> None:
    """Print one hint for an exercise; a higher ``level`` tells more.

    Raises:
        ValueError: no exercise has that name, or it has fewer hints.
    """
    exercise = find(name)
    if not 1 <= level <= len(exercise.hints):
        raise ValueError(f"{name!r} has hints 1 to {len(exercise.hints)}, got {level}")
    more = f"\n(More: hint({name!r}, {level + 1}))" if level < len(exercise.hints) else ""
    print(f"{exercise.signature}\n{exercise.hints[level - 1]}{more}")


def names(chapter: int | None = None) -> list[str]:
    """The names of all exercises, or of one chapter's."""
    return [e.name for e in all_exercises().values() if chapter in (None, e.chapter)]


def find(name: str) -> Exercise:
    """The exercise of this name.

    Raises:
        ValueError: there is none; the message names the nearest.
    """
    if name in all_exercises():
        return all_exercises()[name]
    near = difflib.get_close_matches(name, names(), n=1)
    guess = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names())}"
    raise ValueError(f"no exercise is called {name!r}; {guess}")


@functools.cache
def all_exercises() -> dict[str, Exercise]:
    """Every exercise by its name, in the order of the chapters and, in each, of the alphabet.

    Raises:
        RuntimeError: two exercises have the same name.
    """
    found: dict[str, Exercise] = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("chapter"):
            continue
        chapter = importlib.import_module(f"{__name__}.{module.name}")
        for name, thing in sorted(vars(chapter).items()):
            if isinstance(thing, Exercise):
                if name in found:
                    raise RuntimeError(f"two exercises are called {name!r}")
                found[name] = thing
    return found


def _name_of(function: Callable[..., object]) -> str:
    own = getattr(function, "__name__", "")
    if not callable(function) or not own:
        raise ValueError(
            "check needs the function itself, as in check(my_im2col), not what it returns (got "
            f"{type(function).__name__}); leave the parentheses and arguments away"
        )
    if not own.startswith("my_"):
        raise ValueError(
            f"the exercise is read from the function's name, and {own!r} does not begin with my_; "
            f'name it as in check({own}, "im2col")'
        )
    return own.removeprefix("my_")


# -- source of the library, so that no text shows a stale copy ------------------------------------


class Source:
    """The source of one object: Markdown in a notebook, plain text elsewhere."""

    def __init__(self, title: str, text: str) -> None:
        self.title, self.text = title, text

    def _repr_markdown_(self) -> str:
        return f"`{self.title}`\n\n```python\n{self.text}\n```"

    def __repr__(self) -> str:
        return f"{self.title}\n\n{self.text}"


def show_source(where: Any, name: str | None = None) -> Source:
    """The source of ``where.name``, or of ``where`` itself, under the name it is imported by.

    Args:
        where: a module or class with ``name`` in it, or a function or class.
        name: a function, class or method of it.

    Raises:
        ValueError: ``where`` has no such name, or it has no Python source.
    """
    if name is None:
        thing, title = where, f"{where.__module__}.{where.__qualname__}"
    else:
        holder = where.__name__ if isinstance(where, ModuleType) else where.__qualname__
        if not hasattr(where, name):
            raise ValueError(f"{holder} has no {name!r}")
        thing, title = getattr(where, name), f"{holder}.{name}"
    try:
        text = inspect.getsource(thing)
    except (TypeError, OSError):
        raise ValueError(f"{title} is no Python function or class with a source") from None
    return Source(title, textwrap.dedent(text).rstrip())
