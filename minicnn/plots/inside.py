"""What is inside a network: its kernels, what it makes of one image, and what it looks at.

A picture of an image's way through a model is drawn from a trace, or from a model and an image.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import SubFigure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from minicnn.drawing.style import (
    BLUE,
    DIVERGING,
    ORANGE,
    QUIET,
    VERMILION,
    Picture,
    Scale,
    bare,
    color_bar,
    show_image,
    styled,
)  # fmt: skip
from minicnn.engine.geometry import positive_integer
from minicnn.tracing.maps import chosen_class, occlusion_map
from minicnn.tracing.record import LayerTrace, Trace
from minicnn.tracing.run import one_sample, trace

if TYPE_CHECKING:
    from minicnn.layers import Conv2D, Layer
    from minicnn.models import Sequential

_ROW, _NOTE, _TILE, _WORDS = 1.25, 0.45, 1.15, 2.6  # inches
_LEFT = 0.13  # inches in front of the words
_MOST_BARS = 32  # units that are drawn as bars with their numbers


@styled
def filters(model_or_layer: "Sequential | Layer", channel: int | None = None) -> Picture:
    """The kernels of a convolution, one small picture a filter, all on one scale.

    Kernels on RGB images are drawn in colour, grey standing for zero. Any other kernel shows one
    input channel, blue for negative, white for zero, red for positive weights.

    Args:
        model_or_layer: a convolution layer, or a model, whose first convolution is taken.
        channel: which input channel to show; by default all three of an RGB kernel, else 0.

    Raises:
        ValueError: there is no convolution, it is not built, or it has no such channel.

    Example::

        figure = minicnn.plots.filters(model)
        figure.savefig("filters.png")
    """
    layer = _convolution(model_or_layer)
    kernel = np.asarray(layer.kernel)
    KH, KW, C, F = kernel.shape
    in_color = C == 3 and channel is None
    channel = channel or 0
    if not 0 <= channel < C:
        raise ValueError(f"layer {layer.name!r} has {C} input channels, there is no {channel}")
    reach = float(np.abs(kernel if in_color else kernel[:, :, channel]).max()) or 1.0

    columns = min(8, F)
    rows = math.ceil(F / columns)
    figure = Picture(figsize=(1.1 * columns + 1.2, 1.1 * rows + 0.6))
    what = "" if C == 1 else ", all 3 channels" if in_color else f", channel {channel} of {C}"
    figure.headline(f"{layer.name}: {F} filters of {KH}×{KW}{what}")
    grid = [figure.add_subplot(rows, columns, i + 1) for i in range(F)]
    for f, axes in enumerate(grid):
        if in_color:
            axes.imshow(0.5 + kernel[..., f] / (2 * reach))
        else:
            tile = axes.imshow(kernel[:, :, channel, f], cmap=DIVERGING, vmin=-reach, vmax=reach)
        bare(axes)
    if not in_color:
        ticks = {-reach: f"−{reach:.2f}", 0.0: "0", reach: f"{reach:.2f}"}
        color_bar(figure, tile, grid, ticks, shrink=0.9, aspect=15)
    return figure


def _convolution(model_or_layer: "Sequential | Layer") -> "Conv2D":
    """The layer itself, or the first of a model that has a 4-D kernel."""
    for layer in getattr(model_or_layer, "layers", [model_or_layer]):
        kernel = getattr(layer, "kernel", None)
        if kernel is not None and len(kernel.shape) == 4:
            return layer
    raise ValueError(
        f"{model_or_layer!r} has no convolution whose filters could be drawn; it needs a built "
        "Conv2D layer (give the model an Input, or run it once)"
    )


def _as_trace(source: "Trace | Sequential", image: ArrayLike | None) -> Trace:
    """A trace as it is, or the trace of ``image`` through a model."""
    if isinstance(source, Trace):
        if image is not None:
            raise ValueError("a trace has its image already; leave image out")
        return source
    if image is None:
        raise ValueError("a model needs an image to look at: pass image, or a trace instead")
    return trace(source, image)


@styled
def feature_maps(
    source: "Trace | Sequential", image: ArrayLike | None = None, layer: str | None = None,
    most: int = 32, before_activation: bool = False,
) -> Picture:  # fmt: skip
    """The channels of a layer's output for one image, all on one colour scale, beside the image.

    Args:
        source: a trace, or a model.
        image: for a model: (H, W, C), (1, H, W, C) or (H, W).
        layer: name of a layer whose output is (height, width, channels); by default the first
            convolution.
        most: how many channels to draw, from the first.
        before_activation: draw what the layer's activation was given instead of what it made.

    Raises:
        KeyError: there is no such layer.
        ValueError: its output has no height and width, it has no activation to look before, or
            ``most`` is no positive integer.

    Example::

        figure = minicnn.plots.feature_maps(model, x_test[0], "conv2d")
        figure.savefig("feature_maps.png")
    """
    most = positive_integer(most, "most", "feature_maps")
    traced = _as_trace(source, image)
    chosen = traced[layer] if layer is not None else _first_convolution(traced)
    maps = _maps(chosen, before_activation)
    H, W, C = maps.shape
    count = min(most, C)
    columns = min(8, count)
    rows = math.ceil(count / columns)
    side = max(2, min(rows, 3))  # tiles that the image is high
    figure = Picture(figsize=(1.15 * (columns + side) + 1.2, 1.3 * max(rows, side) + 0.7))
    when = "before" if before_activation else "after"
    when = f", {when} {chosen.activation}" if chosen.activation else ""
    some = f"{C} feature maps" if count == C else f"{count} of {C} feature maps"
    figure.headline(f"{chosen.name}: {some} of {H} × {W}{when}")
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[side, columns + 1])[0]
    picture = left.subplots()
    show_image(picture, _picture_of(traced.image))
    picture.set_title("image", fontsize=12, fontweight="normal")
    tiles = right.subplots(rows, columns, squeeze=False).flat
    scale = Scale(maps)
    for c, axes in enumerate(tiles):
        if c >= count:
            axes.set_axis_off()
            continue
        drawn = scale.show(axes, maps[..., c])
        empty = "" if maps[..., c].any() else ", all 0"
        axes.set_title(f"{c}{empty}", fontsize=11, fontweight="normal", color=QUIET, pad=2)
    scale.bar(right, drawn, list(right.axes), shrink=0.9, aspect=18)
    return figure


def _picture_of(image: np.ndarray) -> np.ndarray:
    """The image, or its first channel when it has neither one nor three."""
    return image if image.shape[-1] in (1, 3) else image[..., 0]


def _first_convolution(traced: Trace) -> LayerTrace:
    """The first layer with a 4-D kernel, else the first that gives an image."""
    images = [layer for layer in traced.layers if layer.y.ndim == 3]
    if not images:
        raise ValueError(
            f"no layer of {traced.model_name!r} gives (height, width, channels), so there are no "
            "feature maps to draw"
        )
    convolutions = [a for a in images if getattr(a.weights.get("kernel"), "ndim", 0) == 4]
    return (convolutions or images)[0]


def _maps(layer: LayerTrace, before_activation: bool) -> np.ndarray:
    """(H, W, C)."""
    if before_activation and layer.z is None:
        raise ValueError(f"layer {layer.name!r} has no activation= to look before")
    maps = layer.z if before_activation else layer.y
    assert maps is not None
    if maps.ndim != 3:
        raise ValueError(
            f"the output of layer {layer.name!r} has shape {maps.shape}; feature maps need "
            "(height, width, channels)"
        )
    return maps


@styled
def all_layers(
    source: "Trace | Sequential", image: ArrayLike | None = None, most: int = 8,
    gradients: bool = False,
) -> Picture:  # fmt: skip
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
    traced = _as_trace(source, image)
    rows: list[tuple[str, np.ndarray | None, str]]
    rows = [("image", traced.dimage if gradients else traced.image, "")]
    rows += [_row(layer, gradients) for layer in traced.layers]
    heights = [_NOTE if array is None else _ROW for _, array, _ in rows]
    figure = Picture(figsize=(_WORDS + most * _TILE + 0.4, sum(heights) + 0.7))
    what = f"gradients of {traced.differentiated}" if gradients else "one image, layer by layer"
    figure.headline(f"{traced.model_name}: {what}")
    parts = figure.subfigures(len(rows), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, (name, array, note) in zip(parts, rows, strict=True):
        words, room = part.subfigures(1, 2, width_ratios=[_WORDS, most * _TILE])
        if array is None:
            start = _LEFT / (_WORDS + most * _TILE)
            part.text(start, 0.5, f"{name}: {note}", va="center", fontsize=12, color=QUIET)
            continue
        shape = " × ".join(map(str, array.shape))
        words.text(_LEFT / _WORDS, 0.55, name, va="bottom", fontsize=13)
        words.text(_LEFT / _WORDS, 0.5, f"{shape}{note}", va="top", fontsize=12, color=QUIET)
        if array.ndim != 3:
            _bars(room, array)
            continue
        image_itself = array is traced.image and array.shape[-1] in (1, 3)
        scale = Scale(array)
        for c, axes in enumerate(room.subplots(1, most, squeeze=False)[0]):
            if image_itself and c == 0:
                show_image(axes, array)
            elif image_itself or c >= array.shape[-1]:
                axes.set_axis_off()
            else:
                scale.show(axes, array[..., c])
    return figure


def _row(layer: LayerTrace, gradients: bool) -> tuple[str, np.ndarray | None, str]:
    """(name, array or None, note)."""
    if np.array_equal(layer.x.ravel(), layer.y.ravel()):
        how = "unchanged" if layer.x.shape == layer.y.shape else "in one row"
        return layer.name, None, f"the same {layer.x.size:,} numbers, {how}"
    if not gradients:
        return layer.name, layer.y, f", {layer.activation}" if layer.activation else ""
    if layer.dy is not None:
        return layer.name, layer.dy, ""
    if layer.dz is not None:
        return layer.name, layer.dz, f", before {layer.activation}"
    return layer.name, None, "behind the logits, where the backward pass begins"


def _bars(room: SubFigure, array: np.ndarray) -> None:
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


@styled
def saliency(model: "Sequential", image: ArrayLike, score: int | None = None) -> Picture:
    """An image, the gradient of a class's score with respect to it, and how large that is.

    The score is the logit, in front of softmax. In the middle the gradient itself, the largest
    over the channels by size: red pixels raise the score when they get brighter, blue ones when
    they get darker. On the right its size alone, as in ``minicnn.tracing.saliency_map``.

    Args:
        model: a built ``Sequential`` for images.
        image: (H, W, C), (1, H, W, C) or, when C is 1, (H, W).
        score: the class; by default the one with the highest score.

    Raises:
        ValueError: the image does not fit the model, or there is no such class.

    Example::

        figure = minicnn.plots.saliency(model, x_test[0])
        figure.savefig("saliency.png")

    Source: Simonyan, Vedaldi, Zisserman (2014), Deep Inside Convolutional Networks, section 3.
    """
    traced = trace(model, image, score=score)
    channel = abs(traced.dimage).argmax(axis=-1, keepdims=True)  # (H, W, 1), the strongest
    slopes = np.take_along_axis(traced.dimage, channel, axis=-1)[..., 0]  # (H, W)
    figure = Picture(figsize=(12.4, 4.4))
    axes = figure.subplots(1, 3)
    figure.headline(f"The gradient of {traced.differentiated}")
    show_image(axes[0], _picture_of(one_sample(model, image)[0]))
    axes[0].set_title("image", fontweight="normal")
    for plot, values, title in (axes[1], slopes, "gradient"), (axes[2], abs(slopes), "its size"):
        scale = Scale(values)
        scale.bar(figure, scale.show(plot, values), plot, shrink=0.85)
        plot.set_title(title, fontweight="normal")
    return figure


@styled
def occlusion(
    model: "Sequential", image: ArrayLike, label: int | None = None, size: int = 5,
    stride: int = 1, fill: float = 0.0,
) -> Picture:  # fmt: skip
    """How the output for a class changes when a square covers part of the image.

    Blue where covering lowers the output: the class needs what is there. Red where it raises it.

    Args:
        model: a built ``Sequential`` that ends in one number a class.
        image: (H, W, C), (1, H, W, C) or, when C is 1, (H, W).
        label: the class; by default the one with the highest output.
        size: side of the square, in pixels.
        stride: pixels from one place of the square to the next.
        fill: the value it covers the pixels with.

    Raises:
        ValueError: the image does not fit the model, there is no such class, or a size that is
            no positive integer.

    Example::

        figure = minicnn.plots.occlusion(model, x_test[0], size=7)
        figure.savefig("occlusion.png")

    Source: Zeiler, Fergus (2014), Visualizing and Understanding Convolutional Networks, section 4.
    """
    sample = one_sample(model, image)[0]  # (H, W, C)
    label = chosen_class(model, sample, label)
    whole = float(model.predict(sample[None], verbose=0)[0, label])
    change = occlusion_map(model, sample, label, size, stride, fill) - whole
    reach = float(abs(change).max()) or 1.0

    figure = Picture(figsize=(9.2, 4.6))
    axes = figure.subplots(1, 2)
    figure.headline(f"Class {label}: {whole:.3g} for the whole image")
    show_image(axes[0], _picture_of(sample))
    axes[0].add_patch(Rectangle((-0.5, -0.5), size, size, facecolor="none", edgecolor=ORANGE, lw=3))
    axes[0].set_title(f"image, and the square of {size} × {size}", fontweight="normal")
    H, W, _ = sample.shape
    drawn = axes[1].imshow(
        change, cmap=DIVERGING, vmin=-reach, vmax=reach,
        extent=(-0.5, change.shape[1] * stride - 0.5, change.shape[0] * stride - 0.5, -0.5),
    )  # fmt: skip
    axes[1].set_xlim(-0.5, W - 0.5)
    axes[1].set_ylim(H - 0.5, -0.5)
    bare(axes[1])
    axes[1].set_title("change with the square here", fontweight="normal")
    ticks = {-reach: f"−{reach:.2g}", 0.0: "0", reach: f"+{reach:.2g}"}
    color_bar(figure, drawn, axes[1], ticks, shrink=0.85)
    return figure
