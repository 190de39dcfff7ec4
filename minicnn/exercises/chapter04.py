"""Exercises of chapter 4: ReLU and max-pooling."""

import numpy as np

from minicnn.backends.reference.conv import col2im, im2col
from minicnn.exercises.exercise import Attempt, exercise


@exercise(
    "my_relu_backward(x, dy)",
    "The slope of max(x, 0) is 1 to the right of 0, and 0 to the left. Chain rule: dx is dy "
    "times the slope.",
    "x > 0 is an array of True and False; times a number these are 1 and 0.",
)
def relu_backward(mine: Attempt) -> None:
    """The gradient dx of y = max(x, 0), from x and the upstream gradient dy."""
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
        slips = {
            "the mask is taken from dy, not from x": b * (b > 0),
            "dy passes everywhere": b,
            "the value max(x, 0) comes back instead of the gradient": np.maximum(a, 0),
            "the mask comes back, without dy": (a > 0).astype(float),
            "x is multiplied in": b * np.maximum(a, 0),
            "the mask is the wrong way round": b * (a <= 0),
            "dy passes at 0, too": b * (a >= 0),
        }
        arguments = {"x": a, "dy": b}
        mine.expect(text, arguments, b * (a > 0), slips=slips)


@exercise(
    "my_maxpool(x, window, strides)",
    "im2col gives every window. Which axes does a window have, and which of them may be merged "
    "so that a place in it is one number?",
    "windows = cols.reshape(N, OH, OW, KH * KW, C). NumPy's max and argmax take axis=3; argmax "
    "gives the first place on a tie.",
    "return windows.max(axis=3), windows.argmax(axis=3)",
)
def maxpool(mine: Attempt) -> None:
    """The largest entry y (N, OH, OW, C) of each window, and its place in it, both in a tuple."""
    axes, names = (("n", "oh", "ow", "c"),) * 2, ("y", "winner")
    # shuffled whole numbers, so that every winner is known
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
        slips = {
            "the smallest entry is taken": _maxpool(-x, window, strides, sign=-1),
            "the largest of all channels is taken": tuple(
                np.broadcast_to(a.max(axis=3, keepdims=True), a.shape) for a in (y, winner)
            ),
            "windows are counted column by column": _maxpool(x, window, strides, order="F"),
        }
        arguments = {"x": x, "window": window, "strides": strides}
        mine.expect(text, arguments, (y, winner), axes=axes, names=names, slips=slips)
    tied = np.array([[7.0, 7, 1, 2], [7, 7, 5, 5]]).reshape(1, 2, 4, 1)
    slips = {
        "the last of the tied entries wins": (
            np.array([7.0, 5.0]).reshape(1, 1, 2, 1), np.array([3, 3]).reshape(1, 1, 2, 1),
        )
    }  # fmt: skip
    arguments = {"x": tied, "window": (2, 2), "strides": (2, 2)}
    text, want = "on a tie the first entry wins, row by row", _maxpool(tied, (2, 2), (2, 2))
    mine.expect(text, arguments, want, axes=axes, names=names, slips=slips)


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


@exercise(
    "my_maxpool_backward(dy, winner, x_shape, window, strides)",
    "What is the slope of the largest entry with respect to the winner? And to the others?",
    "Make dwindows = np.zeros((N, OH, OW, KH * KW, C)) and put dy at the winners: "
    "np.put_along_axis(dwindows, winner[:, :, :, None], dy[:, :, :, None], axis=3).",
    "Then dwindows.reshape(N, OH, OW, KH, KW, C) is what col2im takes: windows go back, and "
    "where they overlap they add.",
)
def maxpool_backward(mine: Attempt) -> None:
    """The gradient dx (N, H, W, C) of max-pooling, from dy and the winners of forward."""
    for text, shape, window, strides in (
        ("one window: all of dy goes to the winner", (1, 2, 3, 1), (2, 3), (2, 3)),
        ("windows side by side: each to its own winner", (1, 4, 6, 1), (2, 3), (2, 3)),
        ("a pixel that wins in several windows gets the sum", (1, 3, 4, 1), (2, 2), (1, 1)),
        ("each channel has its own winner", (1, 4, 4, 3), (2, 2), (2, 2)),
        ("images of a batch, and a remainder that gets 0", (3, 5, 7, 2), (2, 2), (2, 3)),
    ):
        size = int(np.prod(shape))
        x = np.random.default_rng(6).permutation(size).astype(float).reshape(shape)
        _, winner = _maxpool(x, window, strides)  # (N, OH, OW, C)
        (N, OH, OW, C), (KH, KW) = winner.shape, window
        dy = np.arange(1.0, winner.size + 1).reshape(winner.shape)
        dwindows = np.zeros((N, OH, OW, KH * KW, C))
        np.put_along_axis(dwindows, winner[:, :, :, None], dy[:, :, :, None], axis=3)
        dcols = dwindows.reshape(N, OH, OW, KH, KW, C)
        everywhere = np.repeat(dy[:, :, :, None], KH * KW, axis=3).reshape(dcols.shape)
        slips = {
            "every entry of the window gets dy": col2im(everywhere, shape, strides),
            "dy is shared out among the entries": col2im(everywhere, shape, strides) / (KH * KW),
            "a later window overwrites an earlier one (= instead of +=)": _overwritten(
                dcols, shape, strides
            ),
            "winners are counted column by column": col2im(
                dwindows.reshape(N, OH, OW, KW, KH, C).swapaxes(3, 4), shape, strides
            ),
            "dy is left out: winners get 1": col2im((dcols > 0).astype(float), shape, strides),
        }
        arguments = {
            "dy": dy, "winner": winner, "x_shape": shape, "window": window, "strides": strides,
        }  # fmt: skip
        want = col2im(dcols, shape, strides)
        mine.expect(text, arguments, want, axes=("n", "h", "w", "c"), slips=slips)


def _overwritten(dcols: np.ndarray, shape: tuple[int, ...], strides: tuple[int, int]) -> np.ndarray:
    """Window after window, its winner set rather than added."""
    N, OH, OW, KH, KW, C = dcols.shape
    dx = np.zeros(shape)
    for n, oh, ow, i, j, c in np.ndindex(N, OH, OW, KH, KW, C):
        if dcols[n, oh, ow, i, j, c]:
            dx[n, oh * strides[0] + i, ow * strides[1] + j, c] = dcols[n, oh, ow, i, j, c]
    return dx
