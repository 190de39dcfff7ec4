"""Exercises of chapter 1: a convolution by hand."""

import numpy as np

from minicnn.backends import reference
from minicnn.backends.context import Context
from minicnn.backends.reference.conv import conv2d_forward
from minicnn.exercises.exercise import Attempt, Mistake, exercise


@exercise(
    "my_output_size(size, window, stride, before, after)",
    "Begin without padding: put the window at the left edge. How many steps can it take?",
    "The last window has to begin at size - window or before. The number of positions is the "
    "number of steps + 1.",
    "Padding makes the axis longer: size + before + after. Steps of length stride into what is "
    "left: a whole-number division, //.",
)
def output_size(mine: Attempt) -> None:
    """How many windows fit side by side along one axis."""
    for text, size, window, stride, before, after in (
        ("a window as wide as the image fits once", 4, 4, 1, 0, 0),
        ("with stride 1 there are size - window + 1 of them", 7, 3, 1, 0, 0),
        ("padding counts on both sides", 5, 3, 1, 1, 1),
        ("padding may differ before and after", 5, 2, 1, 0, 3),
        ("with stride 2 every second one is left", 7, 3, 2, 0, 0),
        ("a remainder that no window reaches is dropped", 8, 3, 2, 0, 0),
        ("all at once", 28, 5, 3, 2, 1),
    ):
        slips = {
            "the + 1 is missing": (size + before + after - window) // stride,
            "it is rounded up": -(-(size + before + after - window) // stride) + 1,
            "the stride is left out": size + before + after - window + 1,
            "the padding is left out": (size - window) // stride + 1,
            "only the padding before counts": (size + before - window) // stride + 1,
            "the padding before is counted twice": (size + 2 * before - window) // stride + 1,
        }
        arguments = {
            "size": size, "window": window, "stride": stride, "before": before, "after": after,
        }  # fmt: skip
        mine.expect(text, arguments, (size + before + after - window) // stride + 1, slips=slips)


@exercise(
    "my_convolve(x, w, b, strides)",
    "Four loops choose an output: n, oh, ow, f. Three more, i, j and c, sum its products (or "
    "one line of NumPy does).",
    "The window of output (oh, ow) begins at row oh SH and column ow SW.",
    "y[n, oh, ow, f] = b[f] + (x[n, oh*SH : oh*SH + KH, ow*SW : ow*SW + KW, :] "
    "* w[:, :, :, f]).sum()",
)
def convolve(mine: Attempt) -> None:
    """Convolve x (N, H, W, C) with w (KH, KW, C, F) and b (F,), without padding."""
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
        slips = {
            "the kernel is flipped": _convolve(x, w[::-1, ::-1], b, strides),
            "the bias is left out": _convolve(x, w, 0 * b, strides),
            "the bias is added at every place": _convolve(x, w, places * b, strides),
            "the bias is added for every place and channel": _convolve(
                x, w, places * w_shape[2] * b, strides
            ),
            "strides are taken as 1": _convolve(x, w, b, (1, 1)),
            "SH and SW are exchanged": _convolve(x, w, b, strides[::-1]),
        }
        arguments = {"x": x, "w": w, "b": b, "strides": strides}
        want = _convolve(x, w, b, strides)
        mine.expect(text, arguments, want, axes=("n", "oh", "ow", "f"), slips=slips)


def _convolve(x: np.ndarray, w: np.ndarray, b: np.ndarray, strides: tuple[int, int]) -> np.ndarray:
    return conv2d_forward(Context(reference), x, w, b, strides, ((0, 0), (0, 0)), (1, 1), 1)


BRIGHT_RIGHT = np.array([[0.0, 0, 1], [0, 0, 1], [0, 0, 1]])


@exercise(
    "my_vertical_edge()",
    "The answer is the sum of products with the window. Which numbers cancel on a window of "
    "one brightness?",
    "Count the right column as plus, the left column as minus, and the middle not at all.",
)
def vertical_edge(mine: Attempt) -> None:
    """A filter (3, 3) that is positive where the image gets brighter from left to right."""
    shape = "it returns a float array of shape (3, 3)"
    w = mine.call(shape, {})
    mine.require(
        shape,
        isinstance(w, np.ndarray) and w.shape == (3, 3) and w.dtype == np.float64,
        f"got {f'{w.dtype}, shape {w.shape}' if isinstance(w, np.ndarray) else type(w).__name__}; "
        "np.array([[...], [...], [...]], float) makes one",
    )
    mine.require("its numbers are finite", bool(np.isfinite(w).all()), "a number is inf or nan")
    # what the filter answers, whatever its numbers are
    for text, window, holds, why in (
        ("a window that is dark all over gives 0", np.zeros((3, 3)), _zero, "it gives {}"),
        ("a window of one brightness gives 0", np.ones((3, 3)), _zero,
         "it gives {}: its numbers have to sum to 0, or it measures brightness"),
        ("brighter on the right gives a positive number", BRIGHT_RIGHT, _positive,
         "it gives {}: what should the sign of the right column be?"),
        ("brighter on the left gives a negative number", BRIGHT_RIGHT[:, ::-1], _negative,
         "it gives {}: what should the sign of the left column be?"),
        ("a horizontal edge gives 0", BRIGHT_RIGHT.T, _zero,
         "it gives {}: each row of the filter has to sum to 0"),
        ("a horizontal edge one row higher gives 0", 1 - BRIGHT_RIGHT.T[::-1], _zero,
         "it gives {}: each row of the filter has to sum to 0"),
    ):  # fmt: skip
        answer = float((window * w).sum())
        try:
            mine.require(text, holds(answer), why.format(f"{answer:.4g}"))
        except Mistake as mistake:
            rows = [f"               {row.astype(int).tolist()}" for row in window]
            rows[0] = f"  the window   {window[0].astype(int).tolist()}"
            mistake.details = [*rows, *mistake.details]
            raise


def _zero(answer: float) -> bool:
    return abs(answer) < 1e-12


def _positive(answer: float) -> bool:
    return answer > 1e-6


def _negative(answer: float) -> bool:
    return answer < -1e-6
