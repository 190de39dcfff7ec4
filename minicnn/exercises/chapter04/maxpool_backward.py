"""Chapter 4: the gradient goes to the winners."""

import numpy as np

from minicnn.backends.reference.conv import col2im, im2col
from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise

AXES = ("n", "h", "w", "c")


def verify(mine: Attempt) -> None:
    """Side by side, overlapping, with channels and a batch."""
    for text, shape, window, strides in (
        ("one window: all of dy goes to the winner", (1, 2, 3, 1), (2, 3), (2, 3)),
        ("windows side by side: each to its own winner", (1, 4, 6, 1), (2, 3), (2, 3)),
        ("a pixel that wins in several windows gets the sum", (1, 3, 4, 1), (2, 2), (1, 1)),
        ("each channel has its own winner", (1, 4, 4, 3), (2, 2), (2, 2)),
        ("images of a batch, and a remainder that gets 0", (3, 5, 7, 2), (2, 2), (2, 3)),
    ):
        size = int(np.prod(shape))
        x = np.random.default_rng(6).permutation(size).astype(float).reshape(shape)
        cols = im2col(x, window, strides)
        N, OH, OW, KH, KW, C = cols.shape
        winner = cols.reshape(N, OH, OW, KH * KW, C).argmax(axis=3)  # (N, OH, OW, C)
        dy = np.arange(1.0, winner.size + 1).reshape(winner.shape)
        dwindows = np.zeros((N, OH, OW, KH * KW, C))
        np.put_along_axis(dwindows, winner[:, :, :, None], dy[:, :, :, None], axis=3)
        everywhere = np.repeat(dy[:, :, :, None], KH * KW, axis=3).reshape(cols.shape)
        dcols = dwindows.reshape(cols.shape)
        mine.expect(
            text,
            {"dy": dy, "winner": winner, "x_shape": shape, "window": window, "strides": strides},
            col2im(dcols, shape, strides),
            axes=AXES,
            slips={
                "every entry of the window gets dy": col2im(everywhere, shape, strides),
                "dy is shared out among the entries": col2im(everywhere, shape, strides)
                / (KH * KW),
                "a later window overwrites an earlier one (= instead of +=)": _overwritten(
                    dcols, shape, strides
                ),
                "winners are counted column by column": col2im(
                    dwindows.reshape(N, OH, OW, KW, KH, C).swapaxes(3, 4), shape, strides
                ),
                "dy is left out: winners get 1": col2im((dcols > 0).astype(float), shape, strides),
            },
        )


def _overwritten(dcols: np.ndarray, shape: tuple[int, ...], strides: tuple[int, int]) -> np.ndarray:
    """Window after window, its winner set rather than added."""
    N, OH, OW, KH, KW, C = dcols.shape
    dx = np.zeros(shape)
    for n, oh, ow, i, j, c in np.ndindex(N, OH, OW, KH, KW, C):
        if dcols[n, oh, ow, i, j, c]:
            dx[n, oh * strides[0] + i, ow * strides[1] + j, c] = dcols[n, oh, ow, i, j, c]
    return dx


EXERCISE = Exercise(
    name="maxpool_backward",
    chapter=4,
    signature="my_maxpool_backward(dy, winner, x_shape, window, strides)",
    task="The gradient dx (N, H, W, C) of max-pooling, from dy and the winners of forward.",
    hints=(
        "What is the slope of the largest entry with respect to the winner? And to the others?",
        "Make dwindows = np.zeros((N, OH, OW, KH * KW, C)) and put dy at the winners: "
        "np.put_along_axis(dwindows, winner[:, :, :, None], dy[:, :, :, None], axis=3).",
        "Then dwindows.reshape(N, OH, OW, KH, KW, C) is what col2im takes: windows go back, and "
        "where they overlap they add.",
    ),
    verify=verify,
)
