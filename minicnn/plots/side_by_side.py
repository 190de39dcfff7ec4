"""Images and matrices in a row, each under its name."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from minicnn.drawing.cells import Colors, Numbers, cell_side
from minicnn.drawing.style import DIVERGING, Picture, bare, cell_lines, show_image, styled
from minicnn.engine.arrays import host_array

_MOST_NUMBERED = 12  # rows or columns
_IMAGE, _CHARACTER = 2.7, 0.125  # inches: an image, a letter of a title


@styled
def side_by_side(
    images: Mapping[str, ArrayLike], numbers: bool = False, columns: int = 4,
    title: str | None = None,
) -> Picture:  # fmt: skip
    """Images and matrices beside each other, each with a title.

    Images in [0, 1], uint8 and colour images are drawn as they are. Matrices with negative numbers
    run from blue over white to red with zero in the middle, each on a scale of its own, whose reach
    stands below.

    Args:
        images: {title: (H, W), (H, W, 1) or (H, W, 3)}.
        numbers: write every number into its cell (matrices of at most 12 by 12).
        columns: images in a row.
        title: a line above all.

    Raises:
        ValueError: there is no image, one has another shape, or is too large for numbers.

    Example::

        x = np.arange(-6, 6).reshape(3, 4)
        figure = minicnn.plots.side_by_side({"x": x, "max(x, 0)": np.maximum(x, 0)}, numbers=True)
        figure.savefig("relu.png")
    """
    arrays = {name: host_array(image, name) for name, image in images.items()}
    if not arrays:
        raise ValueError("there is no image to draw: images is empty")
    arrays = {n: a[..., 0] if a.ndim == 3 and a.shape[-1] == 1 else a for n, a in arrays.items()}
    columns = min(columns, len(arrays))
    rows = math.ceil(len(arrays) / columns)
    widths, heights = [0.0] * columns, [0.0] * rows  # inches
    for place, (name, matrix) in enumerate(arrays.items()):
        row, column = divmod(place, columns)
        side = cell_side(Numbers(matrix).longest)
        height, width = (side * s for s in matrix.shape[:2]) if numbers else (_IMAGE, _IMAGE)
        widths[column] = max(widths[column], width + 0.4, _CHARACTER * len(name) + 0.4)
        heights[row] = max(heights[row], height + 0.7)
    figure = Picture(figsize=(sum(widths), sum(heights) + (0.5 if title else 0)))
    if title:
        figure.headline(title, 16)
    grid = figure.add_gridspec(rows, columns, width_ratios=widths, height_ratios=heights)
    for place, (name, matrix) in enumerate(arrays.items()):
        axes = figure.add_subplot(grid[divmod(place, columns)])
        axes.set_title(name, fontsize=13)
        if numbers:
            _numbered(axes, matrix, name)
        elif matrix.ndim == 2 and float(matrix.min()) < 0:
            reach = float(np.abs(matrix).max())
            axes.imshow(matrix, cmap=DIVERGING, vmin=-reach, vmax=reach)
            bare(axes)
            axes.set_xlabel(f"−{reach:.3g} blue, 0 white, {reach:.3g} red", fontsize=11)
        else:
            show_image(axes, matrix)
    return figure


def _numbered(axes: Axes, matrix: np.ndarray, name: str) -> None:
    """A matrix as coloured cells with its numbers."""
    if matrix.ndim != 2 or max(matrix.shape) > _MOST_NUMBERED:
        raise ValueError(
            f"numbers fit into matrices of at most {_MOST_NUMBERED} by {_MOST_NUMBERED}, but "
            f"{name!r} has shape {matrix.shape}"
        )
    colors, text_of = Colors(matrix), Numbers(matrix)
    tiles = np.zeros((*matrix.shape, 4))  # (H, W, RGBA)
    size = 12 if max(matrix.shape) <= 6 else 10
    for i, j in np.ndindex(matrix.shape):
        background, ink = colors(float(matrix[i, j]))
        tiles[i, j] = background if not isinstance(background, str) else (0.91, 0.92, 0.93, 1)
        text = text_of(float(matrix[i, j]))
        axes.text(j, i, text, ha="center", va="center", color=ink, fontsize=size)
    axes.imshow(tiles)
    axes.set_anchor("NW")
    bare(axes)
    cell_lines(axes, *matrix.shape)
