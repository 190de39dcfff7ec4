"""One entry of a layer's output, and the numbers that it was made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minicnn.engine.guard import is_own
from minicnn.tracing.window import covered, cut_window
from minicnn.tracing.words import axis_names, explanation_text


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

    def plot(self) -> Any:
        """The picture of a convolution's window: see ``minicnn.plots.convolution_window``."""
        from minicnn.plots import convolution_window  # not before it is needed: Matplotlib

        return convolution_window(self)

    def __str__(self) -> str:
        return explanation_text(self)


def explain(layer: Any, cell: tuple[int, ...]) -> Explanation:
    """How entry ``cell`` of the output of a traced layer came about.

    Args:
        layer: a :class:`minicnn.tracing.LayerTrace`.

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


def _check(layer: Any, cell: tuple[int, ...]) -> None:
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


def _convolution(layer: Any, cell: tuple[int, ...]) -> Explanation:
    conv, kernel = layer.layer, layer.weights["kernel"]  # (KH, KW, C // groups, F)
    row, column, f = cell
    KH, KW, C, F = kernel.shape
    block = f // (F // conv.groups)  # which group the filter belongs to
    inputs = layer.x[..., block * C : (block + 1) * C]  # (H, W, C // groups)
    pads = conv.pads((1, *layer.x.shape))
    rows, columns = covered((row, column), (KH, KW), conv.strides, pads, conv.dilation_rate)
    return Explanation(
        layer.name, layer.class_name, "sum of products", cell, float(layer.y[cell]),
        cut_window(inputs, rows, columns, 0.0), rows, columns, layer.x.shape[:2],
        kernel[..., f],
        _bias(layer, f), layer.activation,
    )  # fmt: skip


def _dense(layer: Any, cell: tuple[int, ...]) -> Explanation:
    *place, unit = cell
    return Explanation(
        layer.name, layer.class_name, "sum of products", cell, float(layer.y[cell]),
        layer.x[tuple(place)].copy(), kernel=layer.weights["kernel"][:, unit],
        bias=_bias(layer, unit), activation=layer.activation,
    )  # fmt: skip


def _bias(layer: Any, f: int) -> float:
    bias = layer.weights.get("bias")
    return 0.0 if bias is None else float(bias[f])


def _pooled(layer: Any, cell: tuple[int, ...]) -> Explanation:
    pool = layer.layer
    row, column, c = cell
    pads = pool.pads((1, *layer.x.shape))
    rows, columns = covered((row, column), pool.pool_size, pool.strides, pads)
    return _pool(layer, cell, rows, columns, c)


def _pooled_whole(layer: Any, cell: tuple[int, ...]) -> Explanation:
    H, W, _ = layer.x.shape
    return _pool(layer, cell, tuple(range(H)), tuple(range(W)), cell[-1])


def _pool(
    layer: Any, cell: tuple[int, ...], rows: tuple[int, ...], columns: tuple[int, ...], c: int
) -> Explanation:
    """A maximum or a mean over the entries of a window that lie inside the image."""
    largest = "max" in layer.layer.kind
    fill = -np.inf if largest else 0.0
    window = cut_window(layer.x[..., c : c + 1], rows, columns, fill)  # (PH, PW, 1)
    explanation = Explanation(
        layer.name, layer.class_name, "largest" if largest else "mean", cell,
        float(layer.y[cell]), window, rows, columns, layer.x.shape[:2],
    )  # fmt: skip
    if largest:
        i, j = np.unravel_index(int(window.argmax()), window.shape[:2])
        explanation.source = (rows[int(i)], columns[int(j)], c)
    return explanation


def _flattened(layer: Any, cell: tuple[int, ...]) -> Explanation:
    source = tuple(int(i) for i in np.unravel_index(cell[0], layer.x.shape))
    return Explanation(
        layer.name, layer.class_name, "copy", cell, float(layer.y[cell]),
        layer.x[source].reshape(1), source=source,
    )  # fmt: skip


_BY_KIND: dict[str, Callable[[Any, tuple[int, ...]], Explanation]] = {
    "conv2d": _convolution,
    "dense": _dense,
    "maxpool2d": _pooled,
    "avgpool2d": _pooled,
    "global_maxpool2d": _pooled_whole,
    "global_avgpool2d": _pooled_whole,
    "flatten": _flattened,
}
