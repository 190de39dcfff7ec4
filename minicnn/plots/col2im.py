"""col2im as a movie: every row of a matrix is added back to the window it came from."""

from typing import Any

import numpy as np

from minicnn.backends.reference.conv import col2im
from minicnn.engine.arrays import host_array
from minicnn.plots.im2col import addresses
from minicnn.plots.movie import Movie
from minicnn.plots.numbers import Numbers
from minicnn.plots.scene import Scene
from minicnn.plots.style import styled
from minicnn.plots.windows import Step, Windows, example_image, windows


@styled
def col2im_animation(
    x: Any = None,
    kernel_size: Any = 3,
    strides: Any = 1,
    padding: str = "valid",
    by: str = "window",
    seconds: float = 1.2,
    dcols: Any = None,
) -> Movie:
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
    parts = windows(x if x is not None else example_image(), kernel_size, strides, padding, by)
    cols = parts.cols if dcols is None else _checked(dcols, parts)
    steps, matrix = parts.steps(by), parts.matrix(cols)
    sums = _sums(parts, cols, steps)
    name, shown = parts.image_name("dx"), np.append(matrix, sums)
    longest = Numbers(shown).longest + 1  # a plus in front
    scene = Scene(parts, shown, (name, "dcols"), by, longest)
    scene.put_rows(matrix, range(parts.rows), range(parts.columns))

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
            scene.say(*_words(parts, step))
            scene.mark(step, to_matrix=False)
        else:
            scene.say("Every pixel has the sum over all its windows", _cut(parts))

    draw(0)
    return Movie(scene.figure, draw, len(steps) + 2, seconds)


def _checked(dcols: Any, parts: Windows) -> np.ndarray:
    """``dcols`` in the shape of im2col's result."""
    array, shape = host_array(dcols, "dcols"), parts.cols.shape
    if array.shape not in (shape, (parts.rows, parts.columns)):
        raise ValueError(
            f"dcols must have the shape of im2col's result, {shape}, or a row a window, "
            f"{(parts.rows, parts.columns)}; got {array.shape}"
        )
    return array.reshape(shape)


def _sums(parts: Windows, cols: np.ndarray, steps: list[Step]) -> np.ndarray:
    """The image before each step and after the last, (steps + 1, N, H', W', C)."""
    images = [np.zeros(parts.x_pad.shape, cols.dtype)]
    for step in steps:
        alone = np.zeros((parts.rows, parts.columns), cols.dtype)
        chosen = np.ix_(step.rows, step.columns)
        alone[chosen] = parts.matrix(cols)[chosen]
        added = col2im(alone.reshape(cols.shape), parts.x_pad.shape, parts.strides)
        images.append(images[-1] + added)
    return np.stack(images)


def _write_sums(scene: Scene, step: Step, before: np.ndarray, after: np.ndarray) -> None:
    """ "3" above "+2" in every pixel that the step adds to."""
    numbers = scene.numbers
    for n in step.images:
        for c, panel in enumerate(scene.panels[n]):
            for i in step.heights:
                for j in step.widths:
                    old, new = before[n, i, j, c], after[n, i, j, c]
                    panel.put(i, j, f"{numbers(old)}\n{numbers.plus(new - old)}")


def _cut(parts: Windows) -> str:
    """The line of code that cuts the padding off, if there is any."""
    if not parts.padding.any():
        return ""
    inside = np.argwhere(~parts.padding)
    (top, left), (bottom, right) = inside.min(axis=0), inside.max(axis=0) + 1
    return f"dx = dx_pad[:, {top}:{bottom}, {left}:{right}]"


def _words(parts: Windows, step: Step) -> tuple[str, str]:
    """What a step does, and the line of code that does it."""
    source, target = addresses(parts, step)
    if len(step.place) == 3:
        _, oh, ow = step.place
        head = f"The row of window oh = {oh}, ow = {ow} is added to that window"
    else:
        i, j = step.place
        head = f"The column of place i = {i}, j = {j} is added to every window"
    return head, f"{parts.image_name('dx')}{target} += dcols{source}"
