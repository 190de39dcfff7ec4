"""One image through every layer, from pixels to answers, in one picture."""

from typing import Any

import numpy as np

from minicnn.engine.geometry import positive_integer
from minicnn.plots.style import BLUE, QUIET, VERMILION, Picture, bare, show_image, styled
from minicnn.plots.traced import Scale, as_trace
from minicnn.tracing import LayerTrace

_ROW, _NOTE, _TILE, _WORDS = 1.25, 0.45, 1.15, 2.6  # inches
_LEFT = 0.13  # inches in front of the words
_MOST_BARS = 32  # units that are drawn as bars with their numbers


@styled
def all_layers(source: Any, image: Any = None, most: int = 8, gradients: bool = False) -> Picture:
    """The output of every layer for one image, a row each.

    Images are drawn as tiles, a tile a channel, each row on a colour scale of its own; vectors as
    bars. A layer that passes its numbers on unchanged has a line of words only.

    Args:
        source: a trace, or a model.
        image: for a model: (H, W, C), (1, H, W, C) or (H, W).
        most: how many channels to draw, from the first.
        gradients: draw the gradients with respect to these outputs instead.

    Raises:
        ValueError: the image does not fit the model, or ``most`` is no positive integer.

    Example::

        figure = minicnn.plots.all_layers(model, x_test[0])
        figure.savefig("all_layers.png")
    """
    most = positive_integer(most, "most", "all_layers")
    traced = as_trace(source, image)
    rows = [("image", traced.dimage if gradients else traced.image, "")]
    rows += [_row(layer, gradients) for layer in traced.layers]
    heights = [_NOTE if array is None else _ROW for _, array, _ in rows]
    figure = Picture(figsize=(_WORDS + most * _TILE + 0.4, sum(heights) + 0.7))
    what = f"gradients of {traced.differentiated}" if gradients else "one image, layer by layer"
    figure.suptitle(f"{traced.model_name}: {what}", x=0.01, ha="left", fontsize=15,
                    fontweight="bold")  # fmt: skip
    parts: Any = figure.subfigures(len(rows), 1, height_ratios=heights)
    for part, (name, array, note) in zip(parts, rows, strict=True):
        words, room = part.subfigures(1, 2, width_ratios=[_WORDS, most * _TILE])
        if array is None:
            part.text(
                _LEFT / (_WORDS + most * _TILE),
                0.5,
                f"{name}: {note}",
                va="center",
                fontsize=12,
                color=QUIET,
            )
            continue
        shape = " × ".join(map(str, array.shape))
        words.text(_LEFT / _WORDS, 0.55, name, va="bottom", fontsize=13)
        words.text(_LEFT / _WORDS, 0.5, f"{shape}{note}", va="top", fontsize=12, color=QUIET)
        if array is traced.image and array.shape[-1] in (1, 3):
            show_image(room.subplots(1, most, squeeze=False)[0, 0], array)
            for empty in room.axes[1:]:
                empty.set_axis_off()
        elif array.ndim == 3:
            _tiles(room, array, most)
        else:
            _bars(room, array)
    return figure


def _row(layer: LayerTrace, gradients: bool) -> tuple[str, Any, str]:
    """(name, array or None, note)."""
    same = layer.x.size == layer.y.size and np.array_equal(layer.x.ravel(), layer.y.ravel())
    if same:
        how = "unchanged" if layer.x.shape == layer.y.shape else "in one row"
        return layer.name, None, f"the same {layer.x.size:,} numbers, {how}"
    if not gradients:
        return layer.name, layer.y, f", {layer.activation}" if layer.activation else ""
    if layer.dy is not None:
        return layer.name, layer.dy, ""
    if layer.dz is not None:
        return layer.name, layer.dz, f", before {layer.activation}"
    return layer.name, None, "behind the logits, where the backward pass begins"


def _tiles(room: Any, array: np.ndarray, most: int) -> None:
    """(H, W, C) as C small pictures."""
    scale = Scale(array)
    tiles = room.subplots(1, most, squeeze=False)[0]
    for c, axes in enumerate(tiles):
        if c < array.shape[-1]:
            scale.show(axes, array[..., c])
        else:
            axes.set_axis_off()


def _bars(room: Any, array: np.ndarray) -> None:
    """A vector as bars."""
    values = array.ravel()
    axes = room.subplots()
    both = values.min() < 0 < values.max()  # then the colours are those of the tiles
    colors = [VERMILION if v > 0 and both else BLUE for v in values]
    axes.bar(range(values.size), values, color=colors, width=0.8 if values.size < 64 else 1.0)
    bare(axes)
    axes.axhline(0, color=QUIET, lw=1)
    axes.use_sticky_edges = False
    axes.margins(x=0.01, y=0.05)
    if values.size <= _MOST_BARS:
        axes.set_xticks(range(values.size))
        axes.tick_params(length=0, labelsize=11)
