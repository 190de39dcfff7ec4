"""One window times one kernel makes one number: the sum behind an entry of a convolution."""

from typing import Any

import numpy as np

from minicnn.engine.arrays import host_array
from minicnn.engine.geometry import padding_name, pair
from minicnn.plots.cells import Cells, Colors, canvas, cell_side
from minicnn.plots.numbers import Numbers
from minicnn.plots.style import INK, VERMILION, Picture, styled
from minicnn.tracing import Explanation
from minicnn.tracing.window import cut_window, places

_MOST_CHANNELS = 4
_MARGIN, _SIGN, _TOP, _BETWEEN = 0.7, 1.4, 2.6, 1.1  # in cells


@styled
def convolution_window(
    x: Any,
    kernel: Any = None,
    bias: float = 0.0,
    row: int = 0,
    column: int = 0,
    strides: Any = 1,
    padding: str = "valid",
) -> Picture:
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
        if kernel is not None or x.kind != "sum of products" or not x.rows:
            raise ValueError(
                "convolution_window takes the explanation of a convolution and nothing else, or "
                f"arrays; this one is of {x.layer!r} ({x.class_name})"
            )
        return _drawn(x, None)
    image, explanation = _explanation(x, kernel, bias, (row, column), strides, padding)
    return _drawn(explanation, image if max(image.shape[:2]) <= 10 else None)


def _explanation(
    x: Any, kernel: Any, bias: float, at: tuple[int, int], strides: Any, padding: str
) -> tuple[np.ndarray, Explanation]:
    """The image (H, W, C) and how its convolution's entry ``at`` comes about."""
    image, w = host_array(x, "x"), host_array(kernel, "kernel")
    image = image[..., None] if image.ndim == 2 else image
    w = w[..., None] if w.ndim == 2 else w
    if image.ndim != 3 or w.ndim != 3 or image.shape[2] != w.shape[2]:
        raise ValueError(
            "x must be an image (height, width) or (height, width, channels) and kernel one filter "
            f"with as many channels, got {np.shape(x)} and {np.shape(kernel)}"
        )
    step, name = pair(strides, "strides", "convolution_window"), padding_name(padding, "padding")
    size = (w.shape[0], w.shape[1])
    rows, columns = places(image.shape[:2], size, step, name, at)
    window = cut_window(image, rows, columns, 0.0)
    value = float((window.astype("float64") * w).sum()) + bias
    return image, Explanation(
        "convolution", "Conv2D", "sum of products", at, value, window, rows, columns,
        image.shape[:2], w, bias,
    )  # fmt: skip


def _drawn(e: Explanation, image: np.ndarray | None) -> Picture:
    assert e.kernel is not None
    assert e.products is not None
    KH, KW, channels = e.window.shape
    shown = min(channels, _MOST_CHANNELS)
    seen = e.window if image is None else image
    arrays = {"image": image, "window": e.window, "kernel": e.kernel, "products": e.products}
    numbers = {name: Numbers(a[..., :shown]) for name, a in arrays.items() if a is not None}
    numbers["window"] = Numbers(seen[..., :shown])
    colors = {"image": Colors(seen), "window": Colors(seen), "kernel": Colors(e.kernel),
              "products": Colors(e.products)}  # fmt: skip
    H, W = (KH, KW) if image is None else image.shape[:2]
    deep = max(H, KH)  # cells of one channel's line
    image_width = 0 if image is None else W + _SIGN
    side = cell_side(max(n.longest for n in numbers.values()))
    width = max(2 * _MARGIN + image_width + 3 * KW + 2 * _SIGN, 14)
    height = _TOP + shown * (deep + _BETWEEN) + (1.6 if e.activation else 0.8)
    figure = Picture(figsize=(width * side, height * side))
    axes = canvas(figure, width, height)
    _write_title(axes, e)

    def draw(name: str, c: int, left: float, top: float) -> Cells:
        values = arrays[name]
        assert values is not None
        first = "window" if image is None else "image"  # only there is room for more words
        title = name + (f", channel {c}" if channels > 1 and name == first else "")
        grid = Cells(axes, values.shape[:2], left, top, title)
        padding = e.padding if name == "window" else None
        grid.put_all(values[..., c], numbers[name], colors[name], padding)
        return grid

    for c in range(shown):
        top = _TOP + c * (deep + _BETWEEN)
        if image is not None:
            grid = draw("image", c, _MARGIN, top)
            grid.frame([r for r in e.rows if 0 <= r < H], [k for k in e.columns if 0 <= k < W])
        left, middle = _MARGIN + image_width, top + deep / 2
        for name, sign in (("window", "×"), ("kernel", "="), ("products", "")):
            draw(name, c, left, middle - KH / 2)
            axes.text(left + KW + _SIGN / 2, middle, sign, fontsize=20, ha="center", va="center")
            left += KW + _SIGN
    _write_sum(axes, e, shown, _TOP + shown * (deep + _BETWEEN))
    return figure


def _write_title(axes: Any, e: Explanation) -> None:
    # arrays alone have a row and a column; an explanation of a layer has the filter as well
    axis_names = ("row", "column", "channel")
    where = ", ".join(f"{a} {i}" for a, i in zip(axis_names, e.cell, strict=False))
    axes.text(_MARGIN, 0.8, f"{e.layer}: {where}", fontsize=15, fontweight="bold", va="center")


def _write_sum(axes: Any, e: Explanation, shown: int, y: float) -> None:
    """The line below: the sum of the products, the bias, the activation."""
    assert e.products is not None
    channels = e.products.shape[-1]
    total = float(e.products.sum())
    more = f" (all {channels} channels)" if channels > shown else ""
    sign = "−" if e.bias < 0 else "+"
    text = f"sum of the products {_short(total)}{more} {sign} bias {_short(abs(e.bias))} = "
    results = [(text, e.value)]
    if e.activation:
        results = [(text, e.before), (f"after {e.activation}: ", e.value)]
    for line, (words, value) in enumerate(results):
        start = axes.text(_MARGIN, y + 0.8 * line, words, fontsize=14, va="center", color=INK)
        axes.annotate(_short(value), (1, 0), xycoords=start, va="bottom", fontsize=14,
                      fontweight="bold", color=VERMILION)  # fmt: skip


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")
