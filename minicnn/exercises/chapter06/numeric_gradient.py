"""Chapter 6: slopes by stepping to both sides."""

from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def _plane(x: np.ndarray) -> float:
    return float((x * np.arange(1.0, x.size + 1).reshape(x.shape)).sum())


def _cube(x: np.ndarray) -> float:
    return float((x**3).sum())


def _products(x: np.ndarray) -> float:
    return float(np.prod(x))


def verify(mine: Attempt) -> None:
    """A plane, a cube that tells one-sided steps from two-sided ones, several axes."""
    h = 1e-3
    for text, f, x in (
        ("a plane: the slopes are its coefficients", _plane, np.array([3.0, -1, 2])),
        ("steps go to both sides: the error is h squared, not h", _cube, np.array([1.0, -2, 0.5])),
        ("only one entry is moved at a time", _products, np.array([2.0, 3, 5])),
        ("x may have any number of axes", _plane, np.arange(12.0).reshape(2, 3, 2)),
    ):
        want = _central(f, x, h)
        mine.expect(
            text,
            {"f": f, "x": x, "h": h},
            want,
            rtol=1e-9,
            slips={
                "the step goes to the right only": _one_sided(f, x, h),
                "the step goes to the left only": _one_sided(f, x, -h),
                "the difference is divided by h, not by 2 h": 2 * want,
                "the difference is not divided": 2 * h * want,
                "an entry stays moved while the next ones are": _staying(f, x, h),
                "all entries are moved at once": np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h)),
                "the sign is wrong": -want,
            },
        )


def _central(f: Callable[[Any], float], x: np.ndarray, h: float) -> np.ndarray:
    slopes = np.empty_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        slopes[index] = (f(x + step) - f(x - step)) / (2 * h)
    return slopes


def _one_sided(f: Callable[[Any], float], x: np.ndarray, h: float) -> np.ndarray:
    slopes = np.empty_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        slopes[index] = (f(x + step) - f(x)) / h
    return slopes


def _staying(f: Callable[[Any], float], x: np.ndarray, h: float) -> np.ndarray:
    slopes, moved = np.empty_like(x), x.copy()
    for index in np.ndindex(x.shape):
        moved[index] += h
        right = f(moved)
        moved[index] -= 2 * h
        slopes[index] = (right - f(moved)) / (2 * h)
    return slopes


EXERCISE = Exercise(
    name="numeric_gradient",
    chapter=6,
    signature="my_numeric_gradient(f, x, h)",
    task="The slope of f, one number, with respect to every entry of x, by steps of h.",
    hints=(
        "For one entry: f a step to the right, less f a step to the left, over the distance of the "
        "two. Then the next entry, with the first one back in its place.",
        "for index in np.ndindex(x.shape): visits every entry, whatever the number of axes.",
        "step = np.zeros_like(x); step[index] = h; (f(x + step) - f(x - step)) / (2 * h)",
    ),
    verify=verify,
)
