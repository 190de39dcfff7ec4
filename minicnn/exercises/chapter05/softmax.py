"""Chapter 5: softmax that survives large numbers."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise

AXES = ("n", "k")


def verify(mine: Attempt) -> None:
    """Small numbers first, then rows, then the ones that overflow."""
    rows = np.array([[1.0, 2, 3], [2, 0, -1], [0, 0, 5]])
    for text, z in (
        ("two equal logits give one half each", np.zeros((1, 2))),
        ("a larger logit gives a larger probability", np.array([[0.0, 1, 3]])),
        ("each row sums to 1 by itself", rows),
        ("adding a number to a row changes nothing", rows + np.array([[10.0], [-20], [30]])),
        ("logits of 1000 do not overflow", np.array([[1000.0, 999, 0], [-1000, 0, 1000]])),
        ("each row is shifted by its own maximum", np.array([[1000.0, 999], [0, 1]])),
        ("logits of -1000 do not end in 0 / 0", np.array([[-1000.0, -1001, -1003]])),
    ):
        e = np.exp(z - z.max(axis=1, keepdims=True))  # (N, K)
        want = e / e.sum(axis=1, keepdims=True)
        with np.errstate(all="ignore"):
            plain = np.exp(z)
            common = np.exp(z - z.max())
            slips = {
                "exp overflows or underflows: subtract each row's maximum first": plain
                / plain.sum(axis=1, keepdims=True),
                "the sum runs over the whole batch": e / e.sum(),
                "the sum runs over the batch instead of the classes": e / e.sum(axis=0),
                "the maximum of the whole batch is subtracted, so that other rows underflow": (
                    common / common.sum(axis=1, keepdims=True)
                ),
                "nothing is divided": plain,
                "the logits are divided, not their exponentials": z / z.sum(axis=1, keepdims=True),
            }
            if z.shape == (3, 3):  # of other shapes NumPy refuses it
                slips["the sums lie along the wrong axis: keepdims=True is missing"] = e / e.sum(
                    axis=1
                )
        mine.expect(text, {"z": z}, want, axes=AXES, slips=slips)


EXERCISE = Exercise(
    name="softmax",
    chapter=5,
    signature="my_softmax(z)",
    task="Probabilities (N, K) from logits z (N, K), row by row.",
    hints=(
        "exp makes every logit positive; a division by the row's sum makes them probabilities. "
        "keepdims=True keeps the shapes together.",
        "exp(1000) is more than a float can hold. Softmax stays the same when you subtract a "
        "number from a row: which one makes the largest exponential exp(0)?",
        "e = np.exp(z - z.max(axis=1, keepdims=True))",
    ),
    verify=verify,
)
