"""One entry of a layer's output, and the numbers that it was made of: as data and in words."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import ArrayLike

from minicnn.engine.arrays import host_array
from minicnn.engine.geometry import Pads, Pair, fitted, padding_name, pair
from minicnn.engine.guard import is_own

if TYPE_CHECKING:
    from minicnn.drawing.style import Picture
    from minicnn.layers import Conv2D, MaxPooling2D
    from minicnn.tracing.record import LayerTrace

Cell = tuple[int, ...]  # an entry of one sample, such as (row, column, channel)
_AXES = {1: ("units",), 3: ("height", "width", "channels")}
_ENTRY = {1: ("unit",), 3: ("row", "column", "channel")}
_MOST_CHANNELS = 4  # channels of a window that are written out
_MOST_TERMS = 8  # products of a dense layer that are written out


def axis_names(ndim: int, of_one_entry: bool = False) -> tuple[str, ...]:
    """Names of the axes of one sample, or of the numbers that point at one of its entries."""
    names = _ENTRY if of_one_entry else _AXES
    return names.get(ndim, tuple(f"axis {i}" for i in range(ndim)))


@dataclass
class Explanation:
    """How one number came about.

    Attributes:
        layer, class_name: which layer.
        kind: "sum of products", "largest", "mean" or "copy".
        cell: the entry of its output, such as (row, column, channel).
        axes: names of the axes of the cell.
        value: the entry itself.
        window: the inputs it was made of: (KH, KW, C), or (D,) for a dense layer; zeros, for a
            maximum -inf, where the window reaches into the padding.
        rows, columns: where the window lies in the input; -1 and below, or the size of the input
            and above, is padding. Empty for vectors.
        size: (height, width) of the input; empty for vectors.
        kernel: weights of the window, of its shape; None when there are none.
        products: ``window * kernel``.
        bias: what is added to their sum.
        before: sum of products plus bias, in float64.
        activation: name of what is applied then; empty for nothing.
        source: entry of the input that was taken over: the largest, or the one that was copied.
    """

    layer: str
    class_name: str
    kind: str
    cell: tuple[int, ...]
    value: float
    window: np.ndarray
    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()
    size: tuple[int, ...] = ()
    kernel: np.ndarray | None = None
    bias: float = 0.0
    activation: str = ""
    source: tuple[int, ...] = ()

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of the cell."""
        return axis_names(len(self.cell), of_one_entry=True)

    @property
    def products(self) -> np.ndarray | None:
        """window * kernel, in float64."""
        if self.kernel is None:
            return None
        return self.window.astype("float64") * self.kernel.astype("float64")

    @property
    def padding(self) -> np.ndarray:
        """Which places of the window lie outside of the input, (KH, KW)."""
        rows, columns = (
            np.array([not 0 <= place < size for place in places])
            for places, size in zip((self.rows, self.columns), self.size, strict=True)
        )
        return rows[:, None] | columns

    @property
    def before(self) -> float:
        """What goes into the activation."""
        products = self.products
        return self.value if products is None else float(products.sum()) + self.bias

    def plot(self) -> "Picture":
        """The picture of a convolution's window: see ``minicnn.plots.convolution_window``."""
        from minicnn.tracing.window_sum import window_sum  # not before it is needed: Matplotlib

        return window_sum(self)

    def __str__(self) -> str:
        return _text(self)


def explain(layer: "LayerTrace", cell: Cell) -> Explanation:
    """How entry ``cell`` of the output of a traced layer came about.

    Raises:
        IndexError: there is no such entry.
        ValueError: the layer's arithmetic is not known here.
    """
    _check(layer, cell)
    kind = getattr(layer.layer, "kind", "")
    if is_own(layer.layer) and kind in _BY_KIND:
        return _BY_KIND[kind](layer, cell)
    raise ValueError(
        f"explain knows convolutions, dense layers, poolings and Flatten, but {layer.name!r} is a "
        f"{layer.class_name}; its numbers are trace[{layer.name!r}].x and .y"
    )


