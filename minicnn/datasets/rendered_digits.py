"""Digits drawn on the spot: a data set in MNIST's shapes that needs no file and no network.

Each image is a digit of one of matplotlib's fonts, turned, slanted, stretched, bent and drawn with
a stroke of its own. The same seed gives the same bytes on every machine with the same fonts.
"""

import numpy as np

from minicnn.datasets import glyphs
from minicnn.datasets.readers import Split

_BATCH = 500  # images drawn at a time; part of what a seed means, as each batch has its own stream
_GRID = 5  # control points of the bending, along each side
_PIXELS = 28


def load_data(n_train: int = 60_000, n_test: int = 10_000, seed: int = 0) -> tuple[Split, Split]:
    """Draw a training set and a test set of digits, white on black.

    Args:
        n_train: images in the training set.
        n_test: images in the test set, drawn from a random stream of its own.
        seed: a non-negative number; fewer images of a seed are the first ones of more.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: images (n, 28, 28) uint8, labels (n,) uint8.

    Raises:
        ValueError: a negative number.
    """
    for name, value in (("n_train", n_train), ("n_test", n_test), ("seed", seed)):
        if value < 0:
            raise ValueError(f"{name} must not be negative, got {value}")
    fields = glyphs.distance_fields()
    return _draw_split(fields, n_train, [seed, 0]), _draw_split(fields, n_test, [seed, 1])


def _draw_split(fields: np.ndarray, count: int, stream: list[int]) -> Split:
    x = np.empty((count, _PIXELS, _PIXELS), np.uint8)
    y = np.empty(count, np.uint8)
    for start in range(0, count, _BATCH):
        images, labels = _draw_batch(fields, np.random.default_rng([*stream, start]))
        x[start : start + _BATCH] = images[: count - start]
        y[start : start + _BATCH] = labels[: count - start]
    return x, y


def _draw_batch(fields: np.ndarray, random: np.random.Generator) -> Split:
    """_BATCH images (n, 28, 28) and their labels (n,)."""
    digits, fonts, cells, _ = fields.shape
    label = random.integers(digits, size=_BATCH)
    glyph = label * fonts + random.integers(fonts, size=_BATCH)

    # Where each pixel looks up the distance field, in cells: (n, 784) each.
    across, down = _coefficients(random)
    basis = _basis()
    column = _cell_index(across @ basis, cells)
    row = _cell_index(down @ basis, cells)
    distance = fields.reshape(-1).take((glyph[:, None] * cells + row) * cells + column)

    # The stroke: half its width is drawn at random, whatever the font's own is (in steps).
    own = fields.max(axis=(2, 3)).reshape(-1)[glyph].astype(np.int16)
    drawn = random.integers(round(1.1 * glyphs.STEPS), round(2.1 * glyphs.STEPS), size=_BATCH)
    grow = np.maximum(drawn - own, -glyphs.STEPS // 3)
    # From black to white in 255 / gain steps, which is one pixel to one and a half.
    gain = random.integers(11, 17, size=_BATCH)
    level = (distance + grow[:, None].astype(np.int16)) * gain[:, None].astype(np.int16) + 128
    image = np.clip(level, 0, 255).astype(np.uint8)
    return image.reshape(-1, _PIXELS, _PIXELS), label.astype(np.uint8)


def _coefficients(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Weights of ``_basis`` that give the column and the row to look up: (n, 3 + _GRID**2) each.

    Everything is rounded to small binary fractions, so that the matrix product is exact in float32
    and does not depend on the order in which a BLAS adds.
    """

    def uniform(low: float, high: float, *shape: int) -> np.ndarray:
        return random.uniform(low, high, (_BATCH, *shape))

    angle, slant = uniform(-0.3, 0.3), uniform(-0.4, 0.25)
    width, height = uniform(0.7, 1.25), uniform(0.8, 1.1)
    cos, sin = np.cos(angle), np.sin(angle)
    # From a pixel of the image back to the glyph: shift, turn, slant, stretch.
    shift = uniform(-1.5, 1.5, 2)
    xx, xy = (cos + slant * sin) / width, (sin - slant * cos) / width
    yx, yy = -sin / height, cos / height
    middle = glyphs.SIZE * glyphs.CELLS / 2

    def rounded(constant: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        affine = np.stack([constant, x, y], axis=1) * glyphs.CELLS  # (n, 3)
        affine[:, 0] += middle
        bend = uniform(-2.5, 2.5, _GRID**2) * glyphs.CELLS  # (n, _GRID**2)
        parts = [np.rint(affine * 1024) / 1024, np.rint(bend * 16) / 16]
        return np.concatenate(parts, axis=1).astype(np.float32)

    return (
        rounded(-shift[:, 0] * xx - shift[:, 1] * xy, xx, xy),
        rounded(-shift[:, 0] * yx - shift[:, 1] * yy, yx, yy),
    )


def _basis() -> np.ndarray:
    """The functions that a warp is made of, at each pixel: 1, x, y and bumps, (3 + _GRID**2, 784).

    A bump is a cubic B-spline around a control point: what is bent between them is smooth.
    """
    x = np.arange(_PIXELS) - (_PIXELS - 1) / 2  # (28,), pixels from the middle
    centres = np.linspace(-14.0, 14.0, _GRID)  # (_GRID,)
    t = np.abs(x - centres[:, None]) / (centres[1] - centres[0])  # (_GRID, 28)
    spline = np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.maximum(2 - t, 0) ** 3 / 6)
    bumps = np.einsum("iy,jx->ijyx", spline, spline).reshape(_GRID**2, -1)
    ones = np.ones((_PIXELS, _PIXELS))
    plane = np.stack([ones, ones * x, ones * x[:, None]]).reshape(3, -1)
    return np.concatenate([plane, np.rint(bumps * 64) / 64]).astype(np.float32)


def _cell_index(position: np.ndarray, cells: int) -> np.ndarray:
    """The cell that holds a position; beyond the edge of the field, its last one."""
    return np.clip(position, 0, cells - 1).astype(np.intp)
