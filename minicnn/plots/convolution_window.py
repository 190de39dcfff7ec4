"""One window times one kernel makes one number: the sum behind an entry of a convolution."""

from typing import Any

import numpy as np

from minicnn.engine.arrays import host_array
from minicnn.engine.geometry import padding_name, pair
from minicnn.plots.cells import Cells, Colors, canvas, cell_side, number
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
        "convolution", "Conv2D", "sum of products", (*at, 0), value, window, rows, columns, w, bias
    )


def _drawn(e: Explanation, image: np.ndarray | None) -> Picture:
    assert e.kernel is not None
    assert e.products is not None
    KH, KW, channels = e.window.shape
    shown = min(channels, _MOST_CHANNELS)
    numbers = [e.window, e.kernel, e.products] + ([] if image is None else [image])
    side = cell_side(max(len(number(v)) for a in numbers for v in a[..., :shown].flat))
    H, W = (KH, KW) if image is None else image.shape[:2]
    image_width = 0 if image is None else W + _SIGN
    width = max(2 * _MARGIN + image_width + 3 * KW + 2 * _SIGN, 13)
    height = _TOP + shown * (max(H, KH) + _BETWEEN) + (1.6 if e.activation else 0.8)
    figure = Picture(figsize=(width * side, height * side))
    axes = canvas(figure, width, height)
    row, column = e.cell[:2]
    axes.text(_MARGIN, 0.8, f"{e.layer}: the number at row {row}, column {column}"
              + (f", channel {e.cell[2]}" if image is None else ""),
              fontsize=15, fontweight="bold", va="center")  # fmt: skip
    colors = {
        "image": Colors(e.window if image is None else image),
        "kernel": Colors(e.kernel),
        "products": Colors(e.products),
    }
    for c in range(shown):
        top = _TOP + c * (max(H, KH) + _BETWEEN)
        suffix = f", channel {c}" if channels > 1 else ""
        left = _MARGIN
        middle = top + max(H, KH) / 2
        if image is not None:
            grid = Cells(axes, (H, W), left, top, f"image{suffix}")
            grid.put_all(image[..., c], colors["image"])
            grid.frame([r for r in e.rows if 0 <= r < H], [k for k in e.columns if 0 <= k < W])
            left += image_width
        for values, name, sign in (
            (e.window, "window", "×"),
            (e.kernel, "kernel", "="),
            (e.products, "products", ""),
        ):
            grid = Cells(axes, (KH, KW), left, middle - KH / 2, name + suffix * (image is None))
            outside = _outside(e, image) if name == "window" else None
            grid.put_all(values[..., c], colors["image" if name == "window" else name], outside)
            left += KW
            if sign:
                axes.text(left + _SIGN / 2, middle, sign, fontsize=20, ha="center", va="center")
                left += _SIGN
    _write_sum(axes, e, shown, _TOP + shown * (max(H, KH) + _BETWEEN))
    return figure


def _outside(e: Explanation, image: np.ndarray | None) -> Any:
    """Which cells of the window are padding, where the size of the image is known."""
    if image is None:
        return None
    H, W = image.shape[:2]
    return np.array([[not (0 <= r < H and 0 <= k < W) for k in e.columns] for r in e.rows])


def _write_sum(axes: Any, e: Explanation, shown: int, y: float) -> None:
    """The line below: the sum of the products, the bias, the activation."""
    assert e.products is not None
    channels = e.products.shape[-1]
    total = float(e.products.sum())
    more = f" (all {channels} channels)" if channels > shown else ""
    sign = "−" if e.bias < 0 else "+"
    text = f"sum of the products {_short(total)}{more} {sign} bias {_short(abs(e.bias))} = "
    results = [(text, e.before)] + [(f"after {e.activation}: ", e.value)] * bool(e.activation)
    for line, (words, value) in enumerate(results):
        start = axes.text(_MARGIN, y + 0.8 * line, words, fontsize=14, va="center", color=INK)
        axes.annotate(_short(value), (1, 0), xycoords=start, va="bottom", fontsize=14,
                      fontweight="bold", color=VERMILION)  # fmt: skip


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")
