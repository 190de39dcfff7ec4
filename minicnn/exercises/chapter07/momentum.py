"""Chapter 7: write a step of gradient descent with momentum."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise

Pair = tuple[np.ndarray, np.ndarray]


def right(w: np.ndarray, g: np.ndarray, m: np.ndarray, learning_rate: float, k: float) -> Pair:
    """m = k m - learning_rate g;   w = w + m."""
    m = k * m - learning_rate * g
    return w + m, m


def verify(mine: Attempt) -> None:
    """Without a past, with one, several steps in a row, and on arrays of more axes."""
    rng = np.random.default_rng(7)
    for text, shape, learning_rate, momentum, moving in (
        ("momentum 0 is plain gradient descent", (3,), 0.1, 0.0, False),
        ("the first step, with m = 0, is plain gradient descent too", (3,), 0.1, 0.9, False),
        ("a velocity from earlier steps is kept, times momentum", (3,), 0.1, 0.9, True),
        ("momentum 1/2 keeps half of the velocity", (3,), 0.25, 0.5, True),
        ("w may have any shape", (2, 3, 4), 0.1, 0.9, True),
    ):
        w, g = rng.normal(size=shape), rng.normal(size=shape)
        m = rng.normal(size=shape) if moving else np.zeros(shape)
        want = right(w, g, m, learning_rate, momentum)
        slips = {
            "w moves by the old velocity": (w + m, want[1]),
            "the gradient is added where it must be taken away": right(
                w, -g, m, learning_rate, momentum
            ),
            "the learning rate is left out": right(w, g, m, 1.0, momentum),
            "the velocity is forgotten: m = -learning_rate g": right(w, g, 0 * m, learning_rate, 0),
            "the gradient is weighted with 1 - momentum": right(
                w, (1 - momentum) * g, m, learning_rate, momentum
            ),
        }
        arguments = {
            "w": w, "g": g, "m": m, "learning_rate": learning_rate, "momentum": momentum,
        }  # fmt: skip
        mine.expect(text, arguments, want, names=("w", "m"), slips=slips)


EXERCISE = Exercise(
    name="momentum",
    chapter=7,
    signature="my_momentum(w, g, m, learning_rate, momentum)",
    task="One step with momentum: return the new weights and the new velocity, (w, m).",
    hints=(
        "First the velocity: what is left of the old one, and a push against the gradient. "
        "Then the weights move by the new velocity.",
        "Make new arrays: m = momentum * m - ... builds one, m *= momentum would change the "
        "caller's.",
        "m = momentum * m - learning_rate * g, then w + m",
    ),
    verify=verify,
)
