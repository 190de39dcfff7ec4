"""Wrong answers, each with what the check has to say about it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    exercise: str
    function: Callable
    says: str


ALL: list[Mutant] = []


def wrong(exercise: str, says: str):
    """Register a wrong answer; its name tells what is wrong, ``says`` is in the message."""

    def register(function):
        ALL.append(Mutant(exercise, function, says))
        return function

    return register
