"""Diagrams of windows: the sum behind a convolution's number, and the winners of a max-pooling."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from minicnn import backends
from minicnn.backends.context import Context
from minicnn.engine.arrays import host_array
from minicnn.engine.geometry import Pair, output_size, padding_name, pads_for, pair
from minicnn.plots.cells import Cells, Colors, Numbers, arrow, canvas, cell_side
from minicnn.plots.style import INK, MINUS, VERMILION, Picture, styled

if TYPE_CHECKING:
    from minicnn.tracing import Explanation

# in cells
_MARGIN, _TOP = 0.7, 2.6
_SIGN, _LINES = 1.4, 1.1  # room for a sign, and between the lines of two channels
_GAP, _ROWS = 2.2, 1.6  # between x and y, and between them and their gradients
_MOST_CHANNELS, _MOST_PIXELS = 4, 12


@styled
def window_sum(e: "Explanation", image: np.ndarray | None = None, alone: bool = True) -> Picture:
    """The picture of ``minicnn.plots.convolution_window``.

    The image (H, W, C) is drawn in front, with the window in it. ``alone`` is false when more was
    given than an explanation.

    Raises:
        ValueError: not the explanation of a convolution, or not alone.
    """
    if e.kernel is None or e.products is None or not e.rows or not alone:
        raise ValueError(
            "convolution_window takes the explanation of a convolution and nothing else, or "
            f"arrays; this one is of {e.layer!r} ({e.class_name})"
        )
    KH, KW, channels = e.window.shape
    shown = min(channels, _MOST_CHANNELS)
    arrays = {"window": e.window, "kernel": e.kernel, "products": e.products}
    if image is not None:
        arrays["image"] = image
    seen = e.window if image is None else image  # window and image look the same
    looks = {name: (Numbers(a[..., :shown]), Colors(a))
             for name, a in {**arrays, "window": seen}.items()}  # fmt: skip
    H, W = seen.shape[:2]
    deep = max(H, KH)  # cells of one channel's line
    image_width = 0 if image is None else W + _SIGN
    side = cell_side(max(numbers.longest for numbers, _ in looks.values()))
    width = max(2 * _MARGIN + image_width + 3 * KW + 2 * _SIGN, 14)
    height = _TOP + shown * (deep + _LINES) + (1.6 if e.activation else 0.8)
    # arrays alone have a row and a column; an explanation of a layer has the filter as well
    place = zip(("row", "column", "channel"), e.cell, strict=False)
    title = f"{e.layer}: {', '.join(f'{name} {i}' for name, i in place)}"
    figure, axes = canvas(width, height, side)
    axes.text(_MARGIN, 0.8, title, fontsize=15, fontweight="bold", va="center")

    def draw(name: str, c: int, left: float, top: float) -> Cells:
        first = "window" if image is None else "image"  # only there is room for more words
        title = name + (f", channel {c}" if channels > 1 and name == first else "")
        grid = Cells(axes, arrays[name].shape[:2], left, top, title)
        grid.put_all(arrays[name][..., c], *looks[name], e.padding if name == "window" else None)
        return grid

    for c in range(shown):
        top = _TOP + c * (deep + _LINES)
        if image is not None:
            grid = draw("image", c, _MARGIN, top)
            grid.frame([r for r in e.rows if 0 <= r < H], [k for k in e.columns if 0 <= k < W])
        left, middle = _MARGIN + image_width, top + deep / 2
        for name, sign in (("window", "×"), ("kernel", "="), ("products", "")):
            draw(name, c, left, middle - KH / 2)
            axes.text(left + KW + _SIGN / 2, middle, sign, fontsize=20, ha="center", va="center")
            left += KW + _SIGN
    more = f" (all {channels} channels)" if channels > shown else ""
    _write_sum(axes, e, float(e.products.sum()), more, _TOP + shown * (deep + _LINES))
    return figure


def _write_sum(axes: Axes, e: "Explanation", total: float, more: str, y: float) -> None:
    """The line below: the sum of the products, the bias, the activation."""
    sign = MINUS if e.bias < 0 else "+"
    text = f"sum of the products {_short(total)}{more} {sign} bias {_short(abs(e.bias))} = "
    results = [(text, e.value)]
    if e.activation:
        results = [(text, e.before), (f"after {e.activation}: ", e.value)]
    for line, (words, value) in enumerate(results):
        start = axes.text(_MARGIN, y + 0.8 * line, words, fontsize=14, va="center", color=INK)
        axes.annotate(_short(value), (1, 0), xycoords=start, va="bottom", fontsize=14,
                      fontweight="bold", color=VERMILION)  # fmt: skip


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", MINUS)


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
    pads = (pads_for(H, window[0], step[0], name), pads_for(W, window[1], step[1], name))
    if min(output_size(*a) for a in zip((H, W), window, step, pads, strict=True)) < 1:
        raise ValueError(
            f"a window of {window[0]} × {window[1]} does not fit an image of {H} × {W}"
        )
    ops = backends.get("numpy")
    ctx = Context(ops)
    y = ops.maxpool2d_forward(ctx, image[None, :, :, None], window, step, pads)
    shape = y.shape[1:3]  # (OH, OW)
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
    width = max(2 * _MARGIN + W + _GAP + OW, 14)
    height = _TOP + 2 * H + _ROWS + _MARGIN
    figure, axes = canvas(width, height, side)
    axes.text(_MARGIN, 0.8, "Max-pooling: the winners, and their gradients", fontsize=15,
              fontweight="bold", va="center")  # fmt: skip
    colors, slopes = Colors(x), Colors(np.append(dx, dy))
    right, below = _MARGIN + W + _GAP, _TOP + H + _ROWS
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
