"""Chapter 1: design a filter that finds vertical edges."""

import numpy as np

from minicnn.exercises.attempt import Attempt, Mistake
from minicnn.exercises.exercise import Exercise

BRIGHT_RIGHT = np.array([[0.0, 0, 1], [0, 0, 1], [0, 0, 1]])


def verify(mine: Attempt) -> None:
    """What the filter answers to four windows, whatever its numbers are."""
    shape = "it returns a float array of shape (3, 3)"
    w = mine.call(shape, {})
    mine.require(
        shape,
        isinstance(w, np.ndarray) and w.shape == (3, 3) and w.dtype == np.float64,
        f"got {f'{w.dtype}, shape {w.shape}' if isinstance(w, np.ndarray) else type(w).__name__}; "
        "np.array([[...], [...], [...]], float) makes one",
    )
    mine.require("its numbers are finite", bool(np.isfinite(w).all()), "a number is inf or nan")
    for text, window, holds, why in (
        ("a window that is dark all over gives 0", np.zeros((3, 3)), _zero, "it gives {}"),
        ("a window of one brightness gives 0", np.ones((3, 3)), _zero,
         "it gives {}: its numbers have to sum to 0, or it measures brightness"),
        ("brighter on the right gives a positive number", BRIGHT_RIGHT, _positive,
         "it gives {}: what should the sign of the right column be?"),
        ("brighter on the left gives a negative number", BRIGHT_RIGHT[:, ::-1], _negative,
         "it gives {}: what should the sign of the left column be?"),
        ("a horizontal edge gives 0", BRIGHT_RIGHT.T, _zero,
         "it gives {}: each row of the filter has to sum to 0"),
        ("a horizontal edge one row higher gives 0", 1 - BRIGHT_RIGHT.T[::-1], _zero,
         "it gives {}: each row of the filter has to sum to 0"),
    ):  # fmt: skip
        answer = float((window * w).sum())
        try:
            mine.require(text, holds(answer), why.format(f"{answer:.4g}"))
        except Mistake as mistake:
            rows = [f"               {row.astype(int).tolist()}" for row in window]
            rows[0] = f"  the window   {window[0].astype(int).tolist()}"
            mistake.details = [*rows, *mistake.details]
            raise


def _zero(answer: float) -> bool:
    return abs(answer) < 1e-12


def _positive(answer: float) -> bool:
    return answer > 1e-6


def _negative(answer: float) -> bool:
    return answer < -1e-6


EXERCISE = Exercise(
    name="vertical_edge",
    chapter=1,
    signature="my_vertical_edge()",
    task="A filter (3, 3) that is positive where the image gets brighter from left to right.",
    hints=(
        "The answer is the sum of products with the window. Which numbers cancel on a window of "
        "one brightness?",
        "Count the right column as plus, the left column as minus, and the middle not at all.",
    ),
    verify=verify,
)
