"""Exercises of chapter 6: gradient checking."""

import difflib
from collections.abc import Callable

import numpy as np

from minicnn.exercises.broken_layers import ANSWERS
from minicnn.exercises.exercise import Attempt, exercise
from minicnn.gradcheck import CAUSES


def _plane(x: np.ndarray) -> float:
    return float((x * np.arange(1.0, x.size + 1).reshape(x.shape)).sum())


def _cube(x: np.ndarray) -> float:
    return float((x**3).sum())


def _products(x: np.ndarray) -> float:
    return float(np.prod(x))


@exercise(
    "my_numeric_gradient(f, x, h)",
    "For one entry: f a step to the right, less f a step to the left, over the distance of the "
    "two. Then the next entry, with the first one back in its place.",
    "for index in np.ndindex(x.shape): visits every entry, whatever the number of axes.",
    "step = np.zeros_like(x); step[index] = h; (f(x + step) - f(x - step)) / (2 * h)",
)
def numeric_gradient(mine: Attempt) -> None:
    """The slope of f, one number, with respect to every entry of x, by steps of h."""
    h = 1e-3
    # a cube tells one-sided steps from two-sided ones
    for text, f, x in (
        ("a plane: the slopes are its coefficients", _plane, np.array([3.0, -1, 2])),
        ("steps go to both sides: the error is h squared, not h", _cube, np.array([1.0, -2, 0.5])),
        ("only one entry is moved at a time", _products, np.array([2.0, 3, 5])),
        ("x may have any number of axes", _plane, np.arange(12.0).reshape(2, 3, 2)),
    ):
        want = _slopes(f, x, h, h)
        slips = {
            "the step goes to the right only": _slopes(f, x, h, 0),
            "the step goes to the left only": _slopes(f, x, 0, h),
            "the difference is divided by h, not by 2 h": 2 * want,
            "the difference is not divided": 2 * h * want,
            "an entry stays moved while the next ones are": _staying(f, x, h),
            "all entries are moved at once": np.full(x.shape, (f(x + h) - f(x - h)) / (2 * h)),
            "the sign is wrong": -want,
        }
        arguments = {"f": f, "x": x, "h": h}
        mine.expect(text, arguments, want, rtol=1e-9, slips=slips)


def _slopes(
    f: Callable[[np.ndarray], float], x: np.ndarray, right: float, left: float
) -> np.ndarray:
    """(f(x + right) - f(x - left)) / (right + left), where one entry of x is moved at a time."""
    slopes = np.empty_like(x)
    for index in np.ndindex(x.shape):
        unit = np.zeros_like(x)
        unit[index] = 1
        slopes[index] = (f(x + right * unit) - f(x - left * unit)) / (right + left)
    return slopes


def _staying(f: Callable[[np.ndarray], float], x: np.ndarray, h: float) -> np.ndarray:
    slopes, moved = np.empty_like(x), x.copy()
    for index in np.ndindex(x.shape):
        moved[index] += h
        right = f(moved)
        moved[index] -= 2 * h
        slopes[index] = (right - f(moved)) / (2 * h)
    return slopes


@exercise(
    "my_relative_error(analytic, numeric)",
    "np.maximum compares two arrays entry by entry; np.max would look for one number.",
    "Where both are 0 the difference is 0, too. Divide by 1 there: "
    "np.where(larger == 0, 1, larger).",
)
def relative_error(mine: Attempt) -> None:
    """Entry by entry |analytic - numeric| / max(|analytic|, |numeric|); 0 where both are 0."""
    for text, analytic, numeric in (
        ("equal gradients are 0 apart", [1.0, -2.0], [1.0, -2.0]),
        ("the difference counts from the larger of the two", [2.0, 1.0], [1.0, 2.0]),
        ("size does not matter, the ratio does", [2e-9, 2e9], [1e-9, 1e9]),
        ("unlike signs are 2 apart", [3.0, -1e-3], [-3.0, 1e-3]),
        ("something against nothing is 1 apart", [5.0, 0.0], [0.0, -5.0]),
        ("nothing against nothing is 0 apart, not 0 / 0", [0.0, 1.0], [0.0, 1.0]),
    ):
        a, n = np.array(analytic), np.array(numeric)
        larger = np.maximum(np.abs(a), np.abs(n))
        with np.errstate(all="ignore"):
            slips = {
                "the difference is absolute, not relative": np.abs(a - n),
                "the sum stands below the line, not the larger": np.abs(a - n)
                / np.where(larger == 0, 1, np.abs(a) + np.abs(n)),
                "only the analytic gradient stands below the line": np.abs(a - n) / np.abs(a),
                "only the numeric gradient stands below the line": np.abs(a - n) / np.abs(n),
                "the sign of the difference is kept": (a - n) / np.where(larger == 0, 1, larger),
                "0 is divided by 0": np.abs(a - n) / larger,
            }
        arguments = {"analytic": a, "numeric": n}
        mine.expect(text, arguments, np.abs(a - n) / np.where(larger == 0, 1, larger), slips=slips)


