"""Exercises of chapter 2: im2col."""

import numpy as np

from minicnn.backends.reference import conv
from minicnn.exercises import chapter01
from minicnn.exercises.exercise import Attempt, exercise


@exercise(
    "my_im2col(x, window, strides)",
    "Make the empty array cols first: np.empty((N, OH, OW, KH, KW, C), x.dtype), with "
    "OH = (H - KH) // SH + 1. Then fill it window by window, or place by place.",
    "Place by place takes KH KW copies only: what all windows have at (i, j) lies in "
    "x at rows i, i + SH, i + 2 SH, ... and columns j, j + SW, ...: a slice with steps.",
    "cols[:, :, :, i, j] = x[:, i : i + OH * SH : SH, j : j + OW * SW : SW]",
)
def im2col(mine: Attempt) -> None:
    """Copy every window of x (N, H, W, C) out, into cols (N, OH, OW, KH, KW, C)."""
    axes = ("n", "oh", "ow", "i", "j", "c")
    for text, shape, window, strides in (
        ("cols[0, oh, ow] is the window whose corner is at (oh, ow)", (1, 4, 5, 1), (2, 2), (1, 1)),
        ("a window may be higher than wide, or wider than high", (1, 4, 5, 1), (3, 2), (1, 1)),
        ("strides: windows start SH rows and SW columns apart", (1, 5, 8, 1), (2, 2), (1, 3)),
        ("a remainder at the bottom or the right is left out", (1, 6, 6, 1), (3, 2), (2, 3)),
        ("channels stay together, last", (1, 3, 4, 2), (2, 2), (1, 1)),
        ("images of a batch stay apart", (3, 3, 3, 2), (2, 2), (1, 1)),
    ):
        x = np.arange(float(np.prod(shape))).reshape(shape)  # (N, H, W, C)
        want = conv.im2col(x, window, strides)  # (N, OH, OW, KH, KW, C)
        slips = {
            "strides are taken as 1": conv.im2col(x, window, (1, 1)),
            "SH and SW are exchanged": conv.im2col(x, window, strides[::-1]),
            "KH and KW are exchanged": conv.im2col(x, window[::-1], strides),
            "rows and columns inside each window are exchanged": want.swapaxes(3, 4),
            "oh and ow are exchanged": want.swapaxes(1, 2),
        }
        arguments = {"x": x, "window": window, "strides": strides}
        mine.expect(text, arguments, want, axes=axes, slips=slips)
    x = np.arange(12, dtype=np.float32).reshape(1, 3, 4, 1)
    arguments = {"x": x, "window": (2, 2), "strides": (1, 1)}
    mine.expect("the dtype of x is kept", arguments, conv.im2col(x, (2, 2), (1, 1)), axes=axes)


@exercise(
    "my_matmul_convolve(x, w, b, strides)",
    "cols = im2col(x, (KH, KW), strides) has a window at each (n, oh, ow). Which two reshapes "
    "make matrices of cols and of w?",
    "One window a row: cols.reshape(N * OH * OW, KH * KW * C). One filter a column: "
    "w.reshape(KH * KW * C, F).",
    "(rows @ matrix + b).reshape(N, OH, OW, F)",
)
def matmul_convolve(mine: Attempt) -> None:
    """Convolve x (N, H, W, C) with w (KH, KW, C, F) and b (F,) by im2col and one product."""
    chapter01.convolve.verify(mine)


@exercise(
    "my_cols_bytes(x_shape, window, strides, itemsize)",
    "cols has the shape (N, OH, OW, KH, KW, C). How many entries is that?",
    "OH and OW come from your output_size of chapter 1; each entry takes itemsize bytes.",
)
def cols_bytes(mine: Attempt) -> None:
    """How many bytes the array cols takes."""
    for text, shape, window, strides, itemsize in (
        ("one window of one byte an entry", (1, 3, 2, 1), (3, 2), (1, 1), 1),
        ("every entry takes itemsize bytes", (1, 3, 2, 1), (3, 2), (1, 1), 4),
        ("there is one window for each output", (1, 5, 7, 1), (3, 2), (1, 1), 4),
        ("each window holds all channels", (1, 5, 7, 3), (3, 2), (1, 1), 4),
        ("strides make the windows fewer", (1, 8, 9, 3), (3, 2), (2, 3), 8),
        ("every image of the batch has its windows", (6, 8, 9, 3), (3, 2), (2, 3), 8),
    ):
        N, H, W, C = shape
        (KH, KW), (SH, SW) = window, strides
        OH, OW = (H - KH) // SH + 1, (W - KW) // SW + 1
        slips = {
            "the entries are counted, not their bytes": N * OH * OW * KH * KW * C,
            "the channels are left out": N * OH * OW * KH * KW * itemsize,
            "strides are taken as 1": N * (H - KH + 1) * (W - KW + 1) * KH * KW * C * itemsize,
            "the batch is left out": OH * OW * KH * KW * C * itemsize,
            "the image is counted, not its windows": int(np.prod(shape)) * itemsize,
            "each pixel is copied KH KW times, those at the edge too": (
                int(np.prod(shape)) * KH * KW * itemsize
            ),
        }
        arguments = {"x_shape": shape, "window": window, "strides": strides, "itemsize": itemsize}
        mine.expect(text, arguments, N * OH * OW * KH * KW * C * itemsize, slips=slips)
