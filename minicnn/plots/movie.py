"""Moving pictures: a GIF file, or a player with buttons in a notebook."""

import base64
import hashlib
import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.artist import Artist
from PIL import Image

from minicnn.drawing.style import STYLE, Picture

_COLORS, _NEARLY_WHITE = 128, 245  # of a GIF's palette
_HOLD = 3  # how many times longer the last picture stays
_PLAYER_DPI = 80


class Movie(FuncAnimation):
    """A Matplotlib animation that notebooks show as a GIF, with a player to step through it.

    ``movie.save_gif("im2col.gif")`` writes a file, ``movie.player()`` gives the player's HTML,
    ``movie.still(3)`` one picture, and every method of ``FuncAnimation`` works too.

    Attributes:
        figure: what is drawn on.
        count: number of pictures.
        seconds: how long each of them stays.
    """

    def __init__(
        self, figure: Picture, draw: Callable[[int], None], count: int, seconds: float
    ) -> None:
        if seconds <= 0:
            raise ValueError(f"seconds a picture must be more than 0, got {seconds!r}")
        self.figure, self.count, self.seconds = figure, count, seconds
        self._draw_picture = draw
        super().__init__(
            figure, self._show, frames=count, interval=1000 * seconds, init_func=list,
            blit=False, repeat=True,
        )  # fmt: skip

    def _show(self, index: int) -> list[Artist]:
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

    def save_gif(self, path: str | os.PathLike[str], dpi: float | None = None) -> None:
        """Write a GIF that repeats for ever.

        Args:
            path: of the file.
            dpi: dots an inch; by default the figure's own.
        """
        Path(path).write_bytes(self.to_gif(dpi))

    def to_gif(self, dpi: float | None = None) -> bytes:
        """The bytes of a GIF. All its pictures share one palette: small and crisp."""
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
        entries = np.array(palette.getpalette()).reshape(-1, 3)
        entries[entries.min(axis=1) > _NEARLY_WHITE] = 255  # so that the background stays white
        palette.putpalette(entries.ravel().tolist())
        flat = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
        durations = [1000 * self.seconds] * (self.count - 1) + [1000 * self.seconds * _HOLD]
        gif = io.BytesIO()
        flat[0].save(gif, format="GIF", save_all=True, append_images=flat[1:], loop=0,
                     duration=durations, optimize=True)  # fmt: skip
        return gif.getvalue()

    def player(self) -> str:
        """HTML with the pictures in it and buttons to step through them; it needs JavaScript.

        The same movie gives the same text, so that a notebook run again is the same file.
        """
        fps: Any = 1 / self.seconds
        with mpl.rc_context({"savefig.dpi": _PLAYER_DPI}):
            html = str(self.to_jshtml(fps=fps, default_mode="once"))
        drawn_at_random = re.findall(r"_anim_img([0-9a-f]{32})", html)[0]
        return html.replace(drawn_at_random, hashlib.sha256(self.to_gif()).hexdigest()[:32])

    def _repr_html_(self) -> str:
        """The GIF, which any page shows, and the player, where scripts may run."""
        gif = base64.b64encode(self.to_gif()).decode()
        return (
            f'<img src="data:image/gif;base64,{gif}" alt="animation of {self.count} pictures">'
            f"<details><summary>step through it</summary>{self.player()}</details>"
        )

    def __del__(self) -> None:
        """A movie that nobody plays is no mistake, so there is no warning about it."""
