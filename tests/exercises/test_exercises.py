"""Every check accepts the solution and rejects wrong answers, each with the right words."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from minicnn import exercises
from minicnn.exercises import all_exercises, find
from tests.exercises import mutants
from tests.exercises.mutants.table import ALL

for file in sorted(Path(mutants.__file__).parent.glob("chapter*.py")):
    importlib.import_module(f"tests.exercises.mutants.{file.stem}")

SOLUTIONS = Path(__file__).parents[2] / "tutorials" / "solutions"


def solution(exercise):
    """The function (or class) ``my_NAME`` of the chapter's solutions."""
    (file,) = SOLUTIONS.glob(f"{exercise.chapter:02}_*.py")
    if file.stem not in sys.modules:
        spec = importlib.util.spec_from_file_location(file.stem, file)
        module = sys.modules[file.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return getattr(sys.modules[file.stem], f"my_{exercise.name}")


@pytest.mark.parametrize("name", exercises.names())
def test_the_solution_is_accepted(name, capsys):
    exercises.check(solution(find(name)))
    printed = capsys.readouterr().out
    assert printed.startswith(f"✓ my_{name} is right"), printed


@pytest.mark.parametrize("mutant", ALL, ids=lambda m: f"{m.exercise}-{m.function.__name__}")
def test_a_wrong_answer_is_rejected_and_named(mutant):
    result = exercises.examine(mutant.function, mutant.exercise)
    assert not result.passed
    assert mutant.says in result.message, result.message
    assert len(result.message) < 2000
    assert "0x" not in result.message  # no addresses


@pytest.mark.parametrize("name", exercises.names())
def test_at_least_five_wrong_answers_are_tried(name):
    assert Counter(m.exercise for m in ALL)[name] >= 5


@pytest.mark.parametrize("name", exercises.names())
def test_an_exercise_is_fit_to_be_set(name, capsys):
    exercise = find(name)
    assert exercise.signature.startswith(f"my_{name}(")
    assert 2 <= len(exercise.hints) <= 4
    for level in range(1, len(exercise.hints) + 1):
        exercises.hint(name, level)
        assert exercise.hints[level - 1] in capsys.readouterr().out
    untouched = exercises.examine(lambda *arguments: None, name)
    assert not untouched
    assert "nothing written yet" in untouched.message


@pytest.mark.parametrize("name", exercises.names())
@pytest.mark.parametrize(
    "answer", [0, 1.5, "seven", np.zeros(3), np.zeros((2, 2)), (1, 2, 3), {}, [None], object()]
)
def test_whatever_comes_back_the_check_says_so_and_does_not_raise(name, answer):
    assert not exercises.examine(lambda *arguments: answer, name).passed


@pytest.mark.parametrize("name", exercises.names())
@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(2), RecursionError(), KeyError(1)])
def test_whatever_is_raised_is_told_with_the_line(name, error):
    def mine(*arguments):
        raise error

    result = exercises.examine(mine, name)
    assert f"it raised {type(error).__name__}" in result.message
    assert "of your code: raise error" in result.message


def test_every_exercise_has_its_chapter():
    chapters = [e.chapter for e in all_exercises().values()]
    assert chapters == sorted(chapters)
    assert all(2 <= count <= 4 for count in Counter(chapters).values())


def test_an_interrupt_is_not_held_back():
    def mine(*arguments):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exercises.check(mine, "im2col")


def test_the_arguments_that_failed_can_be_had():
    result = exercises.examine(lambda x, window, strides: x, "im2col")
    assert result.arguments["window"] == (2, 2)
    assert result.arguments["x"].shape == (1, 4, 5, 1)
    assert "called with  x = np.arange(20.0).reshape(1, 4, 5, 1)" in result.message


def test_a_name_that_is_none_is_an_error_that_helps():
    with pytest.raises(ValueError, match="did you mean 'im2col'"):
        exercises.hint("im2cols")
    with pytest.raises(ValueError, match=r"as in check\(f, "):

        def f():
            pass

        exercises.check(f)
    with pytest.raises(ValueError, match="the function itself"):
        exercises.check(np.zeros(3))
    with pytest.raises(ValueError, match="has hints 1 to 3, got 4"):
        exercises.hint("im2col", 4)


def test_the_source_shown_is_that_of_the_library():
    from minicnn.backends.reference import conv
    from minicnn.layers import Conv2D

    shown = exercises.show_source(conv, "im2col")
    assert shown._repr_markdown_().startswith("`minicnn.backends.reference.conv.im2col`\n\n```py")
    assert "cols[:, :, :, i, j] = x[" in repr(shown)
    method = exercises.show_source(Conv2D, "forward")
    assert method.text.startswith("def forward(self, ctx")
    assert exercises.show_source(conv.im2col).text == shown.text
    with pytest.raises(ValueError, match="has no 'im3col'"):
        exercises.show_source(conv, "im3col")
    with pytest.raises(ValueError, match="no Python function"):
        exercises.show_source(np, "add")
