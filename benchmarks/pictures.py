"""The picture of each result: ``results/NAME.png`` beside ``results/NAME.json``.

    python benchmarks/pictures.py benchmarks/results/peers.json      # draw it again

Every series has a colour of Okabe and Ito's palette and a marker of its own: nothing is told by
colour alone. Times stand on logarithmic axes, where equal ratios are equal lengths.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

from measure import ROOT

sys.path.insert(0, str(ROOT))

import numpy as np

from minicnn.drawing.style import BLUE, GREEN, INK, ORANGE, QUIET, VERMILION, Picture, styled

PURPLE, SKY = "#CC79A7", "#56B4E9"
SERIES = [(BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (ORANGE, "D"), (PURPLE, "v"), (SKY, "P")]

Row = tuple[str, dict[str, dict[str, float]]]  # title, {series: summary}


def dots(axes: Any, rows: list[Row], series: list[str], scale: float = 1.0) -> None:
    """A row of marks for each row, one a series, with a line from quartile to quartile."""
    for i, (_, cells) in enumerate(rows):
        for k, name in enumerate(series):
            if name not in cells:
                continue
            colour, marker = SERIES[k]
            cell = cells[name]
            y = i + 0.09 * (k - (len(series) - 1) / 2)
            ends = [scale * cell.get(end, cell["median"]) for end in ("q1", "q3")]
            axes.plot(ends, [y, y], color=colour, linewidth=2, alpha=0.5)
            axes.plot(
                scale * cell["median"], y, marker, color=colour, markersize=8,
                markeredgecolor="white", label=name,
            )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), [title for title, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    plain_ticks(axes.xaxis)
    axes.grid(axis="x")
    axes.set_axisbelow(True)


def plain_ticks(axis: Any) -> None:
    """1, 10, 100; on a shorter axis 2 and 5 between them, or more; no powers of ten."""
    from matplotlib.ticker import FixedLocator, NullLocator

    low, high = axis.get_view_interval()
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        ticks = [s * 10.0**k for k in decades for s in steps if low <= s * 10.0**k <= high]
        if len(ticks) >= 3:
            break
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_locator(NullLocator())


def legend(figure: Any, axes: list[Any], columns: int) -> None:
    """One legend below, each series once."""
    found = {}
    for ax in axes:
        handles, labels = ax.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    figure.legend(
        found.values(), found, loc="outside lower center", ncols=columns, frameon=False,
        handletextpad=0.4,
    )  # fmt: skip


def caption(figure: Any, data: dict[str, Any], title: str) -> None:
    """Title, and below it what the figures were measured on."""
    m = data["machine"]
    figure.suptitle(
        f"{title}\n{m['processor']}, {m['threads']} threads, {m['date']}, "
        f"commit {m['commit']}",
        x=0.01, ha="left", fontsize=13,
    )  # fmt: skip


def write(figure: Any, path: Path) -> Path:
    target = path.with_suffix(".png")
    figure.savefig(target, dpi=110)
    return target


@styled
def operations(data: dict[str, Any], path: Path) -> Path:
    """Forward and backward of every ladder, µs an image."""
    series = ["plain loops", "NumPy", "Numba", "Numba, fused"]
    ladders = data["ladders"]
    figure = Picture(figsize=(14, 2.6 + 0.62 * len(ladders)))
    panels = figure.subplots(1, 2, sharey=True)
    for ax, direction in zip(panels, ("forward", "backward"), strict=True):
        rows: list[Row] = []
        for ladder in ladders:
            per_image = 1e6 / ladder["batch"]
            cells = {
                name: {k: v * per_image for k, v in times[direction].items()}
                for name, times in ladder["rungs"].items()
            }
            rows.append((ladder["title"], cells))
        dots(ax, rows, series)
        ax.set_title(direction)
        ax.set_xlabel("µs an image")
    caption(figure, data, "The same operation, four ways")
    legend(figure, list(panels), 4)
    return write(figure, path)


#: kinds of parts of a step: what the name of the part begins with, colour, hatching
_KINDS = [
    ("convolution, forward", "conv2d", "forward", SKY, ""),
    ("convolution, backward", "conv2d", "backward", BLUE, "//"),
    ("dense, forward", "dense", "forward", ORANGE, ""),
    ("dense, backward", "dense", "backward", VERMILION, "\\\\"),
    ("Adam", "optimizer", "", GREEN, "xx"),
    ("gather the batch", "gather", "", PURPLE, ".."),
]
_REST = ("everything else", QUIET, "")


@styled
def step(data: dict[str, Any], path: Path) -> Path:
    """One bar a program, µs an image, cut into its parts; the floor as a line."""
    programs = data["programs"]
    figure = Picture(figsize=(13, 2.8 + 0.75 * len(programs)))
    ax = figure.subplots()
    for i, found in enumerate(programs.values()):
        left = 0.0
        for label, colour, hatch, seconds in by_kind(found["parts"]):
            width = seconds / found["batch"] * 1e6
            ax.barh(i, width, 0.6, left, color=colour, hatch=hatch, edgecolor="white", label=label)
            left += width
        floor = found["floor_s"] / found["batch"] * 1e6
        ax.plot([floor] * 2, [i - 0.4, i + 0.4], color=INK, label="floor")
        ax.annotate(f"{left:.0f}", (left, i), (6, 0), textcoords="offset points", va="center")
    ax.set_yticks(range(len(programs)), [f"{n} ({f['batch']})" for n, f in programs.items()])
    ax.invert_yaxis()
    ax.set_xlabel("µs an image; in brackets: the batch")
    caption(figure, data, "Where a training step goes")
    legend(figure, [ax], 4)
    return write(figure, path)


def by_kind(parts: list[dict[str, Any]]) -> list[tuple[str, str, str, float]]:
    """(kind, colour, hatching, seconds) of the parts of a step, in the order of the bar."""
    totals = {label: 0.0 for label, *_ in _KINDS} | {_REST[0]: 0.0}
    for part in parts:
        for label, start, direction, *_ in _KINDS:
            if part["part"].startswith(start) and part["direction"] == direction:
                totals[label] += part["median"]
                break
        else:
            totals[_REST[0]] += part["median"]
    looks = {label: (colour, hatch) for label, _, _, colour, hatch in _KINDS}
    looks[_REST[0]] = _REST[1:]
    return [(label, *looks[label], seconds) for label, seconds in totals.items()]


@styled
def startup(data: dict[str, Any], path: Path) -> Path:
    """Seconds from nothing to an import, to a first batch, to a first epoch."""
    rows: list[Row] = [(title, {"": t}) for title, t in data["imports"].items()]
    for program, found in data["cached"].items():
        rows.append((f"first batch, {program}", {"": found["first_batch_s"]}))
    for program, found in data["cached"].items():
        rows.append((f"start → end of epoch 1, {program}", {"": found["start_to_first_epoch_s"]}))
    cold = data["cold"]
    rows.append((f"first batch, {cold['program']}, kernels not compiled yet",
                 {"": {"median": cold["first_batch_s"]}}))  # fmt: skip
    figure = Picture(figsize=(12, 1.6 + 0.5 * len(rows)))
    ax = figure.subplots()
    dots(ax, rows, [""])
    for i, (_, cells) in enumerate(rows):
        value = cells[""]["median"]
        ax.annotate(f"{value:.2g} s", (value, i), (0, 6), textcoords="offset points", ha="center")
    ax.set_xlabel("seconds; imports with the start of the interpreter")
    caption(figure, data, "From nothing to a training run")
    return write(figure, path)


@styled
def peers(data: dict[str, Any], path: Path) -> Path:
    """A panel a measure, a row a program, a mark an engine."""
    table = data["table"]
    engines = list(dict.fromkeys(e for runs in data["runs"].values() for e in runs))
    titles = list(dict.fromkeys(title for columns in table.values() for title in columns))
    across = min(3, len(titles))
    down = math.ceil(len(titles) / across)
    figure = Picture(figsize=(16, 2 + down * (1.6 + 0.6 * len(table))))
    panels = figure.subplots(down, across, sharey=True, squeeze=False)
    for ax, title in zip(panels.flat, titles, strict=False):
        dots(ax, [(program, columns[title]) for program, columns in table.items()], engines)
        ax.set_title(title.split(", ")[0], fontsize=13)
        ax.set_xlabel(title.split(", ")[1])
    for ax in panels.flat[len(titles) :]:
        ax.set_visible(False)
    caption(figure, data, "Side by side: further left is better")
    legend(figure, list(panels.flat), len(engines))
    return write(figure, path)


@styled
def scaling(data: dict[str, Any], path: Path) -> Path:
    """A panel an axis, a line a thread count; networks off the path as ratios."""
    compared = data["off_the_path"]
    names = list(next(iter(data["axes"].values())))
    figure = Picture(figsize=(16, 10.5 if compared else 5.6))
    top, *below = figure.subfigures(2 if compared else 1, 1, squeeze=False).flat
    panels = top.subplots(1, len(names))
    for ax, axis in zip(panels, names, strict=True):
        for (colour, marker), (threads, axes_) in zip(SERIES, data["axes"].items(), strict=False):
            found = axes_[axis]
            ax.plot(
                found["sizes"], np.array(found["step_s"]) * 1e3, marker=marker, color=colour,
                label=f"{threads} thread{'s' if threads != '1' else ''}: "
                f"size$^{{{found['exponent']:.2f}}}$, largest $^{{"
                f"{found['exponent_of_largest']:.2f}}}$",
            )  # fmt: skip
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xticks(found["sizes"], [str(s) for s in found["sizes"]])
        ax.minorticks_off()
        plain_ticks(ax.yaxis)
        ax.grid()
        ax.set_title(axis)
        ax.legend(frameon=False, fontsize=11, loc="upper left")
    panels[0].set_ylabel("ms a training step")
    caption(top, data, "How a training step grows")
    for lower in below:
        ax = lower.subplots()
        for i, found in enumerate(compared.values()):
            slow = found["ratio"] < 0.8
            ax.plot(found["ratio"], i, "s" if slow else "o", color=VERMILION if slow else BLUE)
            ax.annotate(f"{found['ratio']:.2f}", (found["ratio"], i), (9, 0),
                        textcoords="offset points", va="center")  # fmt: skip
        ax.axvline(1, color=QUIET, linewidth=1)
        ax.axvline(0.8, color=INK, linewidth=1.5, linestyle="--")
        ax.set_xscale("log")
        ax.set_yticks(range(len(compared)), list(compared))
        ax.invert_yaxis()
        plain_ticks(ax.xaxis)
        engines = ", ".join(e for e in next(iter(compared.values()))["step_s"] if e != "minicnn")
        ax.set_xlabel(f"times as fast as the fastest of {engines}; dashed: 0.8")
        ax.set_title("Off the beaten path")
        ax.grid(axis="x")
    return write(figure, path)


def of(data: dict[str, Any]) -> Any:
    """The function that draws a result, told by what it holds."""
    for key, draw in (
        ("ladders", operations), ("imports", startup), ("runs", peers), ("axes", scaling),
        ("programs", step),
    ):  # fmt: skip
        if key in data:
            return draw
    raise ValueError(f"a result has one of the keys ladders, imports, runs, axes, programs; "
                     f"this one has {', '.join(data)}")  # fmt: skip


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        found = json.loads(Path(argument).read_text())
        print(of(found)(found, Path(argument)))
