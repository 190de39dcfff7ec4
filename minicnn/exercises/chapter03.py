"""Exercises of chapter 3: the way back."""

import numpy as np

from minicnn.backends import reference
from minicnn.backends.context import Context
from minicnn.backends.reference import conv
from minicnn.exercises.exercise import Attempt, exercise


@exercise(
    "my_overlap(size, window, strides)",
    "Begin with zeros of the image's size, and visit every window.",
    "A window (oh, ow) adds 1 to the pixels it covers: rows oh SH to oh SH + KH, columns "
    "ow SW to ow SW + KW.",
    "counts[oh*SH : oh*SH + KH, ow*SW : ow*SW + KW] += 1",
)
def overlap(mine: Attempt) -> None:
    """For each pixel of an image (H, W), the number of windows it lies in, a float array."""
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
        slips = {
            "strides are taken as 1": _ones(size, window, (1, 1)),
            "KH and KW are exchanged": _ones(size, window[::-1], strides),
            "windows set pixels where they should add": np.minimum(want, 1),
            "every pixel is thought to lie in KH KW windows": np.full(size, float(KH * KW)),
        }
        arguments = {"size": size, "window": window, "strides": strides}
        mine.expect(text, arguments, want, axes=("h", "w"), slips=slips)


def _ones(size: tuple[int, int], window: tuple[int, int], strides: tuple[int, int]) -> np.ndarray:
    (H, W), (KH, KW), (SH, SW) = size, window, strides
    OH, OW = max((H - KH) // SH + 1, 0), max((W - KW) // SW + 1, 0)
    return conv.col2im(np.ones((1, OH, OW, KH, KW, 1)), (1, H, W, 1), strides)[0, :, :, 0]


@exercise(
    "my_col2im(dcols, x_shape, strides)",
    "Take your im2col, and read each of its lines the other way round: what was copied out is "
    "added back.",
    "Begin with np.zeros(x_shape, dcols.dtype). For every place (i, j) the same slice of the "
    "image as in im2col stands on the left now, and += in the place of =.",
    "dx[:, i : i + OH * SH : SH, j : j + OW * SW : SW] += dcols[:, :, :, i, j]",
)
def col2im(mine: Attempt) -> None:
    """Add every window of dcols (N, OH, OW, KH, KW, C) back where im2col took it from."""
    for text, shape, window, strides in (
        ("windows side by side go back to their places", (1, 4, 6, 1), (2, 3), (2, 3)),
        ("where windows overlap, what comes back is added", (1, 3, 4, 1), (2, 2), (1, 1)),
        ("a pixel in no window gets 0", (1, 5, 6, 1), (2, 2), (3, 3)),
        ("a remainder at the bottom or the right gets 0", (1, 6, 6, 1), (3, 3), (2, 2)),
        ("windows may be higher than wide, with other strides", (1, 7, 8, 1), (3, 2), (1, 2)),
        ("channels stay apart", (1, 3, 4, 3), (2, 2), (1, 1)),
        ("images of a batch stay apart", (3, 3, 4, 2), (2, 2), (1, 1)),
    ):
        cols = conv.im2col(np.zeros(shape), window, strides)  # for its shape
        dcols = np.arange(float(cols.size)).reshape(cols.shape)  # (N, OH, OW, KH, KW, C)
        slips = {
            "a window overwrites what was there (= instead of +=)": _overwritten(
                dcols, shape, strides
            ),
            "the mean is taken where the sum belongs": _mean(dcols, shape, strides),
            "SH and SW are exchanged": _exchanged(dcols, shape, strides),
        }
        arguments = {"dcols": dcols, "x_shape": shape, "strides": strides}
        want = conv.col2im(dcols, shape, strides)
        mine.expect(text, arguments, want, axes=("n", "h", "w", "c"), slips=slips)
    random = np.random.default_rng(3)
    x, dcols = random.normal(size=(2, 7, 6, 3)), random.normal(size=(2, 3, 2, 3, 4, 3))
    text = "it is the adjoint: <im2col(x), c> = <x, col2im(c)>"
    got = mine.call(text, {"dcols": dcols, "x_shape": x.shape, "strides": (2, 2)})
    left = float((conv.im2col(x, (3, 4), (2, 2)) * dcols).sum())
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
    count = conv.col2im(np.ones_like(dcols), shape, strides)
    return conv.col2im(dcols, shape, strides) / np.maximum(count, 1)


def _exchanged(dcols: np.ndarray, shape: tuple[int, ...], strides: tuple[int, int]) -> np.ndarray:
    try:
        return conv.col2im(dcols, shape, strides[::-1])
    except ValueError:  # it does not fit: nobody can have got that
        return np.zeros(0)


@exercise(
    "my_conv_backward(x, w, dy, strides)",
    "Forward is rows @ matrix + b with rows = cols.reshape(N*OH*OW, KH*KW*C). Give dy the "
    "shape of that product first: dy.reshape(N*OH*OW, F).",
    "dw is rows.T @ dy in w's shape, db the sum of dy over its rows, dcols is dy @ matrix.T in "
    "the shape of cols.",
    "dx = col2im(dcols, x.shape, strides); return dx, dw, db",
)
def conv_backward(mine: Attempt) -> None:
    """From dy (N, OH, OW, F) the gradients (dx, dw, db) of a convolution without padding."""
    # the numbers are small and whole
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
        slips = {
            "dw and db are means over the batch, not sums": (dx, dw / N, db / N),
            "dw is a mean over the batch, not a sum": (dx, dw / N, db),
            "db is a mean, not a sum": (dx, dw, dy.mean(axis=(0, 1, 2))),
            "the kernel of dw is flipped": (dx, dw[::-1, ::-1], db),
            "the kernel is flipped on the way to dx": (
                _backward(x, w[::-1, ::-1], dy, strides)[0], dw, db,
            ),
            "dx and dw are exchanged": (dw, dx, db),
            "the sign of all three is wrong": (-dx, -dw, -db),
        }  # fmt: skip
        arguments = {"x": x, "w": w, "dy": dy, "strides": strides}
        axes, names = (("n", "h", "w", "c"), ("i", "j", "c", "f"), ("f",)), ("dx", "dw", "db")
        mine.expect(text, arguments, (dx, dw, db), axes=axes, names=names, slips=slips)


def _forward(x: np.ndarray, w: np.ndarray, strides: tuple[int, int]) -> tuple[Context, np.ndarray]:
    ctx = Context(reference)
    return ctx, conv.conv2d_forward(ctx, x, w, None, strides, ((0, 0), (0, 0)), (1, 1), 1)


def _backward(
    x: np.ndarray, w: np.ndarray, dy: np.ndarray, strides: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    ctx, _ = _forward(x, w, strides)
    dw, db = np.empty_like(w), np.empty(w.shape[3])
    dx = conv.conv2d_backward(ctx, dy, w, dw, db)
    assert dx is not None  # the context needs it
    return dx, dw, db
