"""Chapter 3: write col2im, the adjoint of im2col."""

import numpy as np

from minicnn.backends.reference.conv import col2im, im2col
from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise

AXES = ("n", "h", "w", "c")


def verify(mine: Attempt) -> None:
    """First apart, then overlapping, then everything; at last the property that defines it."""
    for text, shape, window, strides in (
        ("windows side by side go back to their places", (1, 4, 6, 1), (2, 3), (2, 3)),
        ("where windows overlap, what comes back is added", (1, 3, 4, 1), (2, 2), (1, 1)),
        ("a pixel in no window gets 0", (1, 5, 6, 1), (2, 2), (3, 3)),
        ("a remainder at the bottom or the right gets 0", (1, 6, 6, 1), (3, 3), (2, 2)),
        ("windows may be higher than wide, with other strides", (1, 7, 8, 1), (3, 2), (1, 2)),
        ("channels stay apart", (1, 3, 4, 3), (2, 2), (1, 1)),
        ("images of a batch stay apart", (3, 3, 4, 2), (2, 2), (1, 1)),
    ):
        cols = im2col(np.zeros(shape), window, strides)  # for its shape
        dcols = np.arange(float(cols.size)).reshape(cols.shape)  # (N, OH, OW, KH, KW, C)
        mine.expect(
            text,
            {"dcols": dcols, "x_shape": shape, "strides": strides},
            col2im(dcols, shape, strides),
            axes=AXES,
            slips={
                "a window overwrites what was there (= instead of +=)": _overwritten(
                    dcols, shape, strides
                ),
                "the mean is taken where the sum belongs": _mean(dcols, shape, strides),
                "SH and SW are exchanged": _exchanged(dcols, shape, strides),
            },
        )
    random = np.random.default_rng(3)
    x, dcols = random.normal(size=(2, 7, 6, 3)), random.normal(size=(2, 3, 2, 3, 4, 3))
    text = "it is the adjoint: <im2col(x), c> = <x, col2im(c)>"
    got = mine.call(text, {"dcols": dcols, "x_shape": x.shape, "strides": (2, 2)})
    left = float((im2col(x, (3, 4), (2, 2)) * dcols).sum())
    right = float((x * got).sum())
    mine.require(text, abs(left - right) < 1e-9, f"<im2col(x), c> = {left:.6g}, got {right:.6g}")


def _overwritten(dcols: np.ndarray, shape: tuple[int, ...], strides: tuple[int, int]) -> np.ndarray:
    _, OH, OW, KH, KW, _ = dcols.shape
    SH, SW = strides
    dx = np.zeros(shape)
    for i in range(KH):
        for j in range(KW):
            dx[:, i : i + OH * SH : SH, j : j + OW * SW : SW] = dcols[:, :, :, i, j]
    return dx


def _mean(dcols: np.ndarray, shape: tuple[int, ...], strides: tuple[int, int]) -> np.ndarray:
    count = col2im(np.ones_like(dcols), shape, strides)
    return col2im(dcols, shape, strides) / np.maximum(count, 1)


def _exchanged(dcols: np.ndarray, shape: tuple[int, ...], strides: tuple[int, int]) -> np.ndarray:
    try:
        return col2im(dcols, shape, strides[::-1])
    except ValueError:  # it does not fit: nobody can have got that
        return np.zeros(0)


EXERCISE = Exercise(
    name="col2im",
    chapter=3,
    signature="my_col2im(dcols, x_shape, strides)",
    task="Add every window of dcols (N, OH, OW, KH, KW, C) back where im2col took it from.",
    hints=(
        "Take your im2col, and read each of its lines the other way round: what was copied out is "
        "added back.",
        "Begin with np.zeros(x_shape, dcols.dtype). For every place (i, j) the same slice of the "
        "image as in im2col stands on the left now, and += in the place of =.",
        "dx[:, i : i + OH * SH : SH, j : j + OW * SW : SW] += dcols[:, :, :, i, j]",
    ),
    verify=verify,
)
