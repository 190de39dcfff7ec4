"""``check``, ``examine`` and ``hint``: what a learner calls."""

from typing import Any

from minicnn.exercises.attempt import Attempt, Mistake
from minicnn.exercises.exercise import Exercise, Result
from minicnn.exercises.registry import find


def check(function: Any, name: str | None = None) -> None:
    """Check an exercise and print what was found: each property, or the first that fails.

    Args:
        function: the function itself, not its result; ``my_im2col`` answers the exercise "im2col".
        name: of the exercise, where the function is called otherwise.

    Raises:
        ValueError: no exercise has that name.
    """
    print(examine(function, name).message)


def examine(function: Any, name: str | None = None) -> Result:
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
        lines += ["", _stuck(exercise)]
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
    more = ""
    if level < len(exercise.hints):
        more = f"\n(More: hint({name!r}, {level + 1}))"
    print(f"{exercise.signature}\n{exercise.hints[level - 1]}{more}")


def _name_of(function: Any) -> str:
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


def _stuck(exercise: Exercise) -> str:
    return f'Stuck? hint("{exercise.name}") helps.'
