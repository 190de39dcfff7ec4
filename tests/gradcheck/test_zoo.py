"""Every broken backward is found, and its cause named: the checker against its zoo."""

import pytest

from minicnn.gradcheck import CAUSES, check_gradients

from . import zoo

BUGS = zoo.load()


@pytest.fixture(scope="module")
def reports():
    return {id(b): check_gradients(b.target, b.x, params=b.params) for b in BUGS}


def test_the_zoo_is_large_and_its_causes_are_documented():
    assert len(BUGS) >= 60
    assert {b.cause for b in BUGS} <= set(CAUSES)


@pytest.mark.parametrize("bug", BUGS, ids=lambda b: f"{b.file}-{b.name}")
def test_found(bug, reports):
    report = reports[id(bug)]
    assert not report.ok
    assert report.explanation
    assert report.cause is None or report.cause in CAUSES


def test_first_cause_is_right_for_95_percent_and_never_confidently_wrong(reports):
    told = {b.name: (b.cause, reports[id(b)].cause) for b in BUGS}
    right = [b for b in BUGS if reports[id(b)].cause in (b.cause, *b.also)]
    wrong = [b.name for b in BUGS if b not in right and reports[id(b)].cause is not None]
    assert not wrong, {name: told[name] for name in wrong}
    assert len(right) >= 0.95 * len(BUGS), {n: t for n, t in told.items() if t[0] != t[1]}
