"""What happened during training: every measured number over the epochs, of one run or several."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from minicnn.drawing.style import BLUE, COLORS, INK, MINUS, VERMILION, Picture, styled

if TYPE_CHECKING:
    from minicnn.callbacks import History

Curves = Mapping[str, Sequence[float]]
_MOST_COLUMNS = 2
_DASHES = ("-", "--", "-.", ":")


@styled
def training_curves(history: "History | Curves") -> Picture:
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
    curves = history if isinstance(history, Mapping) else history.history
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
    looks = (train, BLUE, "-", "training"), (val, VERMILION, "--", "validation")
    for values, color, dash, what in looks:
        if len(values):
            epochs = np.arange(1, len(values) + 1)
            axes.plot(epochs, values, dash, color=color, marker="o", ms=5, label=what)
    axes.set_title(name.replace("_", " ").capitalize())
    axes.set_xlabel("epoch")
    _epochs(axes, name)
    last = max(len(train), len(val))
    axes.set_xlim(1 - 0.06 * last, last + 0.06 * last)
    axes.margins(y=0.16)
    if len(val):
        _mark_best(axes, name, train, val)
    if len(train) and len(val):
        # on the title's line, where no curve can run through it
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.0, 0.99), ncols=2)


def _mark_best(axes: Axes, name: str, train: Sequence[float], val: Sequence[float]) -> None:
    """Ring the best validation epoch and write its value beside it."""
    rises = _is_share(name)
    if not np.isfinite(val).any():
        return
    best = int(np.nanargmax(val) if rises else np.nanargmin(val))
    value = val[best]
    text = f"{value:.2%}" if rises else f"{value:.4g}"
    axes.plot(best + 1, value, "o", ms=13, mfc="none", mec=VERMILION, mew=2)
    right_half = best + 1 > (len(val) + 1) / 2
    above = value >= train[best] if best < len(train) else rises  # on the side of no curve
    axes.annotate(
        f"best {text}", (best + 1, value), xytext=(-4 if right_half else 4, 14 if above else -14),
        textcoords="offset points", ha="right" if right_half else "left",
        va="bottom" if above else "top", color=INK, fontsize=12,
    )  # fmt: skip


def _epochs(axes: Axes, name: str) -> None:
    """Whole epochs along the x axis, lines across, and shares in percent."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    if _is_share(name):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _is_share(name: str) -> bool:
    """Whether a metric lies in 0..1 and more of it is better."""
    return "acc" in name or name in ("precision", "recall", "auc")


@styled
def compare_histories(
    histories: "Mapping[str, History | Curves | Sequence[float]]", key: str = "loss",
    log: bool = False, title: str | None = None, xlabel: str = "epoch", limit: float | None = None,
) -> Picture:  # fmt: skip
    """One curve a training, each in a colour and dash of its own, with its name and last value.

    A curve that ends in NaN or infinity is drawn as far as it goes and called diverged.

    Args:
        histories: name -> what ``fit`` returned, its ``.history``, or a list of numbers.
        key: which quantity to draw, such as "val_accuracy"; lists need none.
        log: a logarithmic axis.
        title: above the curves; by default the quantity.
        xlabel: what the curves run over, "epoch" or "step".
        limit: the largest value to show, where one curve would flatten all others.

    Raises:
        ValueError: there is no curve, or a history has no such key.

    Example::

        losses = {"lr 0.01": [2.3, 1.9, 1.6, 1.4], "lr 0.1": [2.3, 1.2, 0.7, 0.5]}
        figure = minicnn.plots.compare_histories(losses)
        figure.savefig("learning_rates.png")
    """
    curves = {str(name): _curve(name, given, key) for name, given in histories.items()}
    if not curves:
        raise ValueError("histories is empty; give at least one, as {name: history}")
    figure = Picture(figsize=(8.4, 5.0))
    axes = figure.add_subplot()
    looks = zip(itertools.cycle(COLORS), itertools.cycle(_DASHES), strict=False)
    share = _is_share(key)
    for (name, values), (color, dash) in zip(curves.items(), looks, strict=False):
        finite = np.where(np.isfinite(values), values, np.nan)
        last = f"{values[-1]:.1%}" if share else f"{values[-1]:.3g}"
        end = last.replace("-", MINUS) if np.isfinite(values[-1]) else "diverged"
        steps = np.arange(1, len(values) + 1)
        axes.plot(steps, finite, dash, color=color, label=f"{name}: {end}",
                  marker="o" if len(values) <= 30 else None, ms=5)  # fmt: skip
    axes.set_title(title or key.replace("_", " ").capitalize())
    axes.set_xlabel(xlabel)
    _epochs(axes, key)
    if log:
        axes.set_yscale("log")
    if limit is not None:
        axes.set_ylim(top=limit)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), title="last value")
    return figure


def _curve(name: str, given: "History | Curves | Sequence[float]", key: str) -> np.ndarray:
    """The numbers of one training, at least one."""
    history = getattr(given, "history", given)
    if isinstance(history, Mapping):
        if key not in history:
            known = ", ".join(map(str, history)) or "none"
            raise ValueError(f"history {name!r} has no {key!r}; it has {known}")
        history = history[key]
    array = np.asarray(history, "float64")
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"curve {name!r} must be a list of one number an epoch, at least one; got shape "
            f"{array.shape}"
        )
    return array