def explain_arrays(
    x: ArrayLike, kernel: ArrayLike | None, bias: float, at: Pair, strides: object, padding: str
) -> tuple[np.ndarray, Explanation]:
    """An image as (H, W, C), and how entry ``at`` of its convolution with one filter comes about.

    Raises:
        ValueError: the shapes do not belong together, or the window does not fit the image.
        IndexError: there is no such entry.
    """
    image, w = host_array(x, "x"), host_array(kernel, "kernel")
    given = f"{image.shape} and {w.shape}"
    image = image[..., None] if image.ndim == 2 else image
    w = w[..., None] if w.ndim == 2 else w
    if image.ndim != 3 or w.ndim != 3 or image.shape[2] != w.shape[2]:
        raise ValueError(
            "x must be an image (height, width) or (height, width, channels) and kernel one filter "
            f"with as many channels, got {given}"
        )
    size, window_size = image.shape[:2], w.shape[:2]
    step, name = pair(strides, "strides", "convolution_window"), padding_name(padding, "padding")
    pads, sizes = fitted(size, window_size, step, name)
    for what, index, count in zip(("row", "column"), at, sizes, strict=True):
        if not 0 <= index < count:
            raise IndexError(
                f"the output has the size {sizes[0]} × {sizes[1]}, so that {what} goes from 0 to "
                f"{count - 1}; got {index}"
            )
    window, rows, columns = _covered(image, at, window_size, step, pads)
    value = float((window.astype("float64") * w).sum()) + bias
    return image, Explanation(
        "convolution", "Conv2D", "sum of products", at, value, window, rows, columns, size, w, bias,
    )  # fmt: skip


def _check(layer: "LayerTrace", cell: Cell) -> None:
    shape = layer.y.shape
    names = axis_names(len(shape), of_one_entry=True)
    if len(cell) != len(shape):
        raise IndexError(
            f"an entry of {layer.name!r} has {len(shape)} numbers, {', '.join(names)}, because its "
            f"output has shape {shape}; got {len(cell)}: {cell}"
        )
    for name, index, size in zip(names, cell, shape, strict=True):
        if not 0 <= index < size:
            raise IndexError(
                f"{layer.name!r} has no {name} {index}: its output has shape {shape}, so that "
                f"{name} goes from 0 to {size - 1}"
            )


def _convolution(layer: "LayerTrace", cell: Cell) -> Explanation:
    conv, kernel = cast("Conv2D", layer.layer), layer.weights["kernel"]  # (KH, KW, C // groups, F)
    row, column, f = cell
    KH, KW, C, F = kernel.shape
    block = f // (F // conv.groups)  # which group the filter belongs to
    inputs = layer.x[..., block * C : (block + 1) * C]  # (H, W, C // groups)
    pads = conv.pads((1, *layer.x.shape))
    covered = _covered(inputs, (row, column), (KH, KW), conv.strides, pads, conv.dilation_rate)
    return Explanation(
        layer.name, layer.class_name, "sum of products", cell, float(layer.y[cell]),
        *covered, layer.x.shape[:2], kernel[..., f], _bias(layer, f), layer.activation,
    )  # fmt: skip


def _dense(layer: "LayerTrace", cell: Cell) -> Explanation:
    *place, unit = cell
    return Explanation(
        layer.name, layer.class_name, "sum of products", cell, float(layer.y[cell]),
        layer.x[tuple(place)].copy(), kernel=layer.weights["kernel"][:, unit],
        bias=_bias(layer, unit), activation=layer.activation,
    )  # fmt: skip


def _bias(layer: "LayerTrace", f: int) -> float:
    return float(layer.weights["bias"][f]) if "bias" in layer.weights else 0.0


def _pooling(layer: "LayerTrace", cell: Cell) -> Explanation:
    """A maximum or a mean over the entries of a window that lie inside the image."""
    H, W, _ = layer.x.shape
    kind, c = layer.layer.kind, cell[-1]
    largest = "max" in kind
    inputs, fill = layer.x[..., c : c + 1], -np.inf if largest else 0.0  # (H, W, 1)
    at, size, strides, pads = (0, 0), (H, W), (1, 1), ((0, 0), (0, 0))
    if not kind.startswith("global"):
        pool = cast("MaxPooling2D", layer.layer)
        at, size, strides = (cell[0], cell[1]), pool.pool_size, pool.strides
        pads = pool.pads((1, H, W, 1))
    window, rows, columns = _covered(inputs, at, size, strides, pads, fill=fill)
    explanation = Explanation(
        layer.name, layer.class_name, "largest" if largest else "mean", cell,
        float(layer.y[cell]), window, rows, columns, (H, W),
    )  # fmt: skip
    if largest:
        i, j = np.unravel_index(int(window.argmax()), window.shape[:2])
        explanation.source = (rows[int(i)], columns[int(j)], c)
    return explanation


def _flatten(layer: "LayerTrace", cell: Cell) -> Explanation:
    source = tuple(int(i) for i in np.unravel_index(cell[0], layer.x.shape))
    return Explanation(
        layer.name, layer.class_name, "copy", cell, float(layer.y[cell]),
        layer.x[source].reshape(1), source=source,
    )  # fmt: skip


_BY_KIND: dict[str, Callable[["LayerTrace", Cell], Explanation]] = {
    "conv2d": _convolution, "dense": _dense, "flatten": _flatten, "maxpool2d": _pooling,
    "avgpool2d": _pooling, "global_maxpool2d": _pooling, "global_avgpool2d": _pooling,
}  # fmt: skip


