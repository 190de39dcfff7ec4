"""Chapter 8: count who was taken for whom."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise

AXES = ("true class", "predicted class")


def right(truth: np.ndarray, answer: np.ndarray, classes: int) -> np.ndarray:
    """counts[i, j]: how often class i was answered with j."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (truth, answer), 1)
    return counts


def verify(mine: Attempt) -> None:
    """A perfect model, one mistake, the same mistake twice, classes that never occur."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 60)
    for text, truth, answer, classes in (
        ("a model without a mistake fills the diagonal", [0, 1, 2, 1], [0, 1, 2, 1], 3),
        ("a mistake stands in the row of the truth, the column of the answer", [0, 2], [0, 1], 3),
        ("the same pair twice counts twice", [1, 1, 1, 0], [2, 2, 1, 0], 3),
        ("a class that does not occur has its row and column all the same", [0, 1], [1, 1], 4),
        ("many samples", labels, (labels + (rng.random(60) < 0.4)) % 4, 4),
    ):
        t, a = np.asarray(truth), np.asarray(answer)
        want = right(t, a, classes)
        slips = {
            "rows and columns are exchanged": want.T,
            "a pair that occurs several times is counted once (counts[truth, answer] += 1 adds "
            "once for each distinct pair)": np.minimum(want, 1),
            "the right answers are left out": want - np.diag(np.diag(want)),
        }
        arguments = {"truth": t, "answer": a, "classes": classes}
        mine.expect(text, arguments, want, axes=AXES, slips=slips)


EXERCISE = Exercise(
    name="confusion",
    chapter=8,
    signature="my_confusion(truth, answer, classes)",
    task="counts (classes, classes) of whole numbers (np.int64): how often the true class i was "
    "answered with j. truth and answer are (N,).",
    hints=(
        "Start from np.zeros((classes, classes), np.int64), and walk through the pairs with zip.",
        "Each pair (t, a) adds 1 to counts[t, a].",
        "for t, a in zip(truth, answer): counts[t, a] += 1",
    ),
    verify=verify,
)
