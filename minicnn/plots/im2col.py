"""im2col and col2im as movies: windows become the rows of a matrix, and rows are added back."""

import itertools

import numpy as np
from numpy.typing import ArrayLike

from minicnn.backends.reference.conv import col2im
from minicnn.drawing.style import styled
from minicnn.engine.arrays import host_array
from minicnn.engine.geometry import Pair
from minicnn.plots.movie import Movie
from minicnn.plots.scene import Scene, Step, Windows, windows


@styled
def im2col_animation(
    x: ArrayLike | None = None, kernel_size: int | Pair = 3, strides: int | Pair = 1,
    padding: str = "valid", by: str = "window", seconds: float = 1.2,
) -> Movie:  # fmt: skip
    """The windows of an image, copied one after another into the rows of a matrix.

    The numbers are those of the reference backend's ``im2col``. Grey cells are padding.

    Args:
        x: a small image (H, W), (H, W, C) or a batch (N, H, W, C); by default 1, 2, 3 ... in
            4 rows of 5.
        kernel_size, strides: of the window, one number or two.
        padding: "valid" or "same".
        by: "window" copies one window after another, a row each; "place" copies one place
            (i, j) of all windows at a time, a column for each channel, as the code does.
        seconds: how long each picture stays.

    Returns:
        A movie: first the image alone, then a picture a step, last the whole matrix.

    Raises:
        ValueError: a window that does not fit, or more numbers than can be read.

    Example::

        movie = minicnn.plots.im2col_animation(strides=2, padding="same")
        movie.save_gif("im2col.gif")
    """
    parts = windows(x, kernel_size, strides, padding, by)
    scene = Scene(parts, parts.x_pad, (parts.image_name("x"), "cols"), by)
    scene.put_image(parts.x_pad)
    steps, matrix = parts.steps(by), parts.matrix

    def draw(index: int) -> None:
        scene.clear()
        for i, j in np.ndindex(matrix.shape):
            scene.matrix.put(i, j, "")
        for step in steps[:index]:
            scene.put_rows(matrix, step.rows, step.columns)
        if index == 0:
            scene.say("im2col copies every window of the image into a row of a matrix")
        elif index <= len(steps):
            step = steps[index - 1]
            (target, source), what = step.addresses(), step.name.capitalize()
            scene.say(
                f"{what} becomes a row" if step.of_window
                else f"{what} of every window becomes a column",
                f"cols{target} = {parts.image_name('x')}{source}",
            )  # fmt: skip
            scene.mark(step, to_matrix=True)
        else:
            M, K = matrix.shape
            line = f"y = cols.reshape({M}, {K}) @ w.reshape({K}, F)"
            scene.say("Now the whole convolution is one matrix product", line)

    draw(0)
    return Movie(scene.figure, draw, len(steps) + 2, seconds)


@styled
def col2im_animation(
    x: ArrayLike | None = None, kernel_size: int | Pair = 3, strides: int | Pair = 1,
    padding: str = "valid", by: str = "window", seconds: float = 1.2,
    dcols: ArrayLike | None = None,
) -> Movie:  # fmt: skip
    """The rows of a matrix, added one after another to the windows they belong to.

    It is im2col backwards, with ``+=`` where that has ``=``: a pixel in several windows gets the
    sum. Grey cells are padding, which the backward of a convolution cuts off at the end.

    Args:
        x: the image that the windows were cut from, for its shape: (H, W), (H, W, C) or
            (N, H, W, C); by default 4 rows of 5.
        kernel_size, strides: of the window, one number or two.
        padding: "valid" or "same".
        by: "window" adds one window after another, "place" one place (i, j) of all windows at a
            time, as the code does.
        seconds: how long each picture stays.
        dcols: the matrix, (N, OH, OW, KH, KW, C) or (N OH OW, KH KW C); by default
            ``im2col(x)``, so that every pixel ends as itself times the number of its windows.

    Returns:
        A movie: first zeros, then a picture a step, last the sums.

    Raises:
        ValueError: a window that does not fit, a matrix of another shape, or more numbers than
            can be read.

    Example::

        ones = np.ones((6, 9))  # counts the windows of each pixel
        movie = minicnn.plots.col2im_animation(dcols=ones)
        movie.save_gif("col2im.gif")
    """
    parts = windows(x, kernel_size, strides, padding, by)
    matrix = parts.matrix if dcols is None else _checked(dcols, parts)
    steps = parts.steps(by)
    sums = _sums(parts, matrix, steps)
    name, shown = parts.image_name("dx"), np.append(matrix, sums)
    scene = Scene(parts, shown, (name, "dcols"), by, signs=1)  # a plus in front
    scene.put_rows(matrix)

    def draw(index: int) -> None:
        scene.clear()
        scene.put_image(sums[max(index - 1, 0)])
        if index == 0:
            scene.say(
                "col2im: the image of gradients begins with zeros",
                f"{name} = np.zeros({parts.image_name('x')}.shape)",
            )
        elif index <= len(steps):
            step = steps[index - 1]
            _write_sums(scene, step, sums[index - 1], sums[index])
            source, target = step.addresses()
            scene.say(
                f"The row of {step.name} is added to that window" if step.of_window
                else f"The column of {step.name} is added to every window",
                f"{name}{target} += dcols{source}",
            )  # fmt: skip
            scene.mark(step, to_matrix=False)
        else:
            scene.say("Every pixel has the sum over all its windows", _cut(parts))

    draw(0)
    return Movie(scene.figure, draw, len(steps) + 2, seconds)


def _checked(dcols: ArrayLike, parts: Windows) -> np.ndarray:
    """``dcols``, one window a row."""
    array = host_array(dcols, "dcols")
    if array.shape not in (parts.cols.shape, parts.matrix.shape):
        raise ValueError(
            f"dcols must have the shape of im2col's result, {parts.cols.shape}, or a row a window, "
            f"{parts.matrix.shape}; got {array.shape}"
        )
    return array.reshape(parts.matrix.shape)


def _sums(parts: Windows, matrix: np.ndarray, steps: list[Step]) -> np.ndarray:
    """The image before each step and after the last, (steps + 1, N, H', W', C)."""
    images = [np.zeros(parts.x_pad.shape, matrix.dtype)]
    for step in steps:
        alone = np.zeros_like(matrix)
        chosen = np.ix_(step.rows, step.columns)
        alone[chosen] = matrix[chosen]
        added = col2im(alone.reshape(parts.cols.shape), parts.x_pad.shape, parts.strides)
        images.append(images[-1] + added)
    return np.stack(images)


def _write_sums(scene: Scene, step: Step, before: np.ndarray, after: np.ndarray) -> None:
    """ "3" above "+2" in every pixel that the step adds to."""
    channels = range(before.shape[-1])
    for n, i, j, c in itertools.product(step.images, step.heights, step.widths, channels):
        old, new = before[n, i, j, c], after[n, i, j, c]
        text = f"{scene.numbers(old)}\n{scene.numbers.plus(new - old)}"
        scene.panels[n][c].put(i, j, text)


def _cut(parts: Windows) -> str:
    """The line of code that cuts the padding off, if there is any."""
    if not parts.padding.any():
        return ""
    inside = np.argwhere(~parts.padding[0, :, :, 0])
    (top, left), (bottom, right) = inside.min(axis=0), inside.max(axis=0) + 1
    return f"dx = dx_pad[:, {top}:{bottom}, {left}:{right}]"
