"""The stage of the im2col and col2im movies: an image, the matrix of its windows, the steps."""

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib.artist import Artist
from numpy.typing import ArrayLike

from minicnn.backends.reference.conv import im2col
from minicnn.drawing.cells import Cells, Colors, Numbers, arrow, canvas, cell_side
from minicnn.drawing.style import INK, QUIET
from minicnn.engine.arrays import host_array
from minicnn.engine.geometry import Pair, fitted, padding_name, pair

#: more cells than this cannot be read, nor told apart while they move
MOST_ROWS, MOST_COLUMNS, MOST_PIXELS = 36, 36, 144

# all in cells
_LEFT, _GAP, _RIGHT = 0.7, 3.4, 0.7
_TOP, _PANEL = 3.9, 1.3
_BOTTOM = {"window": 0.7, "place": 2.0}  # the arrows of places pass below
_TITLE, _HEAD = 9.0, 20.0  # room for the matrix's title and for the two lines of words


@dataclass
class Windows:
    """An image, its padding, and its windows.

    Attributes:
        x_pad: (N, H', W', C), the image with its padding.
        padding: (N, H', W', C), true outside of the image.
        cols: (N, OH, OW, KH, KW, C), what im2col makes of ``x_pad``.
        strides: (SH, SW).
    """

    x_pad: np.ndarray
    padding: np.ndarray
    cols: np.ndarray
    strides: Pair

    @property
    def matrix(self) -> np.ndarray:
        """``cols`` with one window a row, (N OH OW, KH KW C)."""
        return self.cols.reshape(math.prod(self.cols.shape[:3]), -1)

    def image_name(self, name: str) -> str:
        """What the reference calls the image: "x_pad" if it has padding."""
        return f"{name}_pad" if self.padding.any() else name

    def steps(self, by: str) -> list["Step"]:
        """One step a window, or one a place (i, j) inside the window."""
        N, OH, OW, KH, KW, C = self.cols.shape
        (SH, SW), (rows, columns) = self.strides, map(range, self.matrix.shape)
        if by == "window":
            return [
                Step(range(n, n + 1), range(oh * SH, oh * SH + KH), range(ow * SW, ow * SW + KW),
                     range(row, row + 1), columns, (n, oh, ow))
                for row, (n, oh, ow) in enumerate(np.ndindex(N, OH, OW))
            ]  # fmt: skip
        return [
            Step(range(N), range(i, i + OH * SH, SH), range(j, j + OW * SW, SW),
                 rows, range(k * C, k * C + C), (i, j))
            for k, (i, j) in enumerate(np.ndindex(KH, KW))
        ]  # fmt: skip


class Step(NamedTuple):
    """Which part of the image and which part of the matrix one step connects.

    Attributes:
        images, heights, widths: the pixels, in all channels: of ``x_pad`` (N, H', W', C).
        rows, columns: the entries of the matrix.
        place: (n, oh, ow) of the window, or (i, j) in it.
    """

    images: range
    heights: range
    widths: range
    rows: range
    columns: range
    place: tuple[int, ...]

    @property
    def of_window(self) -> bool:
        """Whether the step is one window; else it is one place inside all windows."""
        return len(self.place) == 3

    @property
    def name(self) -> str:
        """ "window oh = 0, ow = 1" or "place i = 0, j = 1"."""
        what = "window oh = {}, ow = {}" if self.of_window else "place i = {}, j = {}"
        return what.format(*self.place[-2:])

    def addresses(self) -> tuple[str, str]:
        """Where its entries are, as Python: in cols (N, OH, OW, KH, KW, C) and in x."""
        rows, columns = (
            f"{r.start}:{r.stop}" + (f":{r.step}" if r.step > 1 else "")
            for r in (self.heights, self.widths)
        )
        if self.of_window:
            n, oh, ow = self.place
            return f"[{n}, {oh}, {ow}]", f"[{n}, {rows}, {columns}]"
        i, j = self.place
        return f"[:, :, :, {i}, {j}]", f"[:, {rows}, {columns}]"


def windows(
    x: ArrayLike | None, kernel_size: int | Pair, strides: int | Pair, pad: str, by: str
) -> Windows:
    """Check what a person asked for, and cut the windows out.

    ``x`` is 1, 2, 3 ... by default, so that no two pixels can be confused.
    """
    if by not in ("window", "place"):
        raise ValueError(f"by must be 'window' or 'place', got {by!r}")
    x = np.arange(1, 21).reshape(4, 5) if x is None else host_array(x, "x")
    if x.ndim not in (2, 3, 4) or not x.size:
        raise ValueError(
            "x must be an image (height, width), (height, width, channels) or a batch (batch, "
            f"height, width, channels), got shape {x.shape}"
        )
    x = x[None, ..., None] if x.ndim == 2 else x[None] if x.ndim == 3 else x  # (N, H, W, C)
    kernel, stride = pair(kernel_size, "kernel_size", "im2col"), pair(strides, "strides", "im2col")
    name = padding_name(pad, "im2col")
    hint = "; use a smaller kernel_size or padding='same'"
    pads, _ = fitted(x.shape[1:3], kernel, stride, name, hint)
    border = ((0, 0), *pads, (0, 0))
    x_pad = np.pad(x, border)  # (N, H', W', C)
    padding = np.pad(np.zeros(x.shape, bool), border, constant_values=True)
    cols = im2col(x_pad, kernel, stride)  # (N, OH, OW, KH, KW, C)
    found = Windows(x_pad, padding, cols, stride)
    rows, columns = found.matrix.shape
    if rows > MOST_ROWS or columns > MOST_COLUMNS or x_pad.size > MOST_PIXELS:
        raise ValueError(
            f"{x_pad.size} pixels and a matrix of {rows} × {columns} are more numbers "
            f"than a picture can show (at most {MOST_PIXELS} pixels, {MOST_ROWS} rows, "
            f"{MOST_COLUMNS} columns); take a smaller part of x, fewer channels or a larger stride"
        )
    return found


