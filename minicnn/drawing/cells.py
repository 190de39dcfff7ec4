"""A matrix as a grid of cells with a number in each: what the diagrams are made of.

How long a number is, and what colour lies behind it, is decided for whole arrays.
"""

import itertools
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle
from matplotlib.patheffects import Normal, Stroke
from numpy.typing import ArrayLike

from minicnn.drawing.style import DIVERGING, FAINT, INK, MINUS, QUIET, VERMILION, Picture, limits

#: inches from one cell to the next when its number is short, and the room of one more character
CELL, CHARACTER = 0.48, 0.1
NUMBER_SIZE = 12
#: cells at the left of a diagram, and above it where it has a title
MARGIN, TOP = 0.7, 2.6
#: behind a cell that holds nothing yet, and one of the padding
EMPTY, PADDING = "#FFFFFF", "#E9EBEE"
#: what frames and arrows are drawn in
MARK = VERMILION

RGBA = tuple[float, float, float, float]
Color = str | RGBA


def cell_side(longest: int) -> float:
    """Inches from one cell to the next where the longest text has so many characters."""
    return CELL + CHARACTER * max(longest - 4, 0)


class Numbers:
    """Writes the numbers of some arrays: ``Numbers(x)(value)`` is a text.

    Whole numbers stay whole; others get one decimal if that is all they have, else two, and fewer
    when they are large. An exact zero is "0", so that "0.00" is something small.

    Attributes:
        longest: characters of the longest text among the arrays' numbers.
    """

    def __init__(self, *arrays: ArrayLike) -> None:
        values = np.concatenate([np.asarray(a, "float64").ravel() for a in arrays])
        finite = values[np.isfinite(values)]
        largest = float(np.abs(finite).max(initial=0.0))
        exact = [d for d in (0, 1, 2) if np.allclose(finite.round(d), finite, rtol=0, atol=1e-6)]
        room = 0 if largest >= 1000 else 1 if largest >= 100 else 2
        self._decimals = min([*exact, room])
        self.longest = max((len(self(v)) for v in values), default=1)

    def __call__(self, value: float) -> str:
        """``value`` as a text, with a true minus sign."""
        if np.isinf(value):
            return MINUS + "∞" if value < 0 else "∞"
        if value == 0:
            return "0"
        text = f"{value:.{self._decimals}f}"
        if float(text) == 0:
            text = text.removeprefix("-")
        return text.replace("-", MINUS)

    def plus(self, value: float) -> str:
        """``value`` as something that is added: "+2" or "−2"."""
        text = self(value)
        return text if text.startswith(MINUS) else f"+{text}"


class Colors:
    """Background colours for numbers, and whether the ink on them is dark or light.

    Numbers of one sign run through viridis; numbers of both signs from blue over white to red,
    with white at zero.
    """

    def __init__(self, values: ArrayLike) -> None:
        self.low, self.high, both = limits(values)
        self._map = mpl.colormaps[DIVERGING if both else "viridis"]
        # the ends of both maps are too dark for a number that is read from afar
        self._first, self._last = (0.15, 0.85) if both else (0.25, 1.0)

    def __call__(self, value: float) -> tuple[Color, str]:
        """(background, ink) for one number."""
        if not np.isfinite(value):
            return PADDING, QUIET
        span = self.high - self.low
        share = min(max((value - self.low) / span, 0.0), 1.0) if span else 0.5
        color = self._map(self._first + share * (self._last - self._first))
        light = luminance(color)  # the ink that stands out more: at least 4.5 to 1
        return color, "white" if 1.05 / (light + 0.05) > (light + 0.05) / 0.05 else "black"


def luminance(color: RGBA) -> float:
    """How light a colour is, 0 to 1: relative luminance as in the W3C's WCAG 2."""
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color[:3])
    return float(0.2126 * r + 0.7152 * g + 0.0722 * b)


class Cells:
    """A grid of cells on axes whose unit is a cell, y downwards.

    Args:
        axes: where to draw.
        shape: rows and columns.
        left, top: of the upper left corner.
        title: above the grid.
    """

    def __init__(
        self, axes: Axes, shape: tuple[int, int], left: float, top: float, title: str = ""
    ) -> None:
        self.axes, self.shape, self.left, self.top = axes, shape, left, top
        self.boxes, self.texts = np.empty(shape, object), np.empty(shape, object)
        for i, j in np.ndindex(shape):
            box = Rectangle((left + j, top + i), 1, 1, facecolor=EMPTY, edgecolor=FAINT, lw=1)
            self.boxes[i, j] = axes.add_patch(box)
            self.texts[i, j] = axes.text(left + j + 0.5, top + i + 0.52, "", fontsize=NUMBER_SIZE,
                                         ha="center", va="center", color=INK)  # fmt: skip
        if title:
            axes.text(left, top - 0.25, title, fontsize=13, va="bottom", color=INK)

    def put(self, i: int, j: int, text: str, background: Color = EMPTY, ink: str = INK) -> None:
        """Write into one cell."""
        self.boxes[i, j].set_facecolor(background)
        self.texts[i, j].set(text=text, color=ink)

    def put_all(
        self, values: np.ndarray, numbers: Numbers, colors: Colors,
        padding: np.ndarray | None = None, rows: range | None = None, columns: range | None = None,
    ) -> None:  # fmt: skip
        """Write a matrix, or some rows and columns of it; where ``padding`` is true in grey."""
        H, W = self.shape
        for i, j in itertools.product(rows or range(H), columns or range(W)):
            grey = padding is not None and padding[i, j]
            value = float(values[i, j])
            self.put(i, j, numbers(value), *((PADDING, QUIET) if grey else colors(value)))

    def frame(
        self, rows: Sequence[int], columns: Sequence[int], color: str = MARK, thick: float = 3.5
    ) -> list[Patch]:
        """Thick lines around the cells of ``rows`` times ``columns``; returns what was drawn.

        Cells that touch get one frame around all of them, others one each.
        """
        # a white line below, so that it stands out from a cell of any colour
        cased = [Stroke(linewidth=thick + 2.5, foreground="white"), Normal()]
        boxes = [
            Rectangle((self.left + left, self.top + top), width, height, fill=False,
                      edgecolor=color, lw=thick, zorder=thick, path_effects=cased)
            for top, height in _runs(rows) for left, width in _runs(columns)
        ]  # fmt: skip
        return [self.axes.add_patch(box) for box in boxes]


def _runs(indices: Sequence[int]) -> list[tuple[int, int]]:
    """(first, length) of each run of neighbours in sorted indices."""
    runs = np.split(np.asarray(indices), np.flatnonzero(np.diff(indices) != 1) + 1)
    return [(int(run[0]), len(run)) for run in runs if len(run)]


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], bend: float = -0.15
) -> Patch:
    """A bent arrow in front of everything; returns it."""
    return axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=22, lw=2.5, color=MARK,
                        connectionstyle=f"arc3,rad={bend}", shrinkA=3, shrinkB=3, zorder=6)
    )  # fmt: skip


def canvas(width: float, height: float, side: float, title: str = "") -> tuple[Picture, Axes]:
    """A figure of so many cells, ``side`` inches each, with axes all over it, y downwards."""
    figure = Picture(figsize=(width * side, height * side))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    if title:
        axes.text(MARGIN, 0.8, title, fontsize=15, fontweight="bold", va="center")
    return figure, axes
