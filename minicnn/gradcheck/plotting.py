"""Pictures of a report: where the gradient of each array is wrong."""

import math
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from minicnn.gradcheck.report import ArrayReport, Report
from minicnn.gradcheck.targets import Array
from minicnn.plots.style import INK, QUIET, VERMILION, Picture, bare, styled

LOW, HIGH = -9.0, 0.5  # relative errors from 1e-9 to 3 in powers of ten


@styled
def error_maps(report: Report) -> Picture:
    """One map for each array: its entries as a matrix, coloured by relative error.

    Arrays of more than two axes are laid out with the last axis across and the others down; grey
    entries were not compared; a square marks the worst one.
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
    verdict = (
        "all gradients are right" if report.ok else f"likeliest cause: {report.cause or 'unknown'}"
    )
    figure.suptitle(f"{report.target}: {verdict}", color=INK, fontsize=16, fontweight="bold")
    return figure


def _draw(plot: Any, array: ArrayReport) -> Any:
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
    matrix = errors.reshape(-1, errors.shape[-1]) if errors.ndim > 1 else errors.reshape(1, -1)
    plot.set_facecolor("#D5D9DE")
    image = plot.imshow(
        matrix, cmap="viridis", vmin=LOW, vmax=HIGH, aspect="auto", interpolation="nearest"
    )
    plot.set_xlabel(array.axes[-1] if array.axes else "")
    plot.set_ylabel(" x ".join(array.axes[:-1]))
    if array.index is not None and not array.ok:
        flat = int(np.ravel_multi_index(array.index, array.shape)) if array.shape else 0
        row, column = divmod(flat, matrix.shape[1])
        plot.add_patch(
            Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=VERMILION, linewidth=3)
        )
        plot.annotate(
            f"worst: {array.analytic:.4g}, not {array.numeric:.4g}", (column, row), color=INK,
            fontsize=10, xytext=(0.5, -0.2), textcoords="axes fraction", ha="center", va="top",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": VERMILION},
        )  # fmt: skip
    return image


def relative_errors(array: ArrayReport) -> Array | None:
    """log10 of the relative error of every entry; NaN where it was not compared."""
    told, right = array.analytic_map, array.numeric_map
    if told is None or right is None or np.isnan(right).all():
        return None
    size = np.maximum(np.abs(told), np.abs(right))
    floor = 1e-7 * float(np.nanmax(np.abs(right), initial=0.0)) or 1.0
    with np.errstate(divide="ignore"):
        return np.asarray(
            np.log10(np.maximum(np.abs(told - right) / np.maximum(size, floor), 1e-12))
        )
