"""An explanation in words and numbers, for people who print it."""

from typing import Any

import numpy as np

_AXES = {1: ("units",), 3: ("height", "width", "channels")}
_ENTRY = {1: ("unit",), 3: ("row", "column", "channel")}
_MOST_CHANNELS = 4  # channels of a window that are written out
_MOST_TERMS = 8  # products of a dense layer that are written out


def axis_names(ndim: int, of_one_entry: bool = False) -> tuple[str, ...]:
    """Names of the axes of one sample, or of the numbers that point at one of its entries."""
    names = _ENTRY if of_one_entry else _AXES
    return names.get(ndim, tuple(f"axis {i}" for i in range(ndim)))


def explanation_text(e: Any) -> str:
    """The text of a :class:`minicnn.tracing.Explanation`."""
    where = ", ".join(f"{a} {i}" for a, i in zip(e.axes, e.cell, strict=True))
    lines = [f"{e.layer} ({e.class_name}), {where}: {e.value:.6g}"]
    if e.kind == "copy":
        source = ", ".join(map(str, e.source))
        return "\n".join([*lines, f"  a copy of entry [{source}] of the input"])
    if e.rows:
        lines.append(f"  window: rows {_span(e.rows)}, columns {_span(e.columns)} of the input")
    if e.kind == "sum of products":
        lines += _window_lines(e) if e.rows else _term_lines(e)
        lines += _sum_lines(e)
    else:
        lines += _grid(e.window[..., 0], "    ")
        if e.kind == "mean":
            lines.append(f"  the mean of those inside the image is {e.value:.6g}")
        else:
            row, column = e.source[:2]
            lines.append(f"  the largest, {e.value:.6g}, is at row {row}, column {column}")
    return "\n".join(lines)


def _span(places: tuple[int, ...]) -> str:
    """ "3 to 5", "3, 5, 7" or "3"."""
    if len(places) > 2 and places[1] - places[0] == 1:
        return f"{places[0]} to {places[-1]}"
    return ", ".join(map(str, places))


def _window_lines(e: Any) -> list[str]:
    """window × kernel = products, side by side, channel by channel."""
    lines = []
    channels = e.window.shape[-1]
    for c in range(min(channels, _MOST_CHANNELS)):
        if channels > 1:
            lines.append(f"  channel {c}")
        parts = [_grid(a[..., c], "") for a in (e.window, e.kernel, e.products)]
        heads = [h.center(len(p[0])) for h, p in zip(("window", "kernel", "products"), parts,
                                                     strict=True)]  # fmt: skip
        lines.append("    " + "     ".join(heads).rstrip())
        middle = (len(parts[0]) - 1) // 2
        for i, (a, b, p) in enumerate(zip(*parts, strict=True)):
            times, equals = ("  ×  ", "  =  ") if i == middle else ("     ", "     ")
            lines.append(f"    {a}{times}{b}{equals}{p}")
        if channels > 1:
            lines.append(f"    these add up to {e.products[..., c].sum():.6g}")
    if channels > _MOST_CHANNELS:
        rest = float(e.products[..., _MOST_CHANNELS:].sum())
        lines.append(f"  the other {channels - _MOST_CHANNELS} channels add up to {rest:.6g}")
    return lines


def _term_lines(e: Any) -> list[str]:
    """The largest products of a dense layer."""
    order = np.argsort(-np.abs(e.products), kind="stable")
    lines = [
        f"    x[{i}] × w[{i}, {e.cell[-1]}]  =  {e.window[i]:.5g} × {e.kernel[i]:.5g}"
        f"  =  {e.products[i]:.5g}"
        for i in order[:_MOST_TERMS]
    ]
    if len(order) > _MOST_TERMS:
        rest = float(e.products[order[_MOST_TERMS:]].sum())
        lines.append(f"    the other {len(order) - _MOST_TERMS} products add up to {rest:.6g}")
    return lines


def _sum_lines(e: Any) -> list[str]:
    total = float(e.products.sum())
    lines = [f"  sum of {e.products.size} products  {total:.6g}", f"  plus the bias  {e.bias:.6g}"]
    lines.append(f"  makes  {e.before:.6g}")
    if e.activation:
        lines.append(f"  after {e.activation}  {e.value:.6g}")
    return lines


def _grid(values: np.ndarray, indent: str) -> list[str]:
    """A matrix as lines of equal width; adding 0.0 makes -0 a 0."""
    cells = [[f"{v + 0.0:.4g}" for v in row] for row in values]
    width = max(len(c) for row in cells for c in row)
    return [indent + "  ".join(c.rjust(width) for c in row) for row in cells]
