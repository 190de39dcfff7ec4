"""Which pixels every window of a convolution sees: what both animations go through."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minicnn.backends.reference.conv import im2col
from minicnn.engine.arrays import host_array
from minicnn.engine.geometry import output_size, padding_name, pads_for, pair

#: more cells than this cannot be read, nor told apart while they move
MOST_ROWS, MOST_COLUMNS, MOST_PIXELS = 36, 36, 144


@dataclass
class Windows:
    """An image, its padding, and its windows.

    Attributes:
        x_pad: (N, H', W', C), the image with its padding.
        padding: (H', W'), true outside of the image.
        cols: (N, OH, OW, KH, KW, C), what im2col makes of ``x_pad``.
        strides: (SH, SW).
    """

    x_pad: np.ndarray
    padding: np.ndarray
    cols: np.ndarray
    strides: tuple[int, int]

    @property
    def rows(self) -> int:
        """How many windows there are: N OH OW."""
        return int(np.prod(self.cols.shape[:3]))

    @property
    def columns(self) -> int:
        """How many entries a window has: KH KW C."""
        return int(np.prod(self.cols.shape[3:]))

    def image_name(self, name: str) -> str:
        """What the textbook calls the image: "x_pad" if it has padding."""
        return f"{name}_pad" if self.padding.any() else name

    def matrix(self, cols: np.ndarray) -> np.ndarray:
        """One window a row. (N, OH, OW, KH, KW, C)  ->  (N OH OW, KH KW C)."""
        return cols.reshape(self.rows, self.columns)

    def outside(self) -> np.ndarray:
        """Which entries of ``cols`` come from the padding, in its shape."""
        N, *_, C = self.x_pad.shape
        padding = np.broadcast_to(self.padding[None, :, :, None], (N, *self.padding.shape, C))
        return im2col(padding, self.cols.shape[3:5], self.strides)

    def steps(self, by: str) -> list["Step"]:
        """One step a window, or one a place (i, j) inside the window."""
        N, OH, OW, KH, KW, C = self.cols.shape
        SH, SW = self.strides
        if by == "window":
            return [
                Step(
                    [n], _range(oh * SH, KH), _range(ow * SW, KW),
                    [(n * OH + oh) * OW + ow], list(range(self.columns)), (n, oh, ow),
                )
                for n in range(N) for oh in range(OH) for ow in range(OW)
            ]  # fmt: skip
        return [
            Step(
                list(range(N)), _range(i, OH, SH), _range(j, OW, SW),
                list(range(self.rows)), _range((i * KW + j) * C, C), (i, j),
            )
            for i in range(KH) for j in range(KW)
        ]  # fmt: skip


@dataclass
class Step:
    """Which part of the image and which part of the matrix one step connects.

    Attributes:
        images, heights, widths: the pixels, in all channels: of ``x_pad`` (N, H', W', C).
        rows, columns: the entries of the matrix.
        place: (n, oh, ow) of the window, or (i, j) in it.
    """

    images: list[int]
    heights: list[int]
    widths: list[int]
    rows: list[int]
    columns: list[int]
    place: tuple[int, ...]


def _range(first: int, count: int, step: int = 1) -> list[int]:
    return [first + step * k for k in range(count)]


def windows(x: Any, kernel_size: Any, strides: Any, padding: Any, by: str) -> Windows:
    """Check what a person asked for, and cut the windows out.

    Args:
        x: (H, W), (H, W, C) or (N, H, W, C).

    Raises:
        ValueError: another shape, no window fits, or too many numbers to read.
    """
    if by not in ("window", "place"):
        raise ValueError(f"by must be 'window' or 'place', got {by!r}")
    x = host_array(x, "x")
    if x.ndim not in (2, 3, 4) or not x.size:
        raise ValueError(
            "x must be an image (height, width), (height, width, channels) or a batch (batch, "
            f"height, width, channels), got shape {x.shape}"
        )
    x = x[None, ..., None] if x.ndim == 2 else x[None] if x.ndim == 3 else x  # (N, H, W, C)
    kernel, stride = pair(kernel_size, "kernel_size", "im2col"), pair(strides, "strides", "im2col")
    name = padding_name(padding, "im2col")
    H, W = x.shape[1:3]
    pads = tuple(pads_for(n, k, s, name) for n, k, s in zip((H, W), kernel, stride, strict=True))
    sizes = [output_size(*a) for a in zip((H, W), kernel, stride, pads, strict=True)]
    if min(sizes) < 1:
        raise ValueError(
            f"a window of {kernel[0]} × {kernel[1]} does not fit an image of {H} × {W}; use a "
            "smaller kernel_size or padding='same'"
        )
    border = ((0, 0), *pads, (0, 0))
    x_pad = np.pad(x, border)  # (N, H', W', C)
    padded = np.pad(np.zeros((H, W), bool), pads, constant_values=True)
    made = Windows(x_pad, padded, im2col(x_pad, kernel, stride), stride)
    if made.rows > MOST_ROWS or made.columns > MOST_COLUMNS or x_pad.size > MOST_PIXELS:
        raise ValueError(
            f"{x_pad.size} pixels and a matrix of {made.rows} × {made.columns} are more numbers "
            f"than a picture can show (at most {MOST_PIXELS} pixels, {MOST_ROWS} rows, "
            f"{MOST_COLUMNS} columns); take a smaller part of x, fewer channels or a larger stride"
        )
    return made


def example_image(height: int = 4, width: int = 5) -> np.ndarray:
    """(height, width) with the numbers 1, 2, 3 ...: no two pixels can be confused."""
    return np.arange(1, height * width + 1).reshape(height, width)
