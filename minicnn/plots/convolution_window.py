"""One window times one kernel makes one number: the sum behind an entry of a convolution."""

from numpy.typing import ArrayLike

from minicnn.engine.geometry import Pair
from minicnn.plots.diagrams import window_sum
from minicnn.plots.style import Picture, styled
from minicnn.tracing.explain import Explanation, explain_arrays


@styled
def convolution_window(
    x: "ArrayLike | Explanation", kernel: ArrayLike | None = None, bias: float = 0.0,
    row: int = 0, column: int = 0, strides: int | Pair = 1, padding: str = "valid",
) -> Picture:  # fmt: skip
    """How one number of a convolution is made: window times kernel, summed, plus the bias.

    Args:
        x: an image (H, W) or (H, W, C); or an ``Explanation``, what ``trace.explain`` gave for a
            convolution, and nothing else.
        kernel: one filter, (KH, KW) or (KH, KW, C).
        bias: of the filter.
        row, column: of the number in the output.
        strides: of the window, one number or two.
        padding: "valid" or "same"; padded pixels count as 0.

    Returns:
        A figure with a line a channel. An image of at most 10 by 10 pixels is drawn too, with the
        window in it.

    Raises:
        ValueError: shapes that do not belong together, or an explanation of another layer.
        IndexError: the output has no such row or column.

    Example::

        x, kernel = np.arange(20).reshape(4, 5), np.array([[1, 0, -1]] * 3)
        figure = minicnn.plots.convolution_window(x, kernel, bias=0.5, row=1, column=2)
        figure.savefig("window.png")
    """
    if isinstance(x, Explanation):
        return window_sum(x, alone=kernel is None)
    image, explanation = explain_arrays(x, kernel, bias, (row, column), strides, padding)
    return window_sum(explanation, image if max(image.shape[:2]) <= 10 else None)
