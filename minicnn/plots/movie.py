"""Moving pictures: a GIF file, or a player with buttons in a notebook."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.animation import FuncAnimation, PillowWriter

from minicnn.plots.style import STYLE, Picture

_HOLD = 3  # how many times longer the last picture stays


class Movie(FuncAnimation):
    """A Matplotlib animation that notebooks show as a player.

    ``movie.save_gif("im2col.gif")`` writes a file, ``movie.to_jshtml()`` gives the player's HTML,
    ``movie.still(3)`` one picture, and every method of ``FuncAnimation`` works too.

    Attributes:
        figure: what is drawn on.
        count: number of different pictures.
        seconds: how long each of them stays.
    """

    def __init__(
        self, figure: Picture, draw: Callable[[int], None], count: int, seconds: float
    ) -> None:
        if seconds <= 0:
            raise ValueError(f"seconds a picture must be more than 0, got {seconds!r}")
        self.figure, self.count, self.seconds = figure, count, seconds
        self._draw_picture = draw
        order = [*range(count), *[count - 1] * (_HOLD - 1)]
        super().__init__(
            figure, self._show, frames=order, interval=1000 * seconds, init_func=list,
            blit=False, repeat=True,
        )  # fmt: skip

    def _show(self, index: int) -> list[Any]:
        with mpl.rc_context(STYLE):
            self._draw_picture(index)
        return []

    def still(self, index: int) -> Picture:
        """The figure as it is at picture ``index``; negative ones count from the end.

        Raises:
            IndexError: there is no such picture.
        """
        if not -self.count <= index < self.count:
            raise IndexError(f"the movie has {self.count} pictures, there is no {index}")
        self._show(index % self.count)
        return self.figure

    def save_gif(self, path: Any, dpi: float | None = None) -> None:
        """Write a GIF that repeats for ever.

        Args:
            path: of the file.
            dpi: dots an inch; by default the figure's own.
        """
        writer: Any = PillowWriter(fps=1 / self.seconds)  # type: ignore[arg-type]  # any number
        self.save(Path(path), writer=writer, dpi=dpi or self.figure.dpi)

    def _repr_html_(self) -> str:
        fps: Any = 1 / self.seconds
        return str(self.to_jshtml(fps=fps, default_mode="once"))

    def __del__(self) -> None:
        """A movie that nobody plays is no mistake, so there is no warning about it."""
