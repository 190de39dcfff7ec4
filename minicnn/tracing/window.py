"""Where the window behind one output lies, and what is in it."""

from typing import Any

import numpy as np

from minicnn.engine.geometry import output_size, pads_for

Places = tuple[int, ...]


def covered(
    output: tuple[int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    pads: Any,
    dilation: tuple[int, int] = (1, 1),
) -> tuple[Places, Places]:
    """Rows and columns of the input behind output (row, column); those outside are padding."""
    rows, columns = (
        tuple(output[a] * strides[a] - pads[a][0] + i * dilation[a] for i in range(window[a]))
        for a in (0, 1)
    )
    return rows, columns


def places(
    size: tuple[int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    padding: str,
    output: tuple[int, int],
) -> tuple[Places, Places]:
    """The same for an image (H, W) and "valid" or "same" padding.

    Raises:
        ValueError: the window does not fit the image.
        IndexError: there is no such output.
    """
    pads = [pads_for(*a, padding) for a in zip(size, window, strides, strict=True)]
    sizes = [output_size(*a) for a in zip(size, window, strides, pads, strict=True)]
    if min(sizes) < 1:
        raise ValueError(
            f"a window of {window[0]} × {window[1]} does not fit an image of {size[0]} × {size[1]}"
        )
    for name, at, count in zip(("row", "column"), output, sizes, strict=True):
        if not 0 <= at < count:
            raise IndexError(
                f"the output has the size {sizes[0]} × {sizes[1]}, so that {name} goes from 0 to "
                f"{count - 1}; got {at}"
            )
    return covered(output, window, strides, pads)


def cut_window(x: np.ndarray, rows: Places, columns: Places, fill: float) -> np.ndarray:
    """x[rows, columns] with ``fill`` outside of the image. (H, W, C)  ->  (KH, KW, C)."""
    H, W, C = x.shape
    window = np.full((len(rows), len(columns), C), fill, x.dtype if fill == 0 else float)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            if 0 <= row < H and 0 <= column < W:
                window[i, j] = x[row, column]
    return window
