"""Finds the exercises: every module ``chapterNN/NAME.py`` of this package that defines one."""

import difflib
import functools
import importlib
import pkgutil

import minicnn.exercises as package
from minicnn.exercises.exercise import Exercise


@functools.cache
def all_exercises() -> dict[str, Exercise]:
    """Every exercise by its name, in the order of the chapters.

    Raises:
        RuntimeError: two exercises have the same name.
    """
    found: dict[str, Exercise] = {}
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if ".chapter" not in module.name or module.ispkg:
            continue
        exercise = importlib.import_module(module.name).EXERCISE
        if exercise.name in found:
            raise RuntimeError(f"two exercises are called {exercise.name!r}")
        found[exercise.name] = exercise
    return found


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
