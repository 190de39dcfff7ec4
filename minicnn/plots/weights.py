"""What a model has learned: its convolution kernels as small pictures."""

import math
from typing import Any

import numpy as np

from minicnn.plots.style import DIVERGING, Picture, bare, styled


@styled
def filters(model_or_layer: Any, channel: int | None = None) -> Picture:
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
    kernel = np.asarray(layer.kernel)  # (KH, KW, C, F)
    _, _, C, F = kernel.shape
    in_color = C == 3 and channel is None
    channel = channel or 0
    if not 0 <= channel < C:
        raise ValueError(f"layer {layer.name!r} has {C} input channels, there is no {channel}")
    reach = float(np.abs(kernel if in_color else kernel[:, :, channel]).max()) or 1.0

    columns = min(8, F)
    rows = math.ceil(F / columns)
    figure = Picture(figsize=(1.1 * columns + 1.2, 1.1 * rows + 0.6))
    what = "" if C == 1 else ", all 3 channels" if in_color else f", channel {channel} of {C}"
    title = f"{layer.name}: {F} filters of {kernel.shape[0]}×{kernel.shape[1]}{what}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=15, fontweight="bold")
    grid = [figure.add_subplot(rows, columns, i + 1) for i in range(F)]
    for f, axes in enumerate(grid):
        if in_color:
            axes.imshow(0.5 + kernel[..., f] / (2 * reach))
        else:
            tile = axes.imshow(kernel[:, :, channel, f], cmap=DIVERGING, vmin=-reach, vmax=reach)
        bare(axes)
    if not in_color:
        bar = figure.colorbar(tile, ax=grid, shrink=0.9, aspect=15, pad=0.02)
        bar.outline.set_visible(False)
        bar.set_ticks([-reach, 0, reach], labels=[f"−{reach:.2f}", "0", f"{reach:.2f}"])
    return figure


def _convolution(model_or_layer: Any) -> Any:
    """The layer itself, or the first of a model that has a 4-D kernel."""
    layers = getattr(model_or_layer, "layers", [model_or_layer])
    for layer in layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None and len(kernel.shape) == 4:
            return layer
    raise ValueError(
        f"{model_or_layer!r} has no convolution whose filters could be drawn; it needs a built "
        "Conv2D layer (give the model an Input, or run it once)"
    )
