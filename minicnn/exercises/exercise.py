"""What an exercise is, and what a check found out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Exercise:
    """One task of a chapter.

    Attributes:
        name: "im2col"; the learner's function is called ``my_im2col``.
        chapter: number of the chapter that sets it.
        signature: how the function is called, as in "my_im2col(x, window, strides)".
        task: one sentence: what it computes.
        hints: from a nudge to nearly the answer.
        verify: calls :meth:`~minicnn.exercises.attempt.Attempt.expect` once for each property,
            the plainest first.
    """

    name: str
    chapter: int
    signature: str
    task: str
    hints: tuple[str, ...]
    verify: Callable[[Any], None]


@dataclass
class Result:
    """What :func:`minicnn.exercises.examine` found out.

    Attributes:
        passed: every property holds.
        message: the text that ``check`` prints.
        holding: the properties that hold, in the order they were tried.
        failed: the property that does not; empty when all hold.
        arguments: what the function was called with when it failed, by name.
    """

    passed: bool
    message: str
    holding: list[str] = field(default_factory=list)
    failed: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.passed
