"""An exercise, a learner's attempt at it, and what came of it.

An attempt calls the learner's function with care, and compares what comes back.
"""

import copy
import linecache
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minicnn.exercises import differences


@dataclass(frozen=True)
class Exercise:
    """One task of a chapter.

    Attributes:
        name: "im2col"; the learner's function is called ``my_im2col``.
        chapter: number of the chapter that sets it.
        signature: how the function is called, as in "my_im2col(x, window, strides)".
        hints: from a nudge to nearly the answer.
        verify: calls :meth:`Attempt.expect` once for each property, the plainest first; its
            docstring is the task.
    """

    name: str
    chapter: int
    signature: str
    hints: tuple[str, ...]
    verify: Callable[["Attempt"], None]


def exercise(signature: str, *hints: str) -> Callable[[Callable[["Attempt"], None]], Exercise]:
    """Make an :class:`Exercise` of the check below, named like it, of the chapter of its module."""

    def made(verify: Callable[["Attempt"], None]) -> Exercise:
        return Exercise(verify.__name__, int(verify.__module__[-2:]), signature, hints, verify)

    return made


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
    arguments: dict[str, object] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.passed


class Mistake(Exception):
    """A property that does not hold. Attributes: property, headline, details (lines)."""

    def __init__(self, property: str, headline: str, details: list[str]) -> None:
        super().__init__(headline)
        self.property, self.headline, self.details = property, headline, details


class Attempt:
    """The learner's function under examination.

    Attributes:
        label: what messages call it.
        holding: the properties that held so far.
        arguments: of the latest call, by name.
    """

    _MOST_SLIPS = 3  # named at once, where the numbers cannot tell them apart

    def __init__(self, function: Callable[..., object], label: str) -> None:
        self.function, self.label = function, label
        self.holding: list[str] = []
        self.arguments: dict[str, object] = {}
        self._ruled_out: set[str] = set()

    def expect(
        self, property: str, arguments: Mapping[str, object], want: object, *,
        axes: tuple = (), names: tuple[str, ...] = (), slips: Mapping[str, object] = {},
        rtol: float = 1e-6,
    ) -> None:  # fmt: skip
        """Call the function and hold what it returns against ``want``.

        Args:
            property: what must hold, as "with strides: windows start SH rows apart". Several calls
                may share one property.
            arguments: by name, in the order of the signature; they are passed by position.
            want: the right answer: a number, an array, or a tuple of them.
            axes: names of the axes of an array, for the message ("n", "h", "w", "c"); of a tuple,
                one tuple each.
            names: of a tuple's parts, as ("dx", "dw", "db").
            slips: {what went wrong: what comes out then}. When the answer is wrong and equals one
                of these, the message says so. One that would have shown in an earlier call, where
                the answer was right, is named only if no other fits.
            rtol: allowed error, relative to the largest number of ``want``.

        Raises:
            Mistake: it does not hold.
        """
        got = self.call(property, arguments)
        try:
            differences.same(got, want, axes=axes, names=names, rtol=rtol)
        except differences.Difference as difference:
            details = [*self._called_with(), *difference.lines]
            fitting = [t for t, slip in slips.items() if differences.agrees(got, slip, rtol)]
            possible = [text for text in fitting if text not in self._ruled_out] or fitting
            if possible:
                choice = ", or when ".join(possible[: self._MOST_SLIPS])
                details += [f"  This is what comes out when {choice}."]
            raise Mistake(property, property, details) from None
        self._ruled_out |= {
            text for text, slip in slips.items() if not differences.agrees(slip, want, rtol)
        }
        self._holds(property)

    def require(self, property: str, holds: bool, explanation: str) -> None:
        """Note that a property holds, or stop with the reason why it does not.

        Raises:
            Mistake: ``holds`` is false.
        """
        if not holds:
            raise Mistake(property, property, self._called_with(f"  {explanation}"))
        self._holds(property)

    def call(self, property: str, arguments: Mapping[str, object]) -> Any:
        """What the function returns.

        Raises:
            Mistake: it raised, returned None, or changed an argument.
        """
        self.arguments = dict(arguments)
        given = {name: copy.deepcopy(value) for name, value in arguments.items()}
        try:
            with np.errstate(all="ignore"):
                got = self.function(*given.values())
        except (Exception, SystemExit) as error:  # a learner's mistake must not end the kernel
            line = _line_of(error)
            if isinstance(error, TypeError) and "positional argument" in str(error):
                line = f"  it is called as {self.label}({', '.join(arguments)})"
            raised = ": ".join(filter(None, [type(error).__name__, *str(error).splitlines()[:1]]))
            raise Mistake(property, f"it raised {raised}", self._called_with(line)) from None
        if got is None:
            found = "it returned None; is the return statement missing, or nothing written yet?"
            raise Mistake(property, found, self._called_with())
        for name, value in arguments.items():
            if not differences.untouched(value, given[name]):
                advice = (
                    f"  The caller still needs {name}: work on a new array, as np.zeros(...) or "
                    f"{name}.copy() give."
                )
                found = f"it changed its argument {name}"
                raise Mistake(property, found, self._called_with(advice))
        return got

    def _holds(self, property: str) -> None:
        if property not in self.holding:
            self.holding.append(property)

    def _called_with(self, line: str = "") -> list[str]:
        lines = [f"  called with  {differences.value(n, v)}" for n, v in self.arguments.items()]
        lines[1:] = [other.replace("called with", " " * 11, 1) for other in lines[1:]]
        return [*lines, line] if line else lines


def _line_of(error: BaseException) -> str:
    """ "  in line 4: y = x @ w": the last line of the learner's own code."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _learners(f.filename)]
    if not frames or frames[-1].lineno is None:
        return ""
    text = (frames[-1].line or linecache.getline(frames[-1].filename, frames[-1].lineno)).strip()
    return f"  in line {frames[-1].lineno} of your code: {text}"


def _learners(filename: str) -> bool:
    return filename != __file__ and "site-packages" not in filename and "<__array" not in filename
