"""What the pictures of a network's inside share: a trace, and tiles on one colour scale."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from minicnn.plots.style import DIVERGING, bare
from minicnn.tracing import LayerTrace, Trace, trace

MINUS = "−"


def as_trace(source: Any, image: Any) -> Trace:
    """A trace as it is, or the trace of ``image`` through a model.

    Raises:
        ValueError: a trace and an image both, or a model without an image.
    """
    if isinstance(source, Trace):
        if image is not None:
            raise ValueError("a trace has its image already; leave image out")
        return source
    if image is None:
        raise ValueError("a model needs an image to look at: pass image, or a trace instead")
    return trace(source, image)


class Scale:
    """One colour scale for several arrays.

    Values on both sides of zero run from blue over white to red, zero in the middle; values of one
    sign run through viridis.
    """

    def __init__(self, values: np.ndarray) -> None:
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        reach = max(abs(low), abs(high)) or 1.0
        self.both = low < 0 < high
        self.low, self.high = (-reach, reach) if self.both else (min(low, 0.0), max(high, 0.0))
        if self.low == self.high:
            self.high = 1.0
        self.cmap = DIVERGING if self.both else "viridis"

    def show(self, axes: Axes, tile: np.ndarray) -> Any:
        """Draw a matrix; returns Matplotlib's image."""
        drawn = axes.imshow(tile, cmap=self.cmap, vmin=self.low, vmax=self.high)
        bare(axes)
        return drawn

    def bar(self, figure: Any, drawn: Any, axes: Any, **how: Any) -> Any:
        """A colour bar with its ends and zero named."""
        bar = figure.colorbar(drawn, ax=axes, **how)
        bar.outline.set_visible(False)
        ticks = [self.low, 0.0, self.high] if self.both else [self.low, self.high]
        bar.set_ticks(ticks, labels=[f"{t:.2g}".replace("-", MINUS) for t in ticks])
        return bar


def state(layer: LayerTrace) -> str:
    """ ", after relu" for a layer with an activation."""
    return f", after {layer.activation}" if layer.activation else ""
