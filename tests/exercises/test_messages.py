"""What a learner reads: the first wrong place, digits that differ, the slip that was made."""

import numpy as np
import pytest

from minicnn import exercises
from minicnn.backends.reference import im2col
from minicnn.exercises import differences
from tests.exercises.mutants import chapter04


def difference(got, want, **how):
    with pytest.raises(differences.Difference) as raised:
        differences.same(got, want, **how)
    return str(raised.value)


def test_the_first_wrong_entry_is_named_with_its_axes():
    want = np.arange(12.0).reshape(2, 3, 2)
    got = want.copy()
    got[0, 2, 1], got[1, 1, 0] = 7.0, 0.0
    assert difference(got, want, axes=("n", "h", "c")) == (
        "  first wrong  at [0, 2, 1]  (n 0, h 2, c 1), 2 of 12 entries in all\n"
        "  expected     5\n"
        "  got          7"
    )


def test_numbers_that_differ_look_different():
    text = difference(np.array([1 / 3]), np.array([1 / 3 + 1e-5]), rtol=1e-9)
    assert "expected     0.33334333" in text
    assert "got          0.33333333" in text
    assert differences.apart(0.5, 0.5 + 1e-12) == ("0.5", "0.50000000000099998")


def test_the_tolerance_counts_from_the_largest_number():
    want = np.array([1e-9, 1000.0])
    differences.same(want + 5e-4, want)
    assert difference(want + 5e-3, want).startswith("  first wrong  at [0]")
    differences.same(np.array([np.nan, 1.0]), np.array([np.nan, 1.0]))
    assert "got          nan" in difference(np.array([np.nan]), np.array([1.0]))


def test_a_slip_that_an_earlier_case_excludes_is_not_named():
    # at x = 0 with dy > 0 a mask taken from dy would give the same
    message = exercises.examine(chapter04.lets_the_kink_pass, "relu_backward").message
    assert "This is what comes out when dy passes at 0, too.\n" in message


def test_what_holds_is_told_before_what_fails():
    result = exercises.examine(lambda x, w, s: im2col(x, w, (1, 1)), "im2col")
    assert result.holding == [
        "cols[0, oh, ow] is the window whose corner is at (oh, ow)",
        "a window may be higher than wide, or wider than high",
    ]
    assert f"Holds so far: {'; '.join(result.holding)}." in result.message
    assert result.failed == "strides: windows start SH rows and SW columns apart"


def test_a_property_that_fails_at_last_does_not_hold():
    answers = {"Patient1": "sign", "Patient2": "no cause", "Patient3": "", "Patient4": ""}
    result = exercises.examine(lambda: answers, "diagnosis")
    assert result.failed == "each answer is the name of a cause"
    assert result.failed not in result.holding


def test_too_few_parameters_are_answered_with_the_right_call():
    message = exercises.examine(lambda x, window: x, "im2col").message
    assert "it is called as my_im2col(x, window, strides)" in message


def test_names_of_one_chapter_and_of_all():
    assert exercises.names(2) == ["cols_bytes", "im2col", "matmul_convolve"]
    assert set(exercises.names(2)) < set(exercises.names())


@pytest.mark.parametrize("level", [0, -1, 4])
def test_hints_that_there_are_none_of(level):
    with pytest.raises(ValueError, match="has hints 1 to 3"):
        exercises.hint("im2col", level)


def test_small_arrays_are_written_out_and_large_ones_described():
    assert (
        differences.value("x", np.arange(6.0).reshape(2, 3)) == "x = np.arange(6.0).reshape(2, 3)"
    )
    assert differences.value("y", np.array([3, 1])) == "y = np.array([3, 1])"
    assert (
        differences.value("w", np.full((1, 2, 1), 7.0)) == "w = np.array([7., 7.]).reshape(1, 2, 1)"
    )
    assert differences.value("x", np.ones((4, 5))) == "x: float64 array of shape (4, 5)"
    assert differences.value("f", len) == "f: a function"
    assert differences.value("strides", (2, 1)) == "strides = (2, 1)"
