"""What a layer makes of an image: its channels as small pictures."""

import math
from typing import Any

import numpy as np

from minicnn.engine.geometry import positive_integer
from minicnn.plots.style import QUIET, Picture, show_image, styled
from minicnn.plots.traced import Scale, as_trace, state
from minicnn.tracing import LayerTrace, Trace


@styled
def feature_maps(
    source: Any,
    image: Any = None,
    layer: str | None = None,
    most: int = 32,
    before_activation: bool = False,
) -> Picture:
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
    traced = as_trace(source, image)
    chosen = traced[layer] if layer is not None else _first_convolution(traced)
    maps = _maps(chosen, before_activation)
    H, W, C = maps.shape
    count = min(most, C)
    columns = min(8, count)
    rows = math.ceil(count / columns)
    side = max(2, min(rows, 3))  # tiles that the image is high
    width, height = 1.15 * (columns + side) + 1.2, 1.3 * max(rows, side) + 0.7
    figure = Picture(figsize=(width, height))
    when = f", before {chosen.activation}" if before_activation else state(chosen)
    some = f"{C} feature maps" if count == C else f"{count} of {C} feature maps"
    figure.suptitle(f"{chosen.name}: {some} of {H} × {W}{when}", x=0.01, ha="left", fontsize=15,
                    fontweight="bold")  # fmt: skip
    parts: Any = figure.subfigures(1, 2, width_ratios=[side, columns + 1])
    left, right = parts
    picture = left.subplots()
    show_image(picture, picture_of(traced.image))
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
    scale.bar(right, drawn, list(right.axes), shrink=0.9, aspect=18, pad=0.02)
    return figure


def picture_of(image: np.ndarray) -> np.ndarray:
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
