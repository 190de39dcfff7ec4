"""Chapter 2: what im2col costs in memory."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def verify(mine: Attempt) -> None:
    """Against the size of the array itself."""
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
        mine.expect(
            text,
            {"x_shape": shape, "window": window, "strides": strides, "itemsize": itemsize},
            N * OH * OW * KH * KW * C * itemsize,
            slips={
                "the entries are counted, not their bytes": N * OH * OW * KH * KW * C,
                "the channels are left out": N * OH * OW * KH * KW * itemsize,
                "strides are taken as 1": N * (H - KH + 1) * (W - KW + 1) * KH * KW * C * itemsize,
                "the batch is left out": OH * OW * KH * KW * C * itemsize,
                "the image is counted, not its windows": int(np.prod(shape)) * itemsize,
                "each pixel is copied KH KW times, those at the edge too": (
                    int(np.prod(shape)) * KH * KW * itemsize
                ),
            },
        )


EXERCISE = Exercise(
    name="cols_bytes",
    chapter=2,
    signature="my_cols_bytes(x_shape, window, strides, itemsize)",
    task="How many bytes the array cols takes.",
    hints=(
        "cols has the shape (N, OH, OW, KH, KW, C). How many entries is that?",
        "OH and OW come from your output_size of chapter 1; each entry takes itemsize bytes.",
    ),
    verify=verify,
)
