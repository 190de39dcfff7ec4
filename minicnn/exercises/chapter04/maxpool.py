"""Chapter 4: max-pooling that remembers its winners."""

import numpy as np

from minicnn.backends.reference.conv import im2col
from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise

NAMES = ("y", "winner")
AXES = (("n", "oh", "ow", "c"), ("n", "oh", "ow", "c"))


def verify(mine: Attempt) -> None:
    """Shuffled whole numbers, so that every winner is known."""
    for text, shape, window, strides in (
        ("one window: its largest entry and where that is", (1, 2, 3, 1), (2, 3), (2, 3)),
        ("windows side by side", (1, 4, 6, 1), (2, 3), (2, 3)),
        ("windows that overlap", (1, 4, 5, 1), (3, 2), (1, 1)),
        ("each channel has its own winner", (1, 4, 4, 3), (2, 2), (2, 2)),
        ("images of a batch, and a remainder that is dropped", (3, 5, 7, 2), (2, 2), (2, 3)),
        ("numbers below zero, too", (1, 4, 4, 1), (2, 2), (2, 2)),
    ):
        size = int(np.prod(shape))
        x = np.random.default_rng(5).permutation(size).astype(float).reshape(shape)
        x -= size if "below" in text else 0
        y, winner = _maxpool(x, window, strides)
        mine.expect(
            text,
            {"x": x, "window": window, "strides": strides},
            (y, winner),
            axes=AXES,
            names=NAMES,
            slips={
                "the smallest entry is taken": _maxpool(-x, window, strides, sign=-1),
                "the largest of all channels is taken": tuple(
                    np.broadcast_to(a.max(axis=3, keepdims=True), a.shape) for a in (y, winner)
                ),
                "windows are counted column by column": _maxpool(x, window, strides, order="F"),
            },
        )
    tied = np.array([[7.0, 7, 1, 2], [7, 7, 5, 5]]).reshape(1, 2, 4, 1)
    mine.expect(
        "on a tie the first entry wins, row by row",
        {"x": tied, "window": (2, 2), "strides": (2, 2)},
        _maxpool(tied, (2, 2), (2, 2)),
        axes=AXES,
        names=NAMES,
        slips={
            "the last of the tied entries wins": (
                np.array([7.0, 5.0]).reshape(1, 1, 2, 1), np.array([3, 3]).reshape(1, 1, 2, 1),
            )
        },
    )  # fmt: skip


def _maxpool(
    x: np.ndarray, window: tuple[int, int], strides: tuple[int, int], sign: int = 1,
    order: str = "C",
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """y (N, OH, OW, C) and the winner's place in its window, whole numbers of the same shape."""
    cols = im2col(x, window, strides)  # (N, OH, OW, KH, KW, C)
    if order == "F":
        cols = cols.swapaxes(3, 4)
    N, OH, OW, KH, KW, C = cols.shape
    windows = cols.reshape(N, OH, OW, KH * KW, C)
    return sign * windows.max(axis=3), windows.argmax(axis=3)


EXERCISE = Exercise(
    name="maxpool",
    chapter=4,
    signature="my_maxpool(x, window, strides)",
    task="The largest entry y (N, OH, OW, C) of each window, and its place in it, both in a tuple.",
    hints=(
        "im2col gives every window. Which axes does a window have, and which of them may be merged "
        "so that a place in it is one number?",
        "windows = cols.reshape(N, OH, OW, KH * KW, C). NumPy's max and argmax take axis=3; argmax "
        "gives the first place on a tie.",
        "return windows.max(axis=3), windows.argmax(axis=3)",
    ),
    verify=verify,
)
