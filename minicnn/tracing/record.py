"""What a trace holds: the arrays of every layer, for one image and so without a batch axis."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from minicnn.registry import suggestion
from minicnn.tracing.explain import Explanation, axis_names, explain

if TYPE_CHECKING:
    from minicnn.layers import Layer

_HEAD = ("layer", "shape", "axes", "min", "mean", "max", "zeros", "|gradient|")  # of the table


@dataclass
class LayerTrace:
    """One layer: what went in and came out, and the gradients on the way back.

    Attributes:
        name: of the layer; inside a nested model "model/layer".
        layer: the layer itself.
        activation: name of its ``activation=``, empty when it has none.
        x: what came in.
        z: what the layer computed before its activation, None when it has none.
        y: what went out.
        dx, dz, dy: gradients with respect to x, z and y, of their shapes; None where the backward
            pass did not begin yet (behind the logits).
        weights: name -> value, such as {"kernel": (3, 3, 1, 8), "bias": (8,)}.
        gradients: name -> gradient with respect to that weight; empty if the layer has none, or
            lies behind the logits.
    """

    name: str
    layer: "Layer"
    x: np.ndarray
    y: np.ndarray
    activation: str = ""
    z: np.ndarray | None = None
    dx: np.ndarray | None = None
    dz: np.ndarray | None = None
    dy: np.ndarray | None = None
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    gradients: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def class_name(self) -> str:
        """Name of the layer's class, such as "Conv2D"."""
        return type(self.layer).__name__

    def __repr__(self) -> str:
        return f"<LayerTrace {self.name} ({self.class_name}): {self.x.shape} -> {self.y.shape}>"


@dataclass
class Trace:
    """Every array of one image's way through a model and back.

    ``print(trace)`` shows a table, ``trace["conv2d"]`` is a :class:`LayerTrace`,
    ``trace.explain("conv2d", row, column, channel)`` shows the products behind one number.

    Attributes:
        model_name: of the model.
        image: what went in, without the batch axis: (H, W, C).
        dimage: gradient with respect to the image, of its shape.
        layers: the layers in order, those of nested models too.
        logits: the scores in front of the last softmax or sigmoid; without one, the output.
        output: what came out.
        differentiated: what the gradients are of, in words.
        value: its value.
    """

    model_name: str
    image: np.ndarray
    dimage: np.ndarray
    layers: list[LayerTrace]
    logits: np.ndarray
    differentiated: str
    value: float

    @property
    def output(self) -> np.ndarray:
        """What came out of the last layer."""
        return self.layers[-1].y

    @property
    def names(self) -> list[str]:
        """The layers' names in order."""
        return [layer.name for layer in self.layers]

    def __getitem__(self, name: str) -> LayerTrace:
        for layer in self.layers:
            if layer.name == name:
                return layer
        hint = suggestion(str(name), self.names)
        raise KeyError(f"no layer {name!r}{hint}; there are {', '.join(self.names)}")

    def explain(self, layer: str, *cell: int) -> Explanation:
        """The numbers that made one entry of a layer's output.

        Args:
            layer: its name.
            cell: the entry: row, column, channel for images, the unit for vectors.

        Raises:
            KeyError: there is no such layer.
            IndexError: the layer's output has no such entry.
            ValueError: the layer is none whose arithmetic is known here, such as one of your own.
        """
        return explain(self[layer], cell)

    def __str__(self) -> str:
        return _table(self)

    def __repr__(self) -> str:
        return f"<Trace of {self.model_name}: {len(self.layers)} layers>"


def _table(trace: Trace) -> str:
    """The arrays of a trace, from the image to the output, one line each."""
    rows = [_HEAD, _row("image", trace.image, trace.dimage)]
    for layer in trace.layers:
        name = f"{layer.name} ({layer.class_name})"
        if layer.z is not None:
            rows.append(_row(name, layer.z, layer.dz))
            name = f"    after {layer.activation}"
        rows.append(_row(name, layer.y, layer.dy))
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = [
        f"One image through {trace.model_name!r} and back.",
        f"The gradients are those of {trace.differentiated}, which is {trace.value:.6g}.",
        "",
    ]
    for row in rows:  # words to the left, numbers to the right
        cells = [cell.ljust(w) if i < 3 else cell.rjust(w)
                 for i, (cell, w) in enumerate(zip(row, widths, strict=True))]  # fmt: skip
        lines.append("  ".join(cells).rstrip())
    if trace.layers[-1].dy is None:
        lines += ["", "-: the backward pass begins in front of the last activation, at the logits."]
    return "\n".join(lines)


def _row(name: str, values: np.ndarray, gradient: np.ndarray | None) -> tuple[str, ...]:
    numbers = values.astype("float64")
    return (
        name,
        " × ".join(map(str, values.shape)),
        ", ".join(axis_names(values.ndim)),
        f"{numbers.min():.4g}",
        f"{numbers.mean():.4g}",
        f"{numbers.max():.4g}",
        f"{(values == 0).mean():.1%}",
        "-" if gradient is None else f"{np.linalg.norm(gradient.astype('float64')):.3g}",
    )
