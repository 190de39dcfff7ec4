"""The digits of matplotlib's own fonts as signed distance fields.

A distance field stores, for every cell of a grid, how far the nearest edge of the shape is:
positive inside, negative outside. Read at warped coordinates it gives a warped shape; cut at
another value than 0 it gives thicker or thinner strokes.
"""

import functools
from pathlib import Path

import numpy as np

# A glyph is scaled to HEIGHT pixels and stands in the middle of a square of SIZE pixels.
HEIGHT = 20.0
SIZE = 32
CELLS = 4  # of the stored field, to a pixel
STEPS = 16  # of the stored distance, to a pixel

FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    *("DejaVuSerif", "DejaVuSerif-Bold"),
    *("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    *("cmr10", "cmb10", "cmss10", "cmtt10", "cmmi10"),
)


@functools.cache
def distance_fields() -> np.ndarray:
    """Draw every digit in every font.

    Returns:
        (10, fonts, SIZE * CELLS, SIZE * CELLS) int8: the distance to the nearest edge in steps of
        1 / STEPS pixel, positive inside, as [digit, font, row, column].
    """
    fields = [[_distance_field(_outline(font, digit)) for font in FONTS] for digit in "0123456789"]
    stacked = np.array(fields)
    stacked.setflags(write=False)  # drawn once, shared by all who ask
    return stacked


def _outline(font: str, digit: str) -> np.ndarray:
    """The closed polygons of a glyph as line segments, (segments, 2 ends, xy), y upwards."""
    import matplotlib
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath  # without hinting: the same in every version

    file = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{font}.ttf")
    text = TextPath((0, 0), digit, size=100, prop=FontProperties(fname=file))
    polygons = text.to_polygons()  # curves become short lines
    segments = np.concatenate([np.stack([p, np.roll(p, -1, axis=0)], axis=1) for p in polygons])
    low, high = segments.min(axis=(0, 1)), segments.max(axis=(0, 1))
    segments = (segments - (low + high) / 2) * (HEIGHT / (high[1] - low[1]))
    return np.rint(segments * 1024) / 1024  # what follows is the same to the bit everywhere


def _distance_field(segments: np.ndarray) -> np.ndarray:
    """Signed distance from each cell of the grid to the polygons, (cells, cells) int8.

    It is computed at every second cell and interpolated between: a distance is nearly linear.
    """
    half = SIZE * CELLS // 2
    axis = ((np.arange(half) + 0.5) / half - 0.5) * SIZE
    px, py = axis[None, :, None], -axis[:, None, None]  # rows run downwards
    (x0, y0), (x1, y1) = segments[:, 0].T, segments[:, 1].T
    dx, dy = x1 - x0, y1 - y0

    # Distance to a segment: to the foot of the perpendicular, kept between the two ends.
    length2 = np.maximum(dx * dx + dy * dy, 1e-12)
    foot = np.clip(((px - x0) * dx + (py - y0) * dy) / length2, 0, 1)  # (half, half, segments)
    away = (x0 + foot * dx - px) ** 2 + (y0 + foot * dy - py) ** 2
    distance = np.sqrt(away.min(axis=2))  # (half, half)

    # Inside is where the outline winds around the point: upward minus downward crossings.
    left = dx * (py - y0) - dy * (px - x0) > 0
    upward, downward = (y0 <= py) & (py < y1) & left, (y1 <= py) & (py < y0) & ~left
    winding = upward.sum(axis=2) - downward.sum(axis=2)

    signed = np.where(winding != 0, distance, -distance)
    return np.clip(np.rint(_double(_double(signed).T).T * STEPS), -127, 127).astype(np.int8)


def _double(rows: np.ndarray) -> np.ndarray:
    """Twice as many columns, each a quarter of the way to its neighbour: (n, m) -> (n, 2 m)."""
    padded = np.pad(rows, ((0, 0), (1, 1)), mode="edge")
    before = 0.75 * rows + 0.25 * padded[:, :-2]
    after = 0.75 * rows + 0.25 * padded[:, 2:]
    return np.stack([before, after], axis=2).reshape(rows.shape[0], -1)
