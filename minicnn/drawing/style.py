"""How every picture looks: a figure that needs no display, one palette, large type.

Figures are made from :class:`Picture`, never through ``pyplot``: nothing is kept alive behind the
caller's back, no window opens, and a notebook still shows what a function returns.
"""

import functools
import io
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike

#: Okabe and Ito's colours (2008), told apart by every common kind of colour vision
BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE = "#56B4E9", "#CC79A7"
#: for curves and points, in this order
COLORS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, "#000000")
INK, QUIET, FAINT = "#1F2328", "#5B636E", "#D5D9DE"

MINUS = "−"

#: blue - white - vermilion, for values on both sides of zero
DIVERGING = "RdBu_r"

#: Matplotlib's settings for every picture
STYLE: Any = {
    # an opaque card: dark type on white reads the same in a light and in a dark notebook
    "figure.facecolor": "white", "axes.facecolor": "white", "figure.dpi": 110,
    "font.size": 13, "axes.labelsize": 13, "text.color": INK, "axes.labelcolor": INK,
    "axes.titlesize": 15, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": QUIET,
    "xtick.color": QUIET, "ytick.color": QUIET, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "grid.color": FAINT, "lines.linewidth": 2.5, "lines.markersize": 7,
    "image.interpolation": "nearest", "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.12, "figure.constrained_layout.h_pad": 0.12,
}  # fmt: skip

P = ParamSpec("P")
Drawn = TypeVar("Drawn")  # a Picture or a Movie


class Picture(Figure):
    """A Matplotlib figure that notebooks show although ``pyplot`` does not know it."""

    def _repr_png_(self) -> bytes:
        png = io.BytesIO()
        self.savefig(png, format="png")
        return png.getvalue()

    def headline(self, text: str, size: int = 15) -> None:
        """A line above everything, at the left."""
        self.suptitle(text, x=0.01, ha="left", fontsize=size, fontweight="bold")


def styled(draw: Callable[P, Drawn]) -> Callable[P, Drawn]:
    """Run a drawing function under the house style, whatever the caller's ``rcParams`` are."""

    @functools.wraps(draw)
    def with_style(*args: P.args, **kwargs: P.kwargs) -> Drawn:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(STYLE)
            return draw(*args, **kwargs)

    return with_style


def bare(axes: Axes) -> None:
    """Take ticks and frame away from axes that show an image."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def cell_lines(axes: Axes, rows: int, columns: int) -> None:
    """White lines between the cells of a drawn matrix."""
    axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)


def show_image(axes: Axes, image: ArrayLike) -> None:
    """Draw one image: (H, W), (H, W, 1) in greys or (H, W, 3) in colour, of any value range.

    uint8 and values within 0..1 are shown as they are; any other range is stretched to fit.

    Raises:
        ValueError: the array is no image of one or three channels.
    """
    pixels = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim != 2 and not (pixels.ndim == 3 and pixels.shape[-1] == 3):
        raise ValueError(
            "an image must have the shape (height, width), (height, width, 1) or "
            f"(height, width, 3), got {pixels.shape}"
        )
    if pixels.dtype != np.uint8:
        pixels = pixels.astype("float64")
        low, high = min(pixels.min(), 0.0), max(pixels.max(), 1.0)
        pixels = (pixels - low) / (high - low)
    top = 255 if pixels.dtype == np.uint8 else 1.0
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=top)
    bare(axes)


def limits(values: ArrayLike) -> tuple[float, float, bool]:
    """The ends of a colour scale, and whether zero is in its middle, as values lie on both sides.

    What is not finite does not count.
    """
    finite = np.asarray(values, "float64")
    finite = finite[np.isfinite(finite)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    reach = max(-low, high)
    return (-reach, reach, True) if low < 0 < high else (low, high, False)


def color_bar(
    figure: FigureBase, drawn: AxesImage, axes: Axes | list[Axes], ticks: dict[float, str],
    shrink: float, aspect: float = 20,
) -> None:  # fmt: skip
    """A colour bar without a frame; ``ticks`` are {value: text}."""
    bar = figure.colorbar(drawn, ax=axes, shrink=shrink, aspect=aspect, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_ticks(list(ticks), labels=list(ticks.values()))


class Scale:
    """One colour scale for several arrays.

    Values on both sides of zero run from blue over white to red, zero in the middle; values of one
    sign run through viridis.
    """

    def __init__(self, values: np.ndarray) -> None:
        self.low, self.high, self.both = limits(values)
        if not self.both:
            self.low, self.high = min(self.low, 0.0), max(self.high, 0.0)
        if self.low == self.high:
            self.high = 1.0
        self.cmap = DIVERGING if self.both else "viridis"

    def show(self, axes: Axes, tile: np.ndarray) -> AxesImage:
        """Draw a matrix; returns Matplotlib's image."""
        drawn = axes.imshow(tile, cmap=self.cmap, vmin=self.low, vmax=self.high)
        bare(axes)
        return drawn

    def bar(
        self, figure: FigureBase, drawn: AxesImage, axes: Axes | list[Axes],
        shrink: float, aspect: float = 20,
    ) -> None:  # fmt: skip
        """A colour bar with its ends and zero named."""
        ticks = [self.low, 0.0, self.high] if self.both else [self.low, self.high]
        named = {t: f"{t:.2g}".replace("-", MINUS) for t in ticks}
        color_bar(figure, drawn, axes, named, shrink, aspect)
