"""A matrix as a grid of cells with a number in each: what the diagrams are made of.

How long a number is, and what colour lies behind it, is decided for whole arrays.
"""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.patheffects import Normal, Stroke

from minicnn.plots.style import DIVERGING, FAINT, INK, QUIET, VERMILION, limits

#: inches from one cell to the next when its number is short, and the room of one more character
CELL, CHARACTER = 0.48, 0.1
NUMBER_SIZE = 12
#: behind a cell that holds nothing yet, and one of the padding
EMPTY, PADDING = "#FFFFFF", "#E9EBEE"
#: what frames and arrows are drawn in
MARK = VERMILION


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

    def __init__(self, *arrays: Any) -> None:
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
            return "−∞" if value < 0 else "∞"
        if value == 0:
            return "0"
        text = f"{value:.{self._decimals}f}"
        if float(text) == 0:
            text = text.removeprefix("-")
        return text.replace("-", "−")

    def plus(self, value: float) -> str:
        """``value`` as something that is added: "+2" or "−2"."""
        text = self(value)
        return text if text.startswith("−") else f"+{text}"


class Colors:
    """Background colours for numbers, and whether the ink on them is dark or light.

    Numbers of one sign run through viridis; numbers of both signs from blue over white to red,
    with white at zero.
    """

    def __init__(self, values: Any) -> None:
        self.low, self.high, both = limits(values)
        self._map = mpl.colormaps[DIVERGING if both else "viridis"]
        # the ends of both maps are too dark for a number that is read from afar
        self._first, self._last = (0.15, 0.85) if both else (0.25, 1.0)

    def __call__(self, value: float) -> tuple[Any, str]:
        """(background, ink) for one number."""
        if not np.isfinite(value):
            return PADDING, QUIET
        span = self.high - self.low
        share = (value - self.low) / span if span else 0.5
        share = min(max(share, 0.0), 1.0)
        color = self._map(self._first + share * (self._last - self._first))
        light = luminance(color)  # the ink that stands out more: at least 4.5 to 1
        return color, "white" if 1.05 / (light + 0.05) > (light + 0.05) / 0.05 else "black"


def luminance(color: Any) -> float:
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

    def put(self, i: int, j: int, text: str, background: Any = EMPTY, ink: str = INK) -> None:
        """Write into one cell."""
        self.boxes[i, j].set_facecolor(background)
        self.texts[i, j].set(text=text, color=ink)

    def put_all(
        self, values: np.ndarray, numbers: Numbers, colors: Colors, padding: Any = None
    ) -> None:
        """Write a matrix; where ``padding`` is true the cell is grey."""
        for i, j in np.ndindex(self.shape):
            background, ink = colors(float(values[i, j]))
            if padding is not None and padding[i, j]:
                background, ink = PADDING, QUIET
            self.put(i, j, numbers(float(values[i, j])), background, ink)

    def numbers(self) -> list[list[str]]:
        """What is written in the cells now, row by row."""
        return [[text.get_text() for text in row] for row in self.texts]

    def frame(self, rows: Any, columns: Any, color: str = MARK, thick: float = 3.5) -> list[Any]:
        """Thick lines around the cells of ``rows`` times ``columns``; returns what was drawn.

        Cells that touch get one frame around all of them, others one each.
        """
        drawn = []
        for top, height in _runs(rows):
            for left, width in _runs(columns):
                box = Rectangle((self.left + left, self.top + top), width, height, fill=False,
                                edgecolor=color, lw=thick, zorder=thick,
                                path_effects=_cased(thick))  # fmt: skip
                drawn.append(self.axes.add_patch(box))
        return drawn


def _cased(thick: float) -> list[Any]:
    """A white line below a line, so that it stands out from a cell of any colour."""
    return [Stroke(linewidth=thick + 2.5, foreground="white"), Normal()]


def _runs(indices: Any) -> list[tuple[int, int]]:
    """(first, length) of each run of neighbours in sorted indices."""
    runs: list[tuple[int, int]] = []
    for index in indices:
        if runs and sum(runs[-1]) == index:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((int(index), 1))
    return runs


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], bend: float = -0.15
) -> Any:
    """A bent arrow in front of everything; returns it."""
    return axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=22, lw=2.5, color=MARK,
                        connectionstyle=f"arc3,rad={bend}", shrinkA=3, shrinkB=3, zorder=6)
    )  # fmt: skip


def canvas(figure: Any, width: float, height: float) -> Axes:
    """Axes over the whole figure, ``width`` by ``height`` cells, y downwards, without lines."""
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    return axes
