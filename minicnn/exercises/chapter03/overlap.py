"""Chapter 3: in how many windows each pixel lies."""

import numpy as np

from minicnn.backends.reference.conv import col2im
from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def verify(mine: Attempt) -> None:
    """Against the windows counted one by one."""
    for text, size, window, strides in (
        ("windows side by side hold each pixel once", (4, 6), (2, 3), (2, 3)),
        ("where windows overlap a pixel counts for each", (3, 4), (2, 2), (1, 1)),
        ("a window may be higher than wide", (4, 4), (3, 2), (1, 1)),
        ("a pixel that no window reaches counts 0", (5, 5), (2, 2), (3, 3)),
        ("a remainder at the bottom or the right counts 0", (6, 6), (3, 3), (2, 2)),
    ):
        (H, W), (KH, KW), (SH, SW) = size, window, strides
        OH, OW = (H - KH) // SH + 1, (W - KW) // SW + 1
        want = np.zeros(size)  # (H, W)
        for oh in range(OH):
            for ow in range(OW):
                want[oh * SH : oh * SH + KH, ow * SW : ow * SW + KW] += 1
        mine.expect(
            text,
            {"size": size, "window": window, "strides": strides},
            want,
            axes=("h", "w"),
            slips={
                "strides are taken as 1": _ones(size, window, (1, 1)),
                "KH and KW are exchanged": _ones(size, window[::-1], strides),
                "windows set pixels where they should add": np.minimum(want, 1),
                "every pixel is thought to lie in KH KW windows": np.full(size, float(KH * KW)),
            },
        )


def _ones(size: tuple[int, int], window: tuple[int, int], strides: tuple[int, int]) -> np.ndarray:
    (H, W), (KH, KW), (SH, SW) = size, window, strides
    OH, OW = max((H - KH) // SH + 1, 0), max((W - KW) // SW + 1, 0)
    return col2im(np.ones((1, OH, OW, KH, KW, 1)), (1, H, W, 1), strides)[0, :, :, 0]


EXERCISE = Exercise(
    name="overlap",
    chapter=3,
    signature="my_overlap(size, window, strides)",
    task="For each pixel of an image (H, W), the number of windows it lies in, a float array.",
    hints=(
        "Begin with zeros of the image's size, and visit every window.",
        "A window (oh, ow) adds 1 to the pixels it covers: rows oh SH to oh SH + KH, columns "
        "ow SW to ow SW + KW.",
        "counts[oh*SH : oh*SH + KH, ow*SW : ow*SW + KW] += 1",
    ),
    verify=verify,
)