#: a nudge for each patient, shown when the answer is wrong
_LOOK = {
    "Patient1": "look at the ratio of what backward says and what the slope is",
    "Patient2": "the gradient of which array is wrong, and by which factor at a batch of 2, 3, 5?",
    "Patient3": "at which entries is it wrong? Compare the signs of x and of dy there",
    "Patient4": "the error is no factor: it grows with x. Which rule has two terms?",
}


@exercise(
    "my_diagnosis()",
    "print(minicnn.check_gradients(Patient1, (3, 4, 5, 2))) is a page; report.cause is a name, "
    "report.plot() a map of the errors.",
    "CAUSES of minicnn.gradcheck lists the names with one line each. Then read the layer's "
    "backward with show_source(broken_layers, 'Patient1') and check that you agree.",
)
def diagnosis(mine: Attempt) -> None:
    """What each of the four broken layers suffers from: {'Patient1': 'name of a cause', ...}."""
    text = "it returns a dictionary with an answer for each patient"
    got = mine.call(text, {})
    mine.require(
        text,
        isinstance(got, dict) and set(got) == set(ANSWERS),
        f"expected the keys {', '.join(ANSWERS)}, got "
        + (f"{', '.join(map(str, got))}" if isinstance(got, dict) else type(got).__name__),
    )
    for patient, cause in ANSWERS.items():
        said = got[patient]
        near = difflib.get_close_matches(str(said), CAUSES, n=1)
        guess = f"; did you mean {near[0]!r}?" if near else ""
        mine.require(
            "each answer is the name of a cause",
            said in CAUSES,
            f"{patient}: {said!r} is none of minicnn.gradcheck.CAUSES{guess}",
        )
        mine.require(
            f"{patient} is diagnosed",
            said == cause,
            f"{patient} does not suffer from {said!r}: {_LOOK[patient]}",
        )


@exercise(
    "my_mended_scale(x, gain, dy)",
    "gain[c] has a part in every image and at every position of its channel: N H W places, and "
    "what they say adds up.",
    "dx = dy * gain. For dgain multiply dy and x, then sum over all axes but the channels'.",
)
def mended_scale(mine: Attempt) -> None:
    """The gradients (dx, dgain) of y = x gain, x (N, H, W, C), one gain a channel (C,)."""
    for text, shape in (
        ("one pixel", (1, 1, 1, 3)),
        ("many positions: dgain is a sum over them", (1, 3, 2, 3)),
        ("many images: it is a sum over them, too", (4, 3, 2, 3)),
        ("as many columns as channels: the right axes are summed", (2, 3, 3, 3)),
    ):
        random = np.random.default_rng(9)
        x, dy = (random.integers(-4, 5, shape).astype(float) for _ in range(2))
        gain = np.array([2.0, -1, 3])
        dx, dgain = dy * gain, (dy * x).sum(axis=(0, 1, 2))
        slips = {
            "dgain is a mean, not a sum": (dx, (dy * x).mean(axis=(0, 1, 2))),
            "dgain is divided by the batch": (dx, dgain / shape[0]),
            "the gain is forgotten on the way to dx": (dy, dgain),
            "dx is x gain, without dy": (x * gain, dgain),
            "dgain is the sum of dy alone": (dx, dy.sum(axis=(0, 1, 2))),
            "the gain is multiplied into dgain": (dx, gain * dgain),
            "the columns are left standing, the channels summed": (
                dx, (dy * x).sum(axis=(0, 1, 3)),
            ),
        }  # fmt: skip
        arguments = {"x": x, "gain": gain, "dy": dy}
        axes, names = (("n", "h", "w", "c"), ("c",)), ("dx", "dgain")
        mine.expect(text, arguments, (dx, dgain), axes=axes, names=names, slips=slips)