def _covered(
    x: np.ndarray, output: Pair, window: Pair, strides: Pair, pads: Pads,
    dilation: Pair = (1, 1), fill: float = 0.0,
) -> tuple[np.ndarray, Cell, Cell]:  # fmt: skip
    """The window of x behind output (row, column), (KH, KW, C), and its rows and columns in x.

    x is (H, W, C). What lies outside of it is padding, and holds ``fill``.
    """
    rows, columns = (
        tuple(output[a] * strides[a] - pads[a][0] + i * dilation[a] for i in range(window[a]))
        for a in (0, 1)
    )
    H, W, C = x.shape
    values = np.full((*window, C), fill, x.dtype if fill == 0 else float)
    for (i, row), (j, column) in itertools.product(enumerate(rows), enumerate(columns)):
        if 0 <= row < H and 0 <= column < W:
            values[i, j] = x[row, column]
    return values, rows, columns


def _text(e: Explanation) -> str:
    """An explanation in words and numbers, for people who print it."""
    where = ", ".join(f"{a} {i}" for a, i in zip(e.axes, e.cell, strict=True))
    lines = [f"{e.layer} ({e.class_name}), {where}: {e.value:.6g}"]
    if e.kind == "copy":
        source = ", ".join(map(str, e.source))
        return "\n".join([*lines, f"  a copy of entry [{source}] of the input"])
    if e.rows:
        lines.append(f"  window: rows {_span(e.rows)}, columns {_span(e.columns)} of the input")
    if e.kernel is not None and e.products is not None:
        lines += (_window_lines if e.rows else _term_lines)(e, e.kernel, e.products)
        lines += [
            f"  sum of {e.products.size} products  {float(e.products.sum()):.6g}",
            f"  plus the bias  {e.bias:.6g}",
            f"  makes  {e.before:.6g}",
        ]
        if e.activation:
            lines.append(f"  after {e.activation}  {e.value:.6g}")
    else:
        lines += _grid(e.window[..., 0], "    ")
        if e.kind == "mean":
            lines.append(f"  the mean of those inside the image is {e.value:.6g}")
        else:
            row, column = e.source[:2]
            lines.append(f"  the largest, {e.value:.6g}, is at row {row}, column {column}")
    return "\n".join(lines)


def _span(places: tuple[int, ...]) -> str:
    """ "3 to 5", "3, 5, 7" or "3"."""
    if len(places) > 2 and places[1] - places[0] == 1:
        return f"{places[0]} to {places[-1]}"
    return ", ".join(map(str, places))


def _window_lines(e: Explanation, kernel: np.ndarray, products: np.ndarray) -> list[str]:
    """window × kernel = products, side by side, channel by channel."""
    lines = []
    channels = e.window.shape[-1]
    for c in range(min(channels, _MOST_CHANNELS)):
        if channels > 1:
            lines.append(f"  channel {c}")
        parts = [_grid(a[..., c], "") for a in (e.window, kernel, products)]
        heads = [h.center(len(p[0])) for h, p in zip(("window", "kernel", "products"), parts,
                                                     strict=True)]  # fmt: skip
        lines.append("    " + "     ".join(heads).rstrip())
        middle = (len(parts[0]) - 1) // 2
        for i, (a, b, p) in enumerate(zip(*parts, strict=True)):
            times, equals = ("  ×  ", "  =  ") if i == middle else ("     ", "     ")
            lines.append(f"    {a}{times}{b}{equals}{p}")
        if channels > 1:
            lines.append(f"    these add up to {products[..., c].sum():.6g}")
    if channels > _MOST_CHANNELS:
        rest = float(products[..., _MOST_CHANNELS:].sum())
        lines.append(f"  the other {channels - _MOST_CHANNELS} channels add up to {rest:.6g}")
    return lines


def _term_lines(e: Explanation, kernel: np.ndarray, products: np.ndarray) -> list[str]:
    """The largest products of a dense layer."""
    order = np.argsort(-np.abs(products), kind="stable")
    lines = [
        f"    x[{i}] × w[{i}, {e.cell[-1]}]  =  {e.window[i]:.5g} × {kernel[i]:.5g}"
        f"  =  {products[i]:.5g}"
        for i in order[:_MOST_TERMS]
    ]
    if len(order) > _MOST_TERMS:
        rest = float(products[order[_MOST_TERMS:]].sum())
        lines.append(f"    the other {len(order) - _MOST_TERMS} products add up to {rest:.6g}")
    return lines


def _grid(values: np.ndarray, indent: str) -> list[str]:
    """A matrix as lines of equal width; adding 0.0 makes -0 a 0."""
    cells = [[f"{v + 0.0:.4g}" for v in row] for row in values]
    width = max(len(c) for row in cells for c in row)
    return [indent + "  ".join(c.rjust(width) for c in row) for row in cells]
