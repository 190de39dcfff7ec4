"""What a trained model answers: image by image, and class against class."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from minicnn.drawing.style import (
    BLUE,
    FAINT,
    INK,
    QUIET,
    VERMILION,
    Picture,
    cell_lines,
    show_image,
    styled,
)  # fmt: skip

_MOST_NUMBERED_CLASSES = 20


def _class_indices(labels: ArrayLike, what: str = "labels") -> np.ndarray:
    """(N,) class numbers from (N,), (N, 1) numbers or (N, C) one-hot rows or probabilities."""
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] > 1:
        return array.argmax(axis=1)
    if array.ndim != 1 and array.shape[1:] != (1,):
        raise ValueError(
            f"{what} must be class numbers (N,) or one row per sample (N, classes), "
            f"got shape {array.shape}"
        )
    numbers = array.reshape(-1).astype(int)
    if (numbers != array.reshape(-1)).any() or (numbers < 0).any():
        raise ValueError(
            f"{what} must be whole class numbers from 0; "
            "turn the output of a single sigmoid into classes with  (p > 0.5).astype(int)"
        )
    return numbers


@styled
def prediction_grid(
    images: ArrayLike, labels: ArrayLike, probabilities: ArrayLike,
    class_names: Sequence[str] | None = None, columns: int = 4, top: int = 3,
    title: str | None = None,
) -> Picture:  # fmt: skip
    """Images with the model's likeliest answers as bars.

    A right answer has a blue bar and a tick, a wrong one a vermilion bar, a cross and the truth.

    Args:
        images: (N, H, W), (N, H, W, 1) or (N, H, W, 3); every one of them is drawn.
        labels: the true classes, (N,), (N, 1) or one-hot (N, C).
        probabilities: (N, C), what ``model.predict(images)`` returned.
        class_names: names of the C classes; their numbers by default.
        columns: images in a row.
        top: how many classes to show beside each image.
        title: a line above all.

    Raises:
        ValueError: the three do not belong together, or there is no image.

    Example::

        p = model.predict(x_test[:8], verbose=0)
        figure = minicnn.plots.prediction_grid(x_test[:8], y_test[:8], p)
        figure.savefig("predictions.png")
    """
    images, p = np.asarray(images), np.asarray(probabilities)
    truth = _class_indices(labels)
    if not len(images) or p.ndim != 2 or not len(images) == len(truth) == len(p):
        raise ValueError(
            "images, labels and probabilities must describe the same samples, at least one: got "
            f"{len(images)} images, {len(truth)} labels and probabilities of shape {p.shape}, "
            "expected (images, classes)"
        )
    names = _names(class_names, max(p.shape[1], int(truth.max()) + 1))
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    figure = Picture(figsize=(3.4 * columns, 2.1 * rows + (0.5 if title else 0)))
    if title:
        figure.headline(title, 16)
    grid = figure.add_gridspec(rows, 2 * columns, width_ratios=[1.15, 1] * columns)
    for i, (image, label) in enumerate(zip(images, truth, strict=True)):
        row, column = divmod(i, columns)
        picture = figure.add_subplot(grid[row, 2 * column])
        show_image(picture, image)
        answer = int(p[i].argmax())
        color, verdict = BLUE, f"✓ {names[answer]}"
        if answer != label:
            color, verdict = VERMILION, f"✗ {names[answer]}, truth: {names[label]}"
        # written over image and bars: the layout must not widen the image's column for it
        picture.set_title(verdict, color=color, fontsize=13).set_in_layout(False)
        bars = figure.add_subplot(grid[row, 2 * column + 1])
        _probability_bars(bars, p[i], color, names, top)
    return figure


def _probability_bars(
    axes: Axes, p: np.ndarray, color: str, names: Sequence[str], top: int
) -> None:
    """The likeliest classes of one image, the likeliest on top in ``color``."""
    best = np.argsort(-p, kind="stable")[:top]
    colors = [color] + [QUIET] * (len(best) - 1)
    axes.barh(range(len(best)), p[best], color=colors, height=0.5)
    axes.barh(range(len(best)), 1 - p[best], left=p[best], color=FAINT, height=0.5, alpha=0.5)
    for place, c in enumerate(best):
        axes.text(0, place - 0.33, f"{names[c]}", fontsize=10.5, va="bottom", ha="left")
        axes.text(1, place - 0.33, f"{p[c]:.1%}", fontsize=10.5, va="bottom", ha="right")
    axes.set_xlim(0, 1)
    axes.set_ylim(len(best) - 0.5, -0.8)
    axes.set_axis_off()


@styled
def confusion_matrix(
    y_true: ArrayLike, y_pred: ArrayLike, class_names: Sequence[str] | None = None
) -> Picture:
    """How often class i (row) was taken for class j (column).

    The diagonal, the right answers, is left pale: the colours count the mistakes, which a common
    colour scale would drown in a good model. The last column is the recall of each class.

    Args:
        y_true: the true classes, (N,), (N, 1) or one-hot (N, C).
        y_pred: the predicted classes, or the probabilities (N, C).
        class_names: names of the classes; their numbers by default.

    Raises:
        ValueError: the two do not have the same number of samples, or there is none.

    Example::

        figure = minicnn.plots.confusion_matrix(y_test, model.predict(x_test, verbose=0))
        figure.savefig("confusion.png")
    """
    truth, answer = _class_indices(y_true, "y_true"), _class_indices(y_pred, "y_pred")
    if len(truth) != len(answer) or not len(truth):
        raise ValueError(
            "y_true and y_pred must describe the same samples, at least one: got "
            f"{len(truth)} and {len(answer)}"
        )
    given = len(class_names) if class_names is not None else 0
    classes = max(int(truth.max()) + 1, int(answer.max()) + 1, given)
    names = _names(class_names, classes)
    counts = np.zeros((classes, classes), int)  # (true, predicted)
    np.add.at(counts, (truth, answer), 1)

    side = 2.6 + 0.62 * min(classes, _MOST_NUMBERED_CLASSES)
    figure = Picture(figsize=(side + 1.0, side))
    axes = figure.add_subplot()
    mistakes = np.where(np.eye(classes, dtype=bool), 0, counts)
    axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=max(mistakes.max() * 1.6, 8))
    axes.set_title(
        f"{np.trace(counts) / len(truth):.2%} of {len(truth):,} right, {mistakes.sum():,} mistaken"
    )
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if classes <= _MOST_NUMBERED_CLASSES:
        _write_counts(axes, counts, names)
    return figure


def _write_counts(axes: Axes, counts: np.ndarray, names: Sequence[str]) -> None:
    """Numbers in the cells, names at the axes, the recall at the right."""
    classes = len(names)
    axes.set_xticks(range(classes), names)
    if max(map(len, names)) > 3:
        for label in axes.get_xticklabels():
            label.set(rotation=40, ha="right")
    axes.set_yticks(range(classes), names)
    cell_lines(axes, classes, classes)
    for i, j in np.ndindex(counts.shape):
        if i == j:
            axes.text(j, i, f"{counts[i, j]}", ha="center", va="center", weight="bold", color=BLUE)
        elif counts[i, j]:
            axes.text(j, i, f"{counts[i, j]}", ha="center", va="center", color=INK)
    for i, row in enumerate(counts):
        share = f"{row[i] / row.sum():.1%}" if row.sum() else "none"
        axes.text(classes - 0.3, i, share, ha="left", va="center", color=QUIET)
    axes.text(classes - 0.3, -0.6, "recall", ha="left", va="bottom", color=QUIET)


def _names(class_names: Sequence[str] | None, classes: int) -> list[str]:
    if class_names is None:
        return [str(c) for c in range(classes)]
    if len(class_names) < classes:
        raise ValueError(f"class_names has {len(class_names)} names for {classes} classes")
    return [str(name) for name in class_names]
