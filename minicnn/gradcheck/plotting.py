"""Pictures of a report: where the gradient of each array is wrong."""

import math
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from minicnn.drawing.style import FAINT, INK, QUIET, VERMILION, Picture, bare, styled
from minicnn.gradcheck.targets import Array

if TYPE_CHECKING:  # a report draws itself with this module
    from minicnn.gradcheck.report import ArrayReport, Report

TILES = 6  # at most so many tiles each way
LOW, HIGH = -9.0, 0.5  # relative errors from 1e-9 to 3 in powers of ten


@styled
def error_maps(report: "Report") -> Picture:
    """One map for each array: its entries coloured by relative error.

    Images and kernels are drawn as tiles, one tile for each sample and channel (or channel and
    filter), around the worst entry when there are many; grey entries were not compared; a square
    marks the worst one.
    """
    arrays = [a for a in report.arrays if a.analytic_map is not None or not a.ok] or report.arrays
    columns = min(len(arrays), 3)
    lines = math.ceil(len(arrays) / columns)
    figure = Picture(figsize=(4.6 * columns + 1.2, 4.2 * lines + 1.0))
    axes = figure.subplots(lines, columns, squeeze=False)
    image = None
    for plot, array in zip(axes.flat, arrays, strict=False):
        image = _draw(plot, array) or image
    for plot in list(axes.flat)[len(arrays) :]:
        plot.set_axis_off()
    if image is not None:
        bar = figure.colorbar(image, ax=axes, shrink=0.85)
        bar.set_ticks([-9, -6, -3, 0], labels=["1e-9", "1e-6", "1e-3", "1"])
        bar.set_label("relative error")
    cause = f"likeliest cause: {report.cause or 'unknown'}"
    verdict = "all gradients are right" if report.ok else cause
    figure.suptitle(f"{report.target}: {verdict}", color=INK, fontsize=16, fontweight="bold")
    return figure


def _draw(plot: Axes, array: "ArrayReport") -> AxesImage | None:
    verdict = "right" if array.ok else "wrong"
    plot.set_title(
        f"{array.name} {array.shape}: {verdict}", color=INK if array.ok else VERMILION, fontsize=12
    )
    errors = relative_errors(array)
    if errors is None:
        bare(plot)
        plot.text(0.5, 0.5, "nothing to compare:\n" + array.problem, ha="center", va="center",
                  wrap=True, fontsize=11, color=QUIET, transform=plot.transAxes)  # fmt: skip
        return None
    matrix, spot, words = tiled(np.where(np.isnan(errors), 2 * LOW, errors), array)
    colours = mpl.colormaps["viridis"].with_extremes(bad="white", under=FAINT)
    image = plot.imshow(
        matrix, cmap=colours, vmin=LOW, vmax=HIGH, interpolation="nearest",
        aspect="equal" if 0.3 < matrix.shape[0] / matrix.shape[1] < 3 else "auto",
    )  # fmt: skip
    bare(plot)
    plot.set_ylabel(words[0], fontsize=11)
    label = words[1]
    if spot is not None and not array.ok and array.numeric is not None:
        row, column = spot
        plot.add_patch(
            Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=VERMILION, linewidth=3)
        )
        label += f"\nworst: [{', '.join(map(str, array.index or ()))}]  {array.analytic:.4g}, "
        label += f"should be {array.numeric:.4g}"
    plot.set_xlabel(label, fontsize=11)
    return image


def tiled(
    errors: Array, array: "ArrayReport"
) -> tuple[Array, tuple[int, int] | None, tuple[str, str]]:
    """The errors as a picture, where the worst entry is in it, and words for the two sides.

    Four axes become tiles of the two spatial ones with a gap between; others a plain matrix.
    """
    index, axes = array.index, array.axes
    if errors.ndim != 4:
        matrix = errors.reshape(-1, errors.shape[-1]) if errors.ndim > 1 else errors.reshape(1, -1)
        spot = None
        if index is not None:
            flat = int(np.ravel_multi_index(index, array.shape)) if array.shape else 0
            spot = divmod(flat, matrix.shape[1])
        return matrix, spot, (" x ".join(axes[:-1]), axes[-1] if axes else "")
    named = [i for i, a in enumerate(axes) if a.endswith(("height", "width"))]
    space = (named[0], named[1]) if len(named) == 2 else (2, 3)
    down, across = (a for a in range(4) if a not in space)
    place = index or (0, 0, 0, 0)
    top, left = max(place[down] - TILES + 1, 0), max(place[across] - TILES + 1, 0)
    part = errors.transpose(down, across, *space)[top : top + TILES, left : left + TILES]
    gap = np.pad(part, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    rows, columns, height, width = gap.shape
    matrix = gap.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)[:-1, :-1]
    spot = (
        (place[down] - top) * height + place[space[0]],
        (place[across] - left) * width + place[space[1]],
    )
    inner = f"{axes[space[0]]} x {axes[space[1]]}"
    return matrix, spot, (f"tiles: {axes[down]}", f"tiles: {axes[across]}; in a tile {inner}")


def relative_errors(array: "ArrayReport") -> Array | None:
    """log10 of the relative error of every entry; NaN where it was not compared."""
    told, right = array.analytic_map, array.numeric_map
    if told is None or right is None or np.isnan(right).all():
        return None
    size = np.maximum(np.abs(told), np.abs(right))
    floor = 1e-7 * float(np.nanmax(np.abs(right), initial=0.0)) or 1.0
    relative = np.abs(told - right) / np.maximum(size, floor)
    return np.asarray(np.log10(np.maximum(relative, 1e-9)))
