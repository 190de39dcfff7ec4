"""im2col as a movie: every window of an image becomes a row of a matrix."""

from typing import Any

from minicnn.plots.movie import Movie
from minicnn.plots.scene import Scene
from minicnn.plots.style import styled
from minicnn.plots.windows import Step, Windows, example_image, windows


@styled
def im2col_animation(
    x: Any = None,
    kernel_size: Any = 3,
    strides: Any = 1,
    padding: str = "valid",
    by: str = "window",
    seconds: float = 1.2,
) -> Movie:
    """The windows of an image, copied one after another into the rows of a matrix.

    The numbers are those of the textbook backend's ``im2col``. Grey cells are padding.

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
    parts = windows(x if x is not None else example_image(), kernel_size, strides, padding, by)
    scene = Scene(parts, parts.x_pad, (parts.image_name("x"), "cols"), by)
    scene.put_image(parts.x_pad)
    steps, matrix = parts.steps(by), parts.matrix(parts.cols)

    def draw(index: int) -> None:
        scene.clear()
        for i in range(parts.rows):
            for j in range(parts.columns):
                scene.matrix.put(i, j, "")
        for step in steps[:index]:
            scene.put_rows(matrix, step.rows, step.columns)
        if index == 0:
            scene.say("im2col copies every window of the image into a row of a matrix")
        elif index <= len(steps):
            scene.say(*_words(parts, steps[index - 1]))
            scene.mark(steps[index - 1], to_matrix=True)
        else:
            K = parts.columns
            scene.say(
                "Now the whole convolution is one matrix product",
                f"y = cols.reshape({parts.rows}, {K}) @ w.reshape({K}, F)",
            )

    draw(0)
    return Movie(scene.figure, draw, len(steps) + 2, seconds)


def _words(parts: Windows, step: Step) -> tuple[str, str]:
    """What a step does, and the line of code that does it."""
    target, source = addresses(parts, step)
    line = f"cols{target} = {parts.image_name('x')}{source}"
    if len(step.place) == 3:
        _, oh, ow = step.place
        return f"Window oh = {oh}, ow = {ow} becomes a row", line
    i, j = step.place
    return f"Place i = {i}, j = {j} of every window becomes a column", line


def addresses(parts: Windows, step: Step) -> tuple[str, str]:
    """Where a step's entries are, as Python: in cols (N, OH, OW, KH, KW, C) and in x."""
    if len(step.place) == 3:
        n, oh, ow = step.place
        rows, columns = (f"{p[0]}:{p[-1] + 1}" for p in (step.heights, step.widths))
        return f"[{n}, {oh}, {ow}]", f"[{n}, {rows}, {columns}]"
    i, j = step.place
    rows, columns = (
        f"{p[0]}:{p[0] + s * len(p)}:{s}" if s > 1 else f"{p[0]}:{p[-1] + 1}"
        for p, s in zip((step.heights, step.widths), parts.strides, strict=True)
    )
    return f"[:, :, :, {i}, {j}]", f"[:, {rows}, {columns}]"
