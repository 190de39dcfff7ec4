"""A stand-in for Hypothesis where it is not installed, as on a machine rented for its GPU.

``find()`` puts this module where ``import hypothesis`` looks. It has the names that the tests use
and no more: the same random draws at every run, printed when an example fails, never shrunk.
"""

import enum
import functools
import inspect
import random
import reprlib
import sys
from types import SimpleNamespace

import pytest

TRIES = 10  # per wanted example, as assume() turns some down
HealthCheck = enum.Enum("HealthCheck", "too_slow data_too_large filter_too_much")


def find():
    """Hypothesis; if it is not installed this module, which ``import hypothesis`` then gives."""
    try:
        import hypothesis
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        hypothesis = sys.modules["hypothesis"] = sys.modules[__name__]
    return hypothesis


class Draws:
    """What ``data()`` gives a test: draws values, and remembers those that chance decided."""

    def __init__(self, seed):
        self.rng, self.log = random.Random(seed), []

    def draw(self, strategy):
        return strategy.value(self)


class Strategy:
    """A way to draw: ``value(draws)`` is one value."""

    def __init__(self, value):
        self.value = value

    def map(self, function):
        return Strategy(lambda draws: function(self.value(draws)))


# -- strategies -------------------------------------------------------------------------------


def _chance(name, choose):
    """A strategy whose every draw is remembered."""

    def value(draws):
        chosen = choose(draws.rng)
        draws.log.append(f"{name}: {' '.join(reprlib.repr(chosen).split())}")
        return chosen

    return Strategy(value)


def integers(low, high):
    """Both ends more often than the others: faults live there."""

    def choose(rng):
        return rng.choice((low, high)) if rng.random() < 0.2 else rng.randint(low, high)

    return _chance(f"integers({low}, {high})", choose)


def sampled_from(values):
    values = list(values)
    return _chance(f"one of {len(values)}", lambda rng: rng.choice(values))


def booleans():
    return sampled_from([False, True])


def one_of(*strategies):
    return Strategy(lambda draws: draws.draw(draws.rng.choice(strategies)))


def tuples(*strategies):
    return Strategy(lambda draws: tuple(draws.draw(s) for s in strategies))


def lists(elements, *, min_size, max_size):
    size = integers(min_size, max_size)
    return Strategy(lambda draws: [draws.draw(elements) for _ in range(draws.draw(size))])


def data():
    return Strategy(lambda draws: draws)


def composite(function):
    """The function's first argument becomes ``draw``; its others are given now."""

    @functools.wraps(function)
    def build(*args, **kwargs):
        return Strategy(lambda draws: function(draws.draw, *args, **kwargs))

    return build


strategies = SimpleNamespace(
    **{f.__name__: f for f in (integers, sampled_from, booleans, one_of, tuples, lists, data)},
    composite=composite,
)


# -- tests ------------------------------------------------------------------------------------


class settings:
    """How many examples. What else a profile may ask for is so here: draws that are the same at
    every run, no deadline, no health checks.
    """

    profiles = {}
    profile = None  # the one that is loaded

    def __init__(
        self,
        parent=None,
        max_examples=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=(),
    ):
        if deadline is not None or not derandomize:
            raise NotImplementedError("without Hypothesis: no deadline, the same draws every time")
        self.max_examples = max_examples or (parent or settings.profile).max_examples

    def __call__(self, test):
        test.examples_settings = self
        return test

    @staticmethod
    def register_profile(name, parent=None, **values):
        settings.profiles[name] = settings(parent, **values)

    @staticmethod
    def get_profile(name):
        return settings.profiles[name]

    @staticmethod
    def load_profile(name):
        settings.profile = settings.profiles[name]


class _TurnedDown(Exception):
    """The example is not one that the test is about."""


def assume(condition):
    if not condition:
        raise _TurnedDown
    return True


def given(*positional, **named):
    """Run the test once an example; pytest sees its other arguments: fixtures and parameters."""

    def decorate(test):
        signature = inspect.signature(test)
        rightmost = list(signature.parameters)[-len(positional) :] if positional else []
        drawn = dict(zip(rightmost, positional, strict=True)) | named
        name = f"{test.__module__}.{test.__qualname__}"

        @functools.wraps(test)  # with the settings and marks that the test has already
        def run(**arguments):
            wanted = getattr(run, "examples_settings", settings.profile).max_examples
            done = 0
            for number in range(TRIES * wanted):
                done += _example(test, f"{name} {number}", drawn, arguments)
                if done == wanted:
                    return
            pytest.fail(f"assume() left {done} of {TRIES * wanted} examples; {wanted} are wanted")

        others = [p for p in signature.parameters.values() if p.name not in drawn]
        run.__signature__ = signature.replace(parameters=others)
        return run

    return decorate


def _example(test, seed, drawn, arguments):
    """Run one example; False if ``assume`` turned it down."""
    draws = Draws(seed)
    random.seed(0)  # a test may draw weights: as Hypothesis does
    try:
        test(**arguments, **{name: draws.draw(strategy) for name, strategy in drawn.items()})
    except _TurnedDown:
        return False
    except (Exception, pytest.fail.Exception):
        print(f"Failing example, seed {seed!r}, drew", *draws.log, sep="\n  ")
        raise
    return True
