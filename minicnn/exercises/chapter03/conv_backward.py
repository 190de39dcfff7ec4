"""Chapter 3: the three gradients of a convolution."""

from typing import Any

import numpy as np

from minicnn.backends import reference
from minicnn.backends.context import Context
from minicnn.backends.reference.conv import conv2d_backward, conv2d_forward
from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise

NAMES = ("dx", "dw", "db")
AXES = (("n", "h", "w", "c"), ("i", "j", "c", "f"), ("f",))


def verify(mine: Attempt) -> None:
    """From one window to a batch; the numbers are small and whole."""
    for text, x_shape, w_shape, strides in (
        ("one window: dx is w, dw is x, each times dy", (1, 2, 3, 1), (2, 3, 1, 1), (1, 1)),
        ("many windows: their contributions add up", (1, 3, 4, 1), (2, 2, 1, 1), (1, 1)),
        ("with channels and filters", (1, 3, 4, 2), (2, 3, 2, 3), (1, 1)),
        ("with strides and a remainder", (1, 6, 7, 2), (2, 3, 2, 3), (3, 2)),
        ("with a batch", (3, 6, 7, 2), (2, 3, 2, 3), (3, 2)),
    ):
        random = np.random.default_rng(4)
        x, w = (random.integers(-4, 5, shape).astype(float) for shape in (x_shape, w_shape))
        y = _forward(x, w, strides)[1]  # (N, OH, OW, F)
        dy = random.integers(-4, 5, y.shape).astype(float)
        dx, dw, db = _backward(x, w, dy, strides)
        N = len(x)
        mine.expect(
            text,
            {"x": x, "w": w, "dy": dy, "strides": strides},
            (dx, dw, db),
            axes=AXES,
            names=NAMES,
            slips={
                "dw and db are means over the batch, not sums": (dx, dw / N, db / N),
                "dw is a mean over the batch, not a sum": (dx, dw / N, db),
                "db is a mean, not a sum": (dx, dw, dy.mean(axis=(0, 1, 2))),
                "the kernel of dw is flipped": (dx, dw[::-1, ::-1], db),
                "the kernel is flipped on the way to dx": (
                    _backward(x, w[::-1, ::-1], dy, strides)[0], dw, db,
                ),
                "dx and dw are exchanged": (dw, dx, db),
                "the sign of all three is wrong": (-dx, -dw, -db),
            },
        )  # fmt: skip


def _forward(x: Any, w: Any, strides: tuple[int, int]) -> tuple[Context, Any]:
    ctx = Context(reference)
    return ctx, conv2d_forward(ctx, x, w, None, strides, ((0, 0), (0, 0)), (1, 1), 1)


def _backward(x: Any, w: Any, dy: Any, strides: tuple[int, int]) -> tuple[Any, Any, Any]:
    ctx, _ = _forward(x, w, strides)
    dw, db = np.empty_like(w), np.empty(w.shape[3])
    dx = conv2d_backward(ctx, dy, w, dw, db)
    return dx, dw, db


EXERCISE = Exercise(
    name="conv_backward",
    chapter=3,
    signature="my_conv_backward(x, w, dy, strides)",
    task="From dy (N, OH, OW, F) the gradients (dx, dw, db) of a convolution without padding.",
    hints=(
        "Forward is rows @ matrix + b with rows = cols.reshape(N*OH*OW, KH*KW*C). Give dy the "
        "shape of that product first: dy.reshape(N*OH*OW, F).",
        "dw is rows.T @ dy in w's shape, db the sum of dy over its rows, dcols is dy @ matrix.T in "
        "the shape of cols.",
        "dx = col2im(dcols, x.shape, strides); return dx, dw, db",
    ),
    verify=verify,
)
