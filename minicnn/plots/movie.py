"""Moving pictures: a GIF file, or a player with buttons in a notebook."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.animation import FuncAnimation
from PIL import Image

from minicnn.plots.style import STYLE, Picture

_COLORS = 128  # in a GIF's palette
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
        """Write a GIF that repeats for ever. All its pictures share one palette: small and crisp.

        Args:
            path: of the file.
            dpi: dots an inch; by default the figure's own.
        """
        pictures = []
        for index in range(self.count):
            png = io.BytesIO()
            self.still(index).savefig(png, format="png", dpi=dpi or self.figure.dpi)
            pictures.append(Image.open(png).convert("RGB"))
        width, height = pictures[0].size
        strip = Image.new("RGB", (width, height * self.count))  # every colour that there is
        for index, picture in enumerate(pictures):
            strip.paste(picture, (0, height * index))
        palette = strip.quantize(_COLORS)
        flat = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
        durations = [1000 * self.seconds] * (self.count - 1) + [1000 * self.seconds * _HOLD]
        flat[0].save(Path(path), format="GIF", save_all=True, append_images=flat[1:], loop=0,
                     duration=durations, optimize=True)  # fmt: skip

    def _repr_html_(self) -> str:
        fps: Any = 1 / self.seconds
        return str(self.to_jshtml(fps=fps, default_mode="once"))

    def __del__(self) -> None:
        """A movie that nobody plays is no mistake, so there is no warning about it."""
