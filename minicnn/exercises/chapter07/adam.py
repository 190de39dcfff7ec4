"""Chapter 7: write a step of Adam."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]


def right(
    w: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, t: int, learning_rate: float,
    beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7, power: int = 2,
) -> Triple:  # fmt: skip
    """The formulas of :class:`minicnn.optimizers.Adam`."""
    m = m + (1 - beta_1) * (g - m)
    v = v + (1 - beta_2) * (g**power - v)
    alpha = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return w - alpha * m / (np.sqrt(v) + epsilon), m, v


def verify(mine: Attempt) -> None:
    """The first step, a later one, gradients of very different size, a gradient of 0."""
    rng = np.random.default_rng(11)
    for text, t, size in (
        ("the first step (t = 1, m = v = 0) has about the length of the learning rate", 1, 1.0),
        ("that holds for gradients ten thousand times smaller, too", 1, 1e-4),
        ("a later step starts from the m and v it is given", 2, 1.0),
        ("after many steps the correction is nearly 1", 5000, 1.0),
        ("a gradient of 0 at the first step moves nothing, and gives no NaN", 1, 0.0),
    ):
        w, g = rng.normal(size=4), size * rng.normal(size=4)
        m = np.zeros(4) if t == 1 else 0.1 * rng.normal(size=4)
        v = np.zeros(4) if t == 1 else 0.1 * rng.random(4)
        want = right(w, g, m, v, t, 0.01)
        with np.errstate(invalid="ignore"):  # roots of negative numbers, in one of the slips
            slips = _slips(w, g, m, v, t)
        arguments = {"w": w, "g": g, "m": m, "v": v, "t": t, "learning_rate": 0.01}
        mine.expect(text, arguments, want, names=("w", "m", "v"), slips=slips)


def _slips(w: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, t: int) -> dict[str, Triple]:
    """What usual mistakes give."""
    right_w, new_m, new_v = right(w, g, m, v, t, 0.01)
    alpha = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    uncorrected = w - 0.01 * new_m / (np.sqrt(new_v) + 1e-7)
    return {
        "the bias correction is left out": (uncorrected, new_m, new_v),
        "the bias correction is that of step t + 1": right(w, g, m, v, t + 1, 0.01),
        "v is built from g instead of its square": right(w, g, m, v, t, 0.01, power=1),
        "the square root of v is left out": (w - alpha * new_m / (new_v + 1e-7), new_m, new_v),
        "beta_1 and beta_2 are exchanged": right(w, g, m, v, t, 0.01, 0.999, 0.9),
        "the step goes up the slope": (2 * w - right_w, new_m, new_v),
    }


EXERCISE = Exercise(
    name="adam",
    chapter=7,
    signature="my_adam(w, g, m, v, t, learning_rate)",
    task="One step of Adam with beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7; t is 1 at the first "
    "step. Return (w, m, v), all new.",
    hints=(
        "Three lines: the mean of the gradients m, the mean of their squares v, and the step. "
        "A running mean moves a small part of the way to the new value: m + (1 - beta_1)(g - m).",
        "The step uses the new m and v: alpha m / (sqrt(v) + epsilon), taken away from w.",
        "alpha = learning_rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)",
    ),
    verify=verify,
)
