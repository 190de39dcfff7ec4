"""Diagrams of windows: the sum behind a convolution's number, and the winners of a max-pooling."""

import numpy as np
from numpy.typing import ArrayLike

from minicnn import backends
from minicnn.backends.context import Context
from minicnn.drawing.cells import MARGIN, TOP, Cells, Colors, Numbers, arrow, canvas, cell_side
from minicnn.drawing.style import INK, Picture, styled
from minicnn.engine.arrays import host_array
from minicnn.engine.geometry import Pair, fitted, padding_name, pair
from minicnn.tracing.explain import Explanation, explain_arrays
from minicnn.tracing.window_sum import window_sum

# in cells
_GAP, _ROWS = 2.2, 1.6  # between x and y, and between them and their gradients
_MOST_PIXELS = 12


@styled
def convolution_window(
    x: "ArrayLike | Explanation", kernel: ArrayLike | None = None, bias: float = 0.0,
    row: int = 0, column: int = 0, strides: int | Pair = 1, padding: str = "valid",
) -> Picture:  # fmt: skip
    """How one number of a convolution is made: window times kernel, summed, plus the bias.

    Args:
        x: an image (H, W) or (H, W, C); or an ``Explanation``, what ``trace.explain`` gave for a
            convolution, and nothing else.
        kernel: one filter, (KH, KW) or (KH, KW, C).
        bias: of the filter.
        row, column: of the number in the output.
        strides: of the window, one number or two.
        padding: "valid" or "same"; padded pixels count as 0.

    Returns:
        A figure with a line a channel. An image of at most 10 by 10 pixels is drawn too, with the
        window in it.

    Raises:
        ValueError: shapes that do not belong together, or an explanation of another layer.
        IndexError: the output has no such row or column.

    Example::

        x, kernel = np.arange(20).reshape(4, 5), np.array([[1, 0, -1]] * 3)
        figure = minicnn.plots.convolution_window(x, kernel, bias=0.5, row=1, column=2)
        figure.savefig("window.png")
    """
    if isinstance(x, Explanation):
        return window_sum(x, alone=kernel is None)
    image, explanation = explain_arrays(x, kernel, bias, (row, column), strides, padding)
    return window_sum(explanation, image if max(image.shape[:2]) <= 10 else None)


@styled
def pooling_winners(
    x: ArrayLike, pool_size: int | Pair = 2, strides: int | Pair | None = None,
    padding: str = "valid", dy: ArrayLike | None = None,
) -> Picture:  # fmt: skip
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
    if image.ndim != 2 or not image.size or max(image.shape) > _MOST_PIXELS:
        raise ValueError(
            f"x must be an image (height, width) of at most {_MOST_PIXELS} × {_MOST_PIXELS}, got "
            f"shape {image.shape}"
        )
    H, W = image.shape
    window = pair(pool_size, "pool_size", "pooling_winners")
    step = window if strides is None else pair(strides, "strides", "pooling_winners")
    name = padding_name(padding, "pooling_winners")
    pads, shape = fitted((H, W), window, step, name)  # shape is (OH, OW)
    ops = backends.get("numpy")
    ctx = Context(ops)
    y = ops.maxpool2d_forward(ctx, image[None, :, :, None], window, step, pads)
    slopes = np.arange(1.0, y.size + 1).reshape(shape) if dy is None else host_array(dy, "dy")
    if slopes.shape != shape:
        raise ValueError(f"dy must have the shape of the output, {shape}, got {slopes.shape}")
    dx = ops.maxpool2d_backward(ctx, slopes.astype("float64")[None, :, :, None])
    # upper left corner of each window, outside of the image where it begins in the padding
    corners = [(i * step[0] - pads[0][0], j * step[1] - pads[1][0]) for i, j in np.ndindex(shape)]
    places = (divmod(int(flat), window[1]) for flat in ctx.winner[0, :, :, 0, 0].flat)
    winners = [(top + i, left + j) for (top, left), (i, j) in zip(corners, places, strict=True)]
    frames = [([r for r in range(top, top + window[0]) if 0 <= r < H],
               [k for k in range(left, left + window[1]) if 0 <= k < W])
              for top, left in corners]  # fmt: skip
    apart = all(s >= k for s, k in zip(step, window, strict=True))  # else their lines would cross
    return _draw_winners(
        image, y[0, :, :, 0], slopes, dx[0, :, :, 0], winners, frames if apart else []
    )


def _draw_winners(
    x: np.ndarray, y: np.ndarray, dy: np.ndarray, dx: np.ndarray,
    winners: list[Pair], windows: list[tuple[list[int], list[int]]],
) -> Picture:  # fmt: skip
    (H, W), (OH, OW) = x.shape, y.shape
    numbers, slope_numbers = Numbers(x), Numbers(dx, dy)
    side = cell_side(max(numbers.longest, slope_numbers.longest))
    width = max(2 * MARGIN + W + _GAP + OW, 14)
    height = TOP + 2 * H + _ROWS + MARGIN
    title = "Max-pooling: the winners, and their gradients"
    figure, axes = canvas(width, height, side, title)
    colors, slopes = Colors(x), Colors(np.append(dx, dy))
    right, below = MARGIN + W + _GAP, TOP + H + _ROWS
    for values, text, look, left, top, title in (
        (x, numbers, colors, MARGIN, TOP, "x"),
        (y, numbers, colors, right, TOP + (H - OH) / 2, "y"),
        (dx, slope_numbers, slopes, MARGIN, below, "dx"),
        (dy, slope_numbers, slopes, right, below + (H - OH) / 2, "dy"),
    ):
        grid = Cells(axes, values.shape, left, top, title)
        grid.put_all(values, text, look)
        if title in ("x", "dx"):
            for rows, columns in windows:
                grid.frame(rows, columns, INK, thick=2)
            for row, column in winners:
                grid.frame([row], [column])
    for top, forward in ((TOP, True), (below, False)):
        ends = (MARGIN + W + 0.3, top + H / 2), (right - 0.3, top + H / 2)
        arrow(axes, *(ends if forward else ends[::-1]), bend=0.0)
    return figure
