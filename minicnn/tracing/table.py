"""A trace as a table for people: one line an array."""

from typing import Any

import numpy as np

from minicnn.tracing.words import axis_names

_HEAD = ("layer", "shape", "axes", "min", "mean", "max", "zeros", "|gradient|")


def table(trace: Any) -> str:
    """The arrays of a trace, from the image to the output, one line each."""
    rows = [_HEAD, _row("image", trace.image, trace.dimage)]
    for layer in trace.layers:
        name = f"{layer.name} ({layer.class_name})"
        if layer.z is not None:
            rows.append(_row(name, layer.z, layer.dz))
            name = f"    after {layer.activation}"
        rows.append(_row(name, layer.y, layer.dy))
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    lines = [
        f"One image through {trace.model_name!r} and back.",
        f"The gradients are those of {trace.differentiated}, which is {trace.value:.6g}.",
        "",
        *("  ".join(_aligned(row, widths)).rstrip() for row in rows),
    ]
    if trace.layers[-1].dy is None:
        lines += ["", "-: the backward pass begins in front of the last activation, at the logits."]
    return "\n".join(lines)


def _row(name: str, values: np.ndarray, gradient: np.ndarray | None) -> tuple[str, ...]:
    numbers = values.astype("float64")
    return (
        name,
        " × ".join(map(str, values.shape)),
        ", ".join(axis_names(values.ndim)),
        f"{numbers.min():.4g}",
        f"{numbers.mean():.4g}",
        f"{numbers.max():.4g}",
        f"{(values == 0).mean():.1%}",
        "-" if gradient is None else f"{np.linalg.norm(gradient.astype('float64')):.3g}",
    )


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    """Words to the left, numbers to the right."""
    return [
        cell.ljust(width) if i < 3 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
