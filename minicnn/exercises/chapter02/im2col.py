"""Chapter 2: write im2col."""

import numpy as np

from minicnn.backends.reference.conv import im2col
from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise

AXES = ("n", "oh", "ow", "i", "j", "c")


def verify(mine: Attempt) -> None:
    """From one image with one channel to everything at once."""
    for text, shape, window, strides in (
        ("cols[0, oh, ow] is the window whose corner is at (oh, ow)", (1, 4, 5, 1), (2, 2), (1, 1)),
        ("a window may be higher than wide, or wider than high", (1, 4, 5, 1), (3, 2), (1, 1)),
        ("strides: windows start SH rows and SW columns apart", (1, 5, 8, 1), (2, 2), (1, 3)),
        ("a remainder at the bottom or the right is left out", (1, 6, 6, 1), (3, 2), (2, 3)),
        ("channels stay together, last", (1, 3, 4, 2), (2, 2), (1, 1)),
        ("images of a batch stay apart", (3, 3, 3, 2), (2, 2), (1, 1)),
    ):
        x = np.arange(float(np.prod(shape))).reshape(shape)  # (N, H, W, C)
        want = im2col(x, window, strides)  # (N, OH, OW, KH, KW, C)
        slips = {
            "strides are taken as 1": im2col(x, window, (1, 1)),
            "SH and SW are exchanged": im2col(x, window, strides[::-1]),
            "KH and KW are exchanged": im2col(x, window[::-1], strides),
            "rows and columns inside each window are exchanged": want.swapaxes(3, 4),
            "oh and ow are exchanged": want.swapaxes(1, 2),
        }
        arguments = {"x": x, "window": window, "strides": strides}
        mine.expect(text, arguments, want, axes=AXES, slips=slips)
    x = np.arange(12, dtype=np.float32).reshape(1, 3, 4, 1)
    mine.expect(
        "the dtype of x is kept",
        {"x": x, "window": (2, 2), "strides": (1, 1)},
        im2col(x, (2, 2), (1, 1)),
        axes=AXES,
    )


EXERCISE = Exercise(
    name="im2col",
    chapter=2,
    signature="my_im2col(x, window, strides)",
    task="Copy every window of x (N, H, W, C) out, into cols (N, OH, OW, KH, KW, C).",
    hints=(
        "Make the empty array cols first: np.empty((N, OH, OW, KH, KW, C), x.dtype), with "
        "OH = (H - KH) // SH + 1. Then fill it window by window, or place by place.",
        "Place by place takes KH KW copies only: what all windows have at (i, j) lies in "
        "x at rows i, i + SH, i + 2 SH, ... and columns j, j + SW, ...: a slice with steps.",
        "cols[:, :, :, i, j] = x[:, i : i + OH * SH : SH, j : j + OW * SW : SW]",
    ),
    verify=verify,
)
