"""Where a gradient is wrong: the maps of a gradient check."""

from typing import Protocol, runtime_checkable

from minicnn.drawing.style import Picture


@runtime_checkable
class GradientReport(Protocol):
    """What ``minicnn.check_gradients`` returns: it draws itself."""

    target: str
    arrays: list
    findings: list

    def plot(self) -> Picture:
        """A map of the errors of every array."""


def gradient_errors(report: GradientReport) -> Picture:
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
    if not isinstance(report, GradientReport):
        raise TypeError(
            f"expected the report of minicnn.check_gradients, got {type(report).__name__}"
        )
    return report.plot()
