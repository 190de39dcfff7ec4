"""Several trainings in one picture: learning rates, optimizers, networks side by side."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from minicnn.plots.style import COLORS, Picture, styled
from minicnn.plots.training import is_share

_DASHES = ("-", "--", "-.", ":")


@styled
def compare_histories(
    histories: Mapping[str, Any],
    key: str = "loss",
    log: bool = False,
    title: str | None = None,
    xlabel: str = "epoch",
    limit: float | None = None,
) -> Picture:
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
    share = is_share(key)
    for (name, values), (color, dash) in zip(curves.items(), looks, strict=False):
        finite = np.where(np.isfinite(values), values, np.nan)
        last = f"{values[-1]:.1%}" if share else f"{values[-1]:.3g}"
        end = last.replace("-", "−") if np.isfinite(values[-1]) else "diverged"
        steps = np.arange(1, len(values) + 1)
        axes.plot(steps, finite, dash, color=color, label=f"{name}: {end}",
                  marker="o" if len(values) <= 30 else None, ms=5)  # fmt: skip
    axes.set_title(title or key.replace("_", " ").capitalize())
    axes.set_xlabel(xlabel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    if log:
        axes.set_yscale("log")
    if limit is not None:
        axes.set_ylim(top=limit)
    if share:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), title="last value")
    return figure


def _curve(name: Any, given: Any, key: str) -> np.ndarray:
    """The numbers of one training, at least one."""
    history = getattr(given, "history", given)
    if isinstance(history, Mapping):
        if key not in history:
            known = ", ".join(map(str, history)) or "none"
            raise ValueError(f"history {name!r} has no {key!r}; it has {known}")
        history = history[key]
    values: Sequence[float] = history
    array = np.asarray(values, "float64")
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"curve {name!r} must be a list of one number an epoch, at least one; got shape "
            f"{array.shape}"
        )
    return array
