"""Chapter 1: the six loops."""

from typing import Any

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.reference.conv import conv2d_forward
from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise

AXES = ("n", "oh", "ow", "f")


def verify(mine: Attempt) -> None:
    """From one window to a batch with channels, filters and strides."""
    for text, x_shape, w_shape, bias, strides in (
        ("one window gives one number", (1, 2, 3, 1), (2, 3, 1, 1), False, (1, 1)),
        ("the window moves over the whole image", (1, 4, 5, 1), (2, 3, 1, 1), False, (1, 1)),
        ("the bias is added once to each output", (1, 4, 5, 1), (2, 3, 1, 1), True, (1, 1)),
        ("the products of all channels are summed", (1, 3, 4, 2), (2, 2, 2, 1), True, (1, 1)),
        ("each filter gives a feature map of its own", (1, 3, 4, 2), (2, 2, 2, 3), True, (1, 1)),
        ("strides: windows start SH rows and SW columns apart", (1, 6, 8, 1), (2, 2, 1, 2), True,
         (2, 3)),
        ("images of a batch stay apart", (3, 4, 5, 2), (3, 2, 2, 4), True, (1, 2)),
    ):  # fmt: skip
        x = np.arange(float(np.prod(x_shape))).reshape(x_shape)  # (N, H, W, C)
        w = np.random.default_rng(1).integers(-3, 4, w_shape).astype(float)  # (KH, KW, C, F)
        b = np.arange(1.0, w_shape[3] + 1) * 10 if bias else np.zeros(w_shape[3])  # (F,)
        places = w_shape[0] * w_shape[1]
        mine.expect(
            text,
            {"x": x, "w": w, "b": b, "strides": strides},
            _convolve(x, w, b, strides),
            axes=AXES,
            slips={
                "the kernel is flipped": _convolve(x, w[::-1, ::-1], b, strides),
                "the bias is left out": _convolve(x, w, 0 * b, strides),
                "the bias is added at every place": _convolve(x, w, places * b, strides),
                "the bias is added for every place and channel": _convolve(
                    x, w, places * w_shape[2] * b, strides
                ),
                "strides are taken as 1": _convolve(x, w, b, (1, 1)),
                "SH and SW are exchanged": _convolve(x, w, b, strides[::-1]),
            },
        )


def _convolve(x: Any, w: Any, b: Any, strides: tuple[int, int]) -> Any:
    from minicnn.backends import reference

    return conv2d_forward(Context(reference), x, w, b, strides, ((0, 0), (0, 0)), (1, 1), 1)


EXERCISE = Exercise(
    name="convolve",
    chapter=1,
    signature="my_convolve(x, w, b, strides)",
    task="Convolve x (N, H, W, C) with w (KH, KW, C, F) and b (F,), without padding.",
    hints=(
        "Four loops choose an output: n, oh, ow, f. Three more, i, j and c, sum its products (or "
        "one line of NumPy does).",
        "The window of output (oh, ow) begins at row oh SH and column ow SW.",
        "y[n, oh, ow, f] = b[f] + (x[n, oh*SH : oh*SH + KH, ow*SW : ow*SW + KW, :] "
        "* w[:, :, :, f]).sum()",
    ),
    verify=verify,
)
