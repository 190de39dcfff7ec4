"""What happened during training: every measured number over the epochs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from minicnn.plots.style import BLUE, INK, VERMILION, Picture, styled

_MOST_COLUMNS = 2


@styled
def training_curves(history: Any) -> Picture:
    """Loss and metrics over the epochs, training beside validation.

    Args:
        history: what ``model.fit`` returned, or its ``.history`` dictionary
            {name: [one number an epoch]}; ``val_x`` is drawn in the panel of ``x``.

    Returns:
        A figure with one panel a quantity, the loss first. The best validation epoch is marked.

    Raises:
        ValueError: there is no epoch to draw.

    Example::

        history = {"loss": [2.1, 0.9, 0.5], "val_loss": [1.2, 0.8, 0.9]}
        figure = minicnn.plots.training_curves(history)
        figure.savefig("curves.png")
    """
    curves: Mapping[str, Sequence[float]] = getattr(history, "history", history)
    names = [name for name in curves if not name.startswith("val_")]
    names += [name[4:] for name in curves if name.startswith("val_") and name[4:] not in names]
    names.sort(key=lambda name: name != "loss")
    if not names or not any(len(curve) for curve in curves.values()):
        raise ValueError("the history holds no epoch; train with fit(...) first")
    columns = min(len(names), _MOST_COLUMNS)
    rows = math.ceil(len(names) / columns)
    figure = Picture(figsize=(6.4 * columns, 4.4 * rows))
    for position, name in enumerate(names, 1):
        axes = figure.add_subplot(rows, columns, position)
        _panel(axes, name, curves.get(name, ()), curves.get(f"val_{name}", ()))
    return figure


def _panel(axes: Axes, name: str, train: Sequence[float], val: Sequence[float]) -> None:
    label = name.replace("_", " ")
    for values, color, dash, what in (
        (train, BLUE, "-", "training"),
        (val, VERMILION, "--", "validation"),
    ):
        if len(values):
            epochs = np.arange(1, len(values) + 1)
            axes.plot(epochs, values, dash, color=color, marker="o", ms=5, label=what)
    axes.set_title(label.capitalize())
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    last = max(len(train), len(val))
    axes.set_xlim(1 - 0.06 * last, last + 0.06 * last)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.margins(y=0.16)
    if is_share(name):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    if len(val):
        _mark_best(axes, name, train, val)
    if len(train) and len(val):
        # on the title's line, where no curve can run through it
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.0, 0.99), ncols=2)


def _mark_best(axes: Axes, name: str, train: Sequence[float], val: Sequence[float]) -> None:
    """Ring the best validation epoch and write its value beside it."""
    rises = is_share(name)
    if not np.isfinite(val).any():
        return
    best = int(np.nanargmax(val) if rises else np.nanargmin(val))
    value = val[best]
    text = f"{value:.2%}" if rises else f"{value:.4g}"
    axes.plot(best + 1, value, "o", ms=13, mfc="none", mec=VERMILION, mew=2)
    right_half = best + 1 > (len(val) + 1) / 2
    above = value >= train[best] if best < len(train) else rises  # on the side of no curve
    axes.annotate(
        f"best {text}",
        (best + 1, value),
        xytext=(-4 if right_half else 4, 14 if above else -14),
        textcoords="offset points",
        ha="right" if right_half else "left",
        va="bottom" if above else "top",
        color=INK,
        fontsize=12,
    )


def is_share(name: str) -> bool:
    """Whether a metric lies in 0..1 and more of it is better."""
    return "acc" in name or name in ("precision", "recall", "auc")