class Scene:
    """A figure with the cells of an image, the cells of a matrix, and two lines of words.

    ``panels[n][c]`` is the grid of a channel of an image, one below the other.
    """

    def __init__(
        self, windows: Windows, shown: np.ndarray, names: tuple[str, str], by: str, signs: int = 0
    ) -> None:
        """Make the figure for the numbers ``shown``; ``names`` are of image and matrix.

        ``signs`` is how many characters may stand before a number.
        """
        N, H, W, C = windows.x_pad.shape
        self.windows, self.colors, self.numbers = windows, Colors(shown), Numbers(shown)
        width = max(_LEFT + W + _GAP + max(windows.matrix.shape[1], _TITLE) + _RIGHT, _HEAD)
        height = _TOP + max(N * C * (H + _PANEL) - _PANEL, len(windows.matrix)) + _BOTTOM[by]
        side = cell_side(self.numbers.longest + signs)
        self.figure, self.axes = canvas(width, height, side)
        self.panels: list[list[Cells]] = [[] for _ in range(N)]
        for n, c in np.ndindex(N, C):
            title = ", ".join([names[0]] + [f"image {n}"] * (N > 1) + [f"channel {c}"] * (C > 1))
            top = _TOP + (n * C + c) * (H + _PANEL)
            self.panels[n].append(Cells(self.axes, (H, W), _LEFT, top, title))
        self.matrix = Cells(self.axes, windows.matrix.shape, _LEFT + W + _GAP, _TOP)
        self._label_matrix(names[1])
        line = functools.partial(self.axes.text, _LEFT, s="", va="center", color=INK)
        self.head = line(y=0.75, fontsize=16, fontweight="bold")
        self.code = line(y=1.75, fontsize=14, family="monospace")
        from_padding = im2col(windows.padding, windows.cols.shape[3:5], windows.strides)
        self._from_padding = from_padding.reshape(windows.matrix.shape)
        self._marks: list[Artist] = []

    def _label_matrix(self, name: str) -> None:
        """Which window each row is, and which place in it each column."""
        N, OH, OW, KH, KW, C = self.windows.cols.shape
        m, label = self.matrix, functools.partial(self.axes.text, fontsize=11, color=QUIET)
        for row, place in enumerate(np.ndindex(N, OH, OW)):
            text = ",".join(map(str, place if N > 1 else place[1:]))
            label(m.left - 0.15, m.top + row + 0.52, text, ha="right", va="center")
        for column, place in enumerate(np.ndindex(KH, KW, C)):
            text = ",".join(map(str, place if C > 1 else place[:2]))
            label(m.left + column + 0.5, m.top - 0.12, text, ha="center", va="bottom")
        rows = "n, oh, ow" if N > 1 else "oh, ow"
        columns = "i, j, c" if C > 1 else "i, j"
        title = f"{name}: a row for each {rows}, a column for each {columns}"
        self.axes.text(m.left - 1.3, m.top - 0.85, title, fontsize=13, va="bottom", color=INK)

    def clear(self) -> None:
        """Take frames and arrows away."""
        for mark in self._marks:
            mark.remove()
        self._marks = []

    def say(self, head: str, code: str = "") -> None:
        """The two lines above."""
        self.head.set_text(head)
        self.code.set_text(code)

    def mark(self, step: Step, to_matrix: bool) -> None:
        """Frame what a step connects, with an arrow from one part to the other."""
        for n in step.images:
            for panel in self.panels[n]:
                self._marks += panel.frame(step.heights, step.widths)
        self._marks += self.matrix.frame(step.rows, step.columns)
        m = self.matrix
        if step.of_window:  # from beside the window to the number of its row
            panel = self.panels[step.images[0]][0]
            middle = panel.top + float(np.mean(step.heights)) + 0.5
            pixel = (panel.left + panel.shape[1] + 0.1, middle)
            entry = (m.left - 1.2, m.top + step.rows[0] + 0.5)
        else:  # below everything, from the image to the column
            panel = self.panels[-1][-1]
            (H, W), bottom = panel.shape, m.top + m.shape[0] + 0.1
            below = panel.top + H / 2 > bottom  # the image reaches farther down than the matrix
            pixel = (panel.left + W + 0.1, panel.top + H / 2) if below else (
                panel.left + W / 2, panel.top + H + 0.1)  # fmt: skip
            entry = (m.left + float(np.mean(step.columns)) + 0.5, bottom)
        start, end = (pixel, entry) if to_matrix else (entry, pixel)
        bend = 0.15 if to_matrix != step.of_window else -0.15
        self._marks.append(arrow(self.axes, start, end, bend))

    def put_image(self, values: np.ndarray) -> None:
        """Write (N, H', W', C) into the panels."""
        padding = self.windows.padding
        for n, panels in enumerate(self.panels):
            for c, panel in enumerate(panels):
                panel.put_all(values[n, ..., c], self.numbers, self.colors, padding[n, ..., c])

    def put_rows(
        self, values: np.ndarray, rows: range | None = None, columns: range | None = None
    ) -> None:
        """Write a matrix, or some rows and columns of it, into the grid."""
        self.matrix.put_all(values, self.numbers, self.colors, self._from_padding, rows, columns)
