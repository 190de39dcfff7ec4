"""The stage of both animations: an image on the left, the matrix of its windows on the right."""

from typing import Any

import numpy as np

from minicnn.plots.cells import PADDING, Cells, Colors, arrow, canvas, cell_side
from minicnn.plots.numbers import Numbers
from minicnn.plots.style import INK, QUIET, Picture
from minicnn.plots.windows import Step, Windows

# all in cells
_LEFT, _GAP, _RIGHT = 0.7, 3.4, 0.7
_TOP, _PANEL = 3.9, 1.3
_BOTTOM = {"window": 0.7, "place": 2.0}  # the arrows of places pass below
_TITLE, _HEAD = 9.0, 20.0  # room for the matrix's title and for the two lines of words


class Scene:
    """A figure with the cells of an image, the cells of a matrix, and two lines of words.

    Attributes:
        figure: what is drawn on.
        panels: (N, C) grids, one a channel of an image, one below the other.
        matrix: the grid of the matrix.
        colors: for every number.
    """

    def __init__(
        self, windows: Windows, shown: Any, names: tuple[str, str], by: str, longest: int = 0
    ) -> None:
        """Make the figure.

        Args:
            shown: every number that will be shown.
            names: of the image and of the matrix.
            by: "window" or "place", what a step is.
            longest: characters of the longest text in a cell, if not one of these numbers.
        """
        N, H, W, C = windows.x_pad.shape
        self.windows, self.colors, self.numbers = windows, Colors(shown), Numbers(shown)
        needed = _LEFT + W + _GAP + max(windows.columns, _TITLE) + _RIGHT
        width = max(needed, _HEAD)
        height = _TOP + max(N * C * (H + _PANEL) - _PANEL, windows.rows) + _BOTTOM[by]
        side = cell_side(max(longest, self.numbers.longest))
        self.figure = Picture(figsize=(width * side, height * side))
        self.axes = canvas(self.figure, width, height)
        self.panels: Any = np.empty((N, C), object)
        for n, c in np.ndindex(N, C):
            title = ", ".join([names[0]] + [f"image {n}"] * (N > 1) + [f"channel {c}"] * (C > 1))
            top = _TOP + (n * C + c) * (H + _PANEL)
            self.panels[n, c] = Cells(self.axes, (H, W), _LEFT, top, title)
        shape = (windows.rows, windows.columns)
        self.matrix = Cells(self.axes, shape, _LEFT + W + _GAP, _TOP)
        self._label_matrix(names[1])
        self.head = self.axes.text(_LEFT, 0.75, "", fontsize=16, fontweight="bold", color=INK,
                                   va="center")  # fmt: skip
        self.code = self.axes.text(_LEFT, 1.75, "", fontsize=14, family="monospace", color=INK,
                                   va="center")  # fmt: skip
        self._from_padding = windows.matrix(windows.outside())
        self._marks: list[Any] = []

    def _label_matrix(self, name: str) -> None:
        """Which window each row is, and which place in it each column."""
        N, OH, OW, KH, KW, C = self.windows.cols.shape
        m = self.matrix
        for row, (n, oh, ow) in enumerate(np.ndindex(N, OH, OW)):
            text = f"{n},{oh},{ow}" if N > 1 else f"{oh},{ow}"
            self.axes.text(m.left - 0.15, m.top + row + 0.52, text, fontsize=11, ha="right",
                           va="center", color=QUIET)  # fmt: skip
        for column, (i, j, c) in enumerate(np.ndindex(KH, KW, C)):
            text = f"{i},{j},{c}" if C > 1 else f"{i},{j}"
            self.axes.text(m.left + column + 0.5, m.top - 0.12, text, fontsize=11, ha="center",
                           va="bottom", color=QUIET)  # fmt: skip
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
        row_by_row, m = len(step.place) == 3, self.matrix
        if row_by_row:  # from beside the window to the number of its row
            panel = self.panels[step.images[0], 0]
            middle = panel.top + float(np.mean(step.heights)) + 0.5
            pixel = (panel.left + panel.shape[1] + 0.1, middle)
            entry = (m.left - 1.2, m.top + step.rows[0] + 0.5)
        else:  # below everything, from the image to the column
            panel = self.panels[-1, -1]
            (H, W), bottom = panel.shape, m.top + m.shape[0] + 0.1
            below = panel.top + H / 2 > bottom  # the image reaches farther down than the matrix
            pixel = (panel.left + W + 0.1, panel.top + H / 2) if below else (
                panel.left + W / 2, panel.top + H + 0.1)  # fmt: skip
            entry = (m.left + float(np.mean(step.columns)) + 0.5, bottom)
        start, end = (pixel, entry) if to_matrix else (entry, pixel)
        bend = 0.15 if to_matrix != row_by_row else -0.15
        self._marks.append(arrow(self.axes, start, end, bend))

    def put_image(self, values: np.ndarray) -> None:
        """Write (N, H', W', C) into the panels."""
        for n, c in np.ndindex(self.panels.shape):
            self.panels[n, c].put_all(
                values[n, :, :, c], self.numbers, self.colors, self.windows.padding
            )

    def put_rows(self, values: np.ndarray, rows: Any, columns: Any) -> None:
        """Write those entries of a matrix into the grid."""
        for i in rows:
            for j in columns:
                look = (PADDING, QUIET) if self._from_padding[i, j] else self.colors(values[i, j])
                self.matrix.put(i, j, self.numbers(values[i, j]), *look)
