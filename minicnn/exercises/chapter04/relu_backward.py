"""Chapter 4: the gradient of ReLU."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def verify(mine: Attempt) -> None:
    """Signs of x and of dy in every combination, the kink, and shapes of any kind."""
    x = np.array([3.0, -2.0, 0.5, -0.5])
    dy = np.array([10.0, 20.0, -30.0, -40.0])
    for text, a, b in (
        ("where x > 0 dy passes, whatever its own sign", x[[0, 2]], dy[[0, 2]]),
        ("where x < 0 nothing passes", x[[1, 3]], dy[[1, 3]]),
        ("both, each in its place", x, dy),
        ("at x = 0 nothing passes, as minicnn decides", np.array([0.0, 1.0]), np.array([5.0, 6.0])),
        ("the shape is kept", np.arange(-12.0, 12.0).reshape(2, 3, 4, 1),
         np.arange(1.0, 25.0).reshape(2, 3, 4, 1)),
    ):  # fmt: skip
        mine.expect(
            text,
            {"x": a, "dy": b},
            b * (a > 0),
            slips={
                "the mask is taken from dy, not from x": b * (b > 0),
                "dy passes everywhere": b,
                "the value max(x, 0) comes back instead of the gradient": np.maximum(a, 0),
                "the mask comes back, without dy": (a > 0).astype(float),
                "x is multiplied in": b * np.maximum(a, 0),
                "the mask is the wrong way round": b * (a <= 0),
                "dy passes at 0, too": b * (a >= 0),
            },
        )


EXERCISE = Exercise(
    name="relu_backward",
    chapter=4,
    signature="my_relu_backward(x, dy)",
    task="The gradient dx of y = max(x, 0), from x and the upstream gradient dy.",
    hints=(
        "The slope of max(x, 0) is 1 to the right of 0, and 0 to the left. Chain rule: dx is dy "
        "times the slope.",
        "x > 0 is an array of True and False; times a number these are 1 and 0.",
    ),
    verify=verify,
)
