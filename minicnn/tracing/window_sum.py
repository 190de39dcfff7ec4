"""The picture of an explanation: a window times a kernel, the sum behind a convolution's number."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from minicnn.drawing.cells import MARGIN, TOP, Cells, Colors, Numbers, canvas, cell_side
from minicnn.drawing.style import INK, MINUS, VERMILION, Picture, styled

if TYPE_CHECKING:
    from minicnn.tracing import Explanation

# in cells
_SIGN, _LINES = 1.4, 1.1  # room for a sign, and between the lines of two channels
_MOST_CHANNELS = 4


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
    width = max(2 * MARGIN + image_width + 3 * KW + 2 * _SIGN, 14)
    height = TOP + shown * (deep + _LINES) + (1.6 if e.activation else 0.8)
    # arrays alone have a row and a column; an explanation of a layer has the filter as well
    place = zip(("row", "column", "channel"), e.cell, strict=False)
    title = f"{e.layer}: {', '.join(f'{name} {i}' for name, i in place)}"
    figure, axes = canvas(width, height, side, title)

    def draw(name: str, c: int, left: float, top: float) -> Cells:
        first = "window" if image is None else "image"  # only there is room for more words
        title = name + (f", channel {c}" if channels > 1 and name == first else "")
        grid = Cells(axes, arrays[name].shape[:2], left, top, title)
        grid.put_all(arrays[name][..., c], *looks[name], e.padding if name == "window" else None)
        return grid

    for c in range(shown):
        top = TOP + c * (deep + _LINES)
        if image is not None:
            grid = draw("image", c, MARGIN, top)
            grid.frame([r for r in e.rows if 0 <= r < H], [k for k in e.columns if 0 <= k < W])
        left, middle = MARGIN + image_width, top + deep / 2
        for name, sign in (("window", "×"), ("kernel", "="), ("products", "")):
            draw(name, c, left, middle - KH / 2)
            axes.text(left + KW + _SIGN / 2, middle, sign, fontsize=20, ha="center", va="center")
            left += KW + _SIGN
    more = f" (all {channels} channels)" if channels > shown else ""
    _write_sum(axes, e, float(e.products.sum()), more, TOP + shown * (deep + _LINES))
    return figure


def _write_sum(axes: Axes, e: "Explanation", total: float, more: str, y: float) -> None:
    """The line below: the sum of the products, the bias, the activation."""
    sign = MINUS if e.bias < 0 else "+"
    text = f"sum of the products {_short(total)}{more} {sign} bias {_short(abs(e.bias))} = "
    results = [(text, e.value)]
    if e.activation:
        results = [(text, e.before), (f"after {e.activation}: ", e.value)]
    for line, (words, value) in enumerate(results):
        start = axes.text(MARGIN, y + 0.8 * line, words, fontsize=14, va="center", color=INK)
        axes.annotate(_short(value), (1, 0), xycoords=start, va="bottom", fontsize=14,
                      fontweight="bold", color=VERMILION)  # fmt: skip


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", MINUS)
