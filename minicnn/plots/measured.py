"""What was measured: the errors of gradients, and how near speed comes to what bounds it."""

from collections.abc import Mapping

import numpy as np

from minicnn.drawing.style import COLORS, INK, QUIET, Picture, styled
from minicnn.gradcheck.report import Report

_MARKERS = "os^DvPX"  # nothing is told by colour alone


def gradient_errors(report: Report) -> Picture:
    """One map for each array of a gradient check: its entries coloured by relative error.

    The same as ``report.plot()``. Images and kernels are drawn as tiles around the worst entry,
    which has a frame; grey entries were not compared.

    Args:
        report: what ``minicnn.check_gradients`` returned.

    Raises:
        TypeError: anything else.

    Example::

        report = minicnn.check_gradients(Conv2D(4, 3), (2, 6, 5, 3))
        figure = minicnn.plots.gradient_errors(report)
        figure.savefig("gradient_errors.png")
    """
    if not isinstance(report, Report):
        raise TypeError(
            f"expected the report of minicnn.check_gradients, got {type(report).__name__}"
        )
    return report.plot()


@styled
def roofline(
    points: Mapping[str, tuple[float, float, float]], peak: float, bandwidth: float,
    title: str = "Roofline",
) -> Picture:  # fmt: skip
    """Measured speed over arithmetic intensity, under the roof that a machine allows.

    At intensity I, operations a byte, nothing can be faster than min(peak, I bandwidth). A point
    under the slanted part of the roof waits for memory, one under the flat part for arithmetic.

    Args:
        points: name -> (floating-point operations, bytes moved, seconds), as measured or counted.
        peak: operations a second that the machine reaches at best.
        bandwidth: bytes a second from memory.
        title: above the picture.

    Raises:
        ValueError: a number that is not positive, or no point.

    Example::

        points = {"matrix product": (2e9, 2.4e7, 0.02), "ReLU": (1e7, 8e7, 0.009)}
        figure = minicnn.plots.roofline(points, peak=200e9, bandwidth=20e9)
        figure.savefig("roofline.png")

    Source: Williams, Waterman, Patterson (2009), Roofline, Communications of the ACM 52(4).
    """
    for name, numbers in {"peak": (peak,), "bandwidth": (bandwidth,), **points}.items():
        if not all(np.isfinite(v) and v > 0 for v in numbers):
            raise ValueError(f"{name}: all numbers must be larger than 0, got {tuple(numbers)}")
    if not points:
        raise ValueError("points is empty; give at least one (operations, bytes, seconds)")
    intensity = {name: flops / moved for name, (flops, moved, _) in points.items()}
    speed = {name: flops / seconds for name, (flops, _, seconds) in points.items()}
    ridge = peak / bandwidth
    low = min(min(intensity.values()) / 4, ridge / 700)  # room for a label left of the slope
    high = max(*intensity.values(), ridge) * 8

    figure = Picture(figsize=(9.6, 5.6))
    axes = figure.add_subplot()
    axes.loglog([low, ridge, high], [low * bandwidth, peak, peak], color=INK)
    axes.annotate(f"arithmetic: {peak / 1e9:.3g} GFLOP/s", (high, peak), xytext=(-4, 6),
                  textcoords="offset points", ha="right", va="bottom", color=INK)  # fmt: skip
    slope = ridge / 2  # above the slanted part there is always room
    axes.annotate(f"memory: {bandwidth / 1e9:.3g} GB/s", (slope, slope * bandwidth),
                  xytext=(-12, 6), textcoords="offset points", ha="right", va="bottom",
                  color=INK)  # fmt: skip
    for i, name in enumerate(points):
        x, y = intensity[name], speed[name]
        roof, color = min(peak, x * bandwidth), COLORS[i % len(COLORS)]
        axes.plot([x, x], [y, roof], color=color, lw=1, ls="--")
        axes.plot(x, y, _MARKERS[i % len(_MARKERS)], ms=11, color=color, ls="none",
                  label=f"{name}: {_percent(y / roof)} of the roof")  # fmt: skip
    bottom = min(min(speed.values()), low * bandwidth) / 5  # words have room below the points
    axes.set_ylim(bottom, peak * 3)
    axes.plot([ridge, ridge], [bottom, peak], color=QUIET, lw=1, ls=":", zorder=0)
    inward = -1 if ridge**2 > low * high else 1  # away from the nearer side
    axes.annotate(f"{ridge:.3g} operations a byte", (ridge, bottom), xytext=(6 * inward, 6),
                  textcoords="offset points", va="bottom", color=QUIET,
                  ha="left" if inward > 0 else "right")  # fmt: skip
    axes.set_title(title)
    axes.set_xlabel("arithmetic intensity, operations a byte")
    axes.set_ylabel("operations a second")
    axes.grid(which="major")
    axes.set_axisbelow(True)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _percent(share: float) -> str:
    """ "42%", and "0.022%" for what is slow."""
    return f"{share:.0%}" if share >= 0.095 else f"{100 * share:.2g}%"
