"""Max-pooling there and back: which pixel of each window wins, and where its gradient goes."""

from typing import Any

import numpy as np

from minicnn import backends
from minicnn.backends.context import Context
from minicnn.engine.arrays import host_array
from minicnn.engine.geometry import output_size, padding_name, pads_for, pair
from minicnn.plots.cells import Cells, Colors, arrow, canvas, cell_side
from minicnn.plots.numbers import Numbers
from minicnn.plots.style import INK, Picture, styled

_MARGIN, _GAP, _TOP, _BETWEEN, _MOST = 0.7, 2.2, 2.6, 1.6, 12  # in cells


@styled
def pooling_winners(
    x: Any,
    pool_size: Any = 2,
    strides: Any = None,
    padding: str = "valid",
    dy: Any = None,
) -> Picture:
    """The winner of every pooling window, framed, and the gradient that goes back to it.

    On a tie the first entry wins, row by row. A pixel that wins several windows gets the sum of
    their gradients; all others get 0.

    Args:
        x: an image (H, W) of at most 12 by 12 pixels.
        pool_size: of the window, one number or two.
        strides: by default ``pool_size``.
        padding: "valid" or "same"; padding never wins.
        dy: gradient with respect to the output, of its shape; by default 1, 2, 3 ...

    Returns:
        A figure: x with its winners and y above, dy and dx below.

    Raises:
        ValueError: another shape, a window that does not fit, or an image too large to read.

    Example::

        x = np.array([[1, 3, 2, 2], [4, 0, 2, 1], [5, 1, 0, 7], [2, 5, 6, 3]])
        figure = minicnn.plots.pooling_winners(x)
        figure.savefig("pooling.png")
    """
    image = host_array(x, "x", "float64")
    if image.ndim != 2 or not image.size or max(image.shape) > _MOST:
        raise ValueError(
            f"x must be an image (height, width) of at most {_MOST} × {_MOST}, got shape "
            f"{image.shape}"
        )
    window = pair(pool_size, "pool_size", "pooling_winners")
    step = window if strides is None else pair(strides, "strides", "pooling_winners")
    name = padding_name(padding, "pooling_winners")
    down, across = (pads_for(*a, name) for a in zip(image.shape, window, step, strict=True))
    pads = down, across
    if min(output_size(*a) for a in zip(image.shape, window, step, pads, strict=True)) < 1:
        raise ValueError(
            f"a window of {window[0]} × {window[1]} does not fit an image of "
            f"{image.shape[0]} × {image.shape[1]}"
        )
    ops = backends.get("numpy")
    ctx = Context(ops)
    y = ops.maxpool2d_forward(ctx, image[None, :, :, None], window, step, pads)
    shape = y.shape[1:3]  # (OH, OW)
    slopes = np.arange(1.0, y.size + 1).reshape(shape) if dy is None else host_array(dy, "dy")
    if slopes.shape != shape:
        raise ValueError(f"dy must have the shape of the output, {shape}, got {slopes.shape}")
    dx = ops.maxpool2d_backward(ctx, slopes.astype("float64")[None, :, :, None])
    winners = [_winner(ctx.winner[0, i, j, 0, 0], (i, j), window, step, pads)
               for i, j in np.ndindex(shape)]  # fmt: skip
    apart = all(s >= k for s, k in zip(step, window, strict=True))  # else their lines would cross
    lines = [_inside(at, window, step, pads, image.shape) for at in np.ndindex(shape) if apart]
    return _drawn(image, y[0, :, :, 0], slopes, dx[0, :, :, 0], winners, lines)


def _winner(flat: Any, at: Any, window: Any, step: Any, pads: Any) -> tuple[int, int]:
    """(row, column) in the image of the winner of window ``at``."""
    i, j = divmod(int(flat), window[1])
    return at[0] * step[0] - pads[0][0] + i, at[1] * step[1] - pads[1][0] + j


def _inside(at: Any, window: Any, step: Any, pads: Any, size: Any) -> tuple[list[int], list[int]]:
    """Rows and columns of the image that window ``at`` covers."""
    rows, columns = (
        [p for p in range(first, first + window[a]) if 0 <= p < size[a]]
        for a in (0, 1)
        for first in [at[a] * step[a] - pads[a][0]]
    )
    return rows, columns


def _drawn(
    x: np.ndarray,
    y: np.ndarray,
    dy: np.ndarray,
    dx: np.ndarray,
    winners: list[tuple[int, int]],
    windows: list[tuple[list[int], list[int]]],
) -> Picture:
    (H, W), (OH, OW) = x.shape, y.shape
    numbers, slope_numbers = Numbers(x), Numbers(dx, dy)
    side = cell_side(max(numbers.longest, slope_numbers.longest))
    width = max(2 * _MARGIN + W + _GAP + OW, 14)
    height = _TOP + 2 * H + _BETWEEN + _MARGIN
    figure = Picture(figsize=(width * side, height * side))
    axes = canvas(figure, width, height)
    axes.text(_MARGIN, 0.8, "Max-pooling: the winners, and their gradients", fontsize=15,
              fontweight="bold", va="center")  # fmt: skip
    colors, slopes = Colors(x), Colors(np.append(dx, dy))
    right, below = _MARGIN + W + _GAP, _TOP + H + _BETWEEN
    for values, text, look, left, top, title in (
        (x, numbers, colors, _MARGIN, _TOP, "x"),
        (y, numbers, colors, right, _TOP + (H - OH) / 2, "y"),
        (dx, slope_numbers, slopes, _MARGIN, below, "dx"),
        (dy, slope_numbers, slopes, right, below + (H - OH) / 2, "dy"),
    ):
        grid = Cells(axes, values.shape, left, top, title)
        grid.put_all(values, text, look)
        if title in ("x", "dx"):
            for rows, columns in windows:
                grid.frame(rows, columns, INK, thick=2)
            for row, column in winners:
                grid.frame([row], [column])
    for top, forward in ((_TOP, True), (below, False)):
        ends = (_MARGIN + W + 0.3, top + H / 2), (right - 0.3, top + H / 2)
        arrow(axes, *(ends if forward else ends[::-1]), bend=0.0)
    return figure
