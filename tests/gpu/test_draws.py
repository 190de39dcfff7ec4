"""The stand-in for Hypothesis: it draws what was asked for, and finds and shows what is wrong."""

import inspect
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gpu import draws
from tests.gpu.draws import assume, composite, given, settings
from tests.gpu.draws import strategies as st

ROOT = Path(__file__).parents[2]
WITHOUT_HYPOTHESIS = """
import sys
sys.modules["hypothesis"] = None
{plant}
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
#: only layers of more than 16 units are wrong: most examples pass
PLANT = """
from minicnn.backends import reference
right = reference.dense_forward
def wrong(*arguments):
    y = right(*arguments)
    y[..., 16:] = 0
    return y
reference.dense_forward = wrong
"""
COUNT = """
from tests.gpu import draws
run = draws._example
def counted(*arguments):
    print("one example")
    return run(*arguments)
draws._example = counted
"""


def parity_tests(plant, *options):
    """A share of the parity tests in a process that cannot import Hypothesis."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_HYPOTHESIS.format(plant=plant), "-p", "no:cacheprovider",
         "tests/ops/test_parity.py", "-k", "cupy and dense", *options],
        cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip


def test_parity_tests_run_without_hypothesis(gpu):
    done = parity_tests("")
    assert "Hypothesis is not installed: examples are drawn by tests.gpu.draws" in done.stdout
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_they_find_a_planted_fault(gpu):
    done = parity_tests(PLANT)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Failing example, seed 'tests.ops.test_parity.test_same_values" in done.stdout
    assert "\n  one of 9: " in done.stdout


def test_a_profile_sets_the_number_of_examples(gpu):
    done = parity_tests(COUNT, "-s", "--hypothesis-profile=brief")
    assert "3 passed" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("one example") == 3 * 3


# -- strategies -------------------------------------------------------------------------------


def values(strategy, count=300):
    return [draws.Draws(str(seed)).draw(strategy) for seed in range(count)]


@composite
def pairs(draw, high, low=0):
    return draw(st.integers(low, high)), draw(st.booleans())


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (st.integers(-1, 2), {-1, 0, 1, 2}),
        (st.booleans(), {False, True}),
        (st.sampled_from("abc"), {"a", "b", "c"}),
        (st.sampled_from("abc").map(str.upper), {"A", "B", "C"}),
        (st.tuples(st.booleans(), st.integers(4, 5)), {(b, n) for b in (0, 1) for n in (4, 5)}),
        (st.one_of(st.integers(1, 2), st.sampled_from([None])), {1, 2, None}),
        (
            st.lists(st.sampled_from("ab"), min_size=1, max_size=2).map("".join),
            {"a", "b", "aa", "ab", "ba", "bb"},
        ),
        (pairs(1), {(n, b) for n in (0, 1) for b in (False, True)}),
        (pairs(3, low=3), {(3, False), (3, True)}),
    ],
)
def test_every_value_is_drawn_and_no_other(strategy, expected):
    assert set(values(strategy)) == expected


def test_the_ends_of_a_wide_range_are_drawn():
    found = values(st.integers(0, 2**32 - 1))
    assert {0, 2**32 - 1} < set(found)
    assert len(set(found)) > 200


# -- tests ------------------------------------------------------------------------------------


def test_draws_are_the_same_at_every_run_and_differ_between_examples():
    seen = []

    @settings(max_examples=20)
    @given(data=st.data(), n=st.integers(0, 10**6))
    def run(data, n):
        seen.append((n, data.draw(st.integers(0, 10**6)), random.random()))

    run()
    run()
    assert seen[:20] == seen[20:]
    assert len({(n, m) for n, m, _ in seen[:20]}) > 15
    assert len({weight for _, _, weight in seen}) == 1  # chance starts anew in every example


@pytest.mark.parametrize("outer", [True, False])
def test_settings_may_stand_on_either_side(outer):
    seen = []

    def test(n):
        seen.append(n)

    if outer:
        settings(max_examples=7)(given(n=st.integers(0, 9))(test))()
    else:
        given(n=st.integers(0, 9))(settings(max_examples=7)(test))()
    assert len(seen) == 7


@pytest.mark.parametrize("letter", ["a", "b"])
@settings(max_examples=3)
@given(n=st.integers(5, 6))
def test_parameters_fixtures_and_draws_come_together(tmp_path, letter, n):
    assert tmp_path.is_dir()
    assert letter in "ab"
    assert n in (5, 6)


def test_pytest_sees_what_is_not_drawn():
    def test(fixture, parameter, n):
        raise NotImplementedError

    for run in (given(n=st.booleans())(test), given(st.booleans())(test)):
        assert list(inspect.signature(run).parameters) == ["fixture", "parameter"]


def test_an_example_turned_down_is_replaced():
    seen = []

    @settings(max_examples=10)
    @given(n=st.integers(0, 3))
    def run(n):
        assume(n > 1)
        seen.append(n)

    run()
    assert len(seen) == 10
    assert set(seen) == {2, 3}


def test_too_few_examples_are_a_failure():
    @settings(max_examples=4)
    @given(n=st.integers(0, 3))
    def run(n):
        assume(n > 3)

    with pytest.raises(pytest.fail.Exception, match="left 0 of 40 examples; 4 are wanted"):
        run()


def test_what_would_be_ignored_is_refused():
    with pytest.raises(NotImplementedError, match="no deadline"):
        settings(max_examples=1, deadline=200)
