"""Chapter 5: the three gradients of a dense layer."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise

NAMES = ("dx", "dw", "db")
AXES = (("n", "d"), ("d", "u"), ("u",))


def verify(mine: Attempt) -> None:
    """One sample, then several; D and U differ, so that a wrong transpose shows."""
    for text, N, D, U in (
        ("one sample: dw is every input times every dy", 1, 3, 2),
        ("a batch: the samples' contributions add up", 4, 3, 2),
        ("as many inputs as outputs: nothing is transposed by chance", 2, 3, 3),
    ):
        random = np.random.default_rng(18)
        x, w, dy = (
            random.integers(-4, 5, shape).astype(float) for shape in ((N, D), (D, U), (N, U))
        )
        dx, dw, db = dy @ w.T, x.T @ dy, dy.sum(axis=0)
        slips = {
            "dw and db are means over the batch, not sums": (dx, dw / N, db / N),
            "dw is a mean over the batch, not a sum": (dx, dw / N, db),
            "db is a mean over the batch, not a sum": (dx, dw, db / N),
            "db is summed over the outputs, not over the batch": (dx, dw, dy.sum(axis=1)),
            "dx and dw are exchanged": (dw, dx, db),
            "the sign of all three is wrong": (-dx, -dw, -db),
        }
        if D == U:
            slips["w is not transposed on the way to dx"] = (dy @ w, dw, db)
            slips["dw is transposed"] = (dx, dw.T, db)
        mine.expect(
            text, {"x": x, "w": w, "dy": dy}, (dx, dw, db), axes=AXES, names=NAMES, slips=slips
        )


EXERCISE = Exercise(
    name="dense_backward",
    chapter=5,
    signature="my_dense_backward(x, w, dy)",
    task="From dy (N, U) the gradients (dx, dw, db) of y = x @ w + b, x (N, D), w (D, U), b (U,).",
    hints=(
        "Chapter 3 had the same product. Which of the three gradients has which shape, and which "
        "products of x, w and dy have these shapes?",
        "dx (N, D) = dy (N, U) @ w.T (U, D). dw (D, U) takes x and dy. b was added to every row.",
        "dw = x.T @ dy;  db = dy.sum(axis=0)",
    ),
    verify=verify,
)
