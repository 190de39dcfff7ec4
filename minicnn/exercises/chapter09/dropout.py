"""Chapter 9: write dropout."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def verify(mine: Attempt) -> None:
    """Several rates, and the two modes."""
    rng = np.random.default_rng(9)
    for text, rate, training in (
        ("in training, an entry whose random number is below the rate becomes 0", 0.5, True),
        ("what is kept is divided by 1 - rate, so that the mean stays", 0.25, True),
        ("a rate of 0 changes nothing", 0.0, True),
        ("in inference nothing changes, whatever the rate", 0.25, False),
    ):
        x, u = rng.normal(size=(3, 4)), rng.random((3, 4))
        kept = np.where(u >= rate, x, 0.0)
        want = kept / (1 - rate) if training else x
        slips = {
            "what is kept is not scaled up": kept,
            "it is multiplied by 1 - rate": kept * (1 - rate),
            "it is divided by the rate": kept / rate if rate else kept,
            "the entries above the rate are dropped": np.where(u < rate, x, 0.0) / (1 - rate),
            "it drops in inference, too": kept / (1 - rate),
            "inference scales down by 1 - rate, which this scaling makes needless": x * (1 - rate),
        }
        arguments = {"x": x, "u": u, "rate": rate, "training": training}
        mine.expect(text, arguments, want, axes=("n", "d"), slips=slips)


EXERCISE = Exercise(
    name="dropout",
    chapter=9,
    signature="my_dropout(x, u, rate, training)",
    task="Dropout: in training, 0 where the random number u (shape of x, uniform on [0, 1)) is "
    "below the rate, and x / (1 - rate) elsewhere; in inference, x.",
    hints=(
        "np.where(condition, a, b) takes a where the condition holds and b elsewhere.",
        "Treat inference first: if not training, return x.",
        "np.where(u < rate, 0.0, x / (1 - rate))",
    ),
    verify=verify,
)
