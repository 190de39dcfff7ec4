"""``model.summary()``: the table of layers and the totals, laid out and coloured as Keras does.

``collect`` reads a model into plain data, ``draw`` makes a table of the data, ``summary`` prints.
"""

import io
import re
import shutil
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minicnn.engine import console

HEADER = ("Layer (type)", "Output Shape", "Param #", "Trainable")
ALIGNMENT = ("left", "left", "right", "center")
POSITIONS = (0.45, 0.80, 1.0)
#: a column holds at least this many characters
NARROWEST_COLUMN = 4

# rich's colour names
NUMBER, NO_NUMBER, SYMBOL = "color(34)", "color(45)", "color(33)"


class Row(NamedTuple):
    """One layer of the table."""

    name: str
    class_name: str
    shape: tuple[int | None, ...] | None  # None: not known
    params: int | None  # None: not built
    trainable: bool | None  # None: no weights
    level: int = 0  # how deep the layer is nested


class Total(NamedTuple):
    """One line below the table."""

    label: str
    params: int
    nbytes: int


class Contents(NamedTuple):
    """Everything that a summary shows."""

    model_name: str
    rows: list[Row]
    totals: list[Total]


def summary(
    model: Any, line_length: int | None = None, positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None, expand_nested: bool = False,
    show_trainable: bool = False, layer_range: Sequence[str] | None = None,
) -> None:  # fmt: skip
    """Print the layers of a model, their output shapes and how many weights they hold.

    Args:
        model: a ``Sequential``, built or not.
        line_length: width of the table; by default what the terminal has room for, 88 at most.
        positions: where the columns end, as fractions of the width; by default
            ``[0.45, 0.8, 1.0]``.
        print_fn: called once with the whole text, free of colour codes; by default it is printed,
            with colours on a terminal and as HTML in a notebook.
        expand_nested: whether to list the layers of nested models too.
        show_trainable: whether to add a column with Y, N, or - for a layer without weights.
        layer_range: two layer names or regular expressions, first and last layer to show. The
            totals are those of the whole model.

    Raises:
        ValueError: the columns asked for are too narrow, or ``layer_range`` matches no layer.
    """
    from rich.console import Console

    contents = collect(model, expand_nested, layer_range)
    parts = draw(contents, line_length, positions, show_trainable)
    if print_fn is None:
        screen = Console(highlight=False)
    else:
        screen = Console(highlight=False, force_terminal=False, color_system=None)
    if print_fn is None and (screen.is_jupyter or screen.legacy_windows):
        for part in parts:  # these two show more than a text can carry
            screen.print(part)
        return
    screen.file = text = io.StringIO()  # rich ends the process when it meets a closed pipe
    for part in parts:
        screen.print(part)
    (print_fn or console.write)(text.getvalue())


def collect(
    model: Any, expand_nested: bool = False, layer_range: Sequence[str] | None = None
) -> Contents:
    """Read what a summary shows from a model."""
    layers = model.layers
    if layer_range is not None:
        layers = layers[_range(layers, layer_range)]
    rows = [row for layer in layers for row in _rows(layer, expand_nested)]

    totals = [
        _total("Trainable params", model.trainable_weights),
        _total("Non-trainable params", model.non_trainable_weights),
    ]
    optimizer = model.optimizer
    if optimizer is not None and optimizer.built:
        totals.append(_total("Optimizer params", optimizer.variables))
    everything = Total("Total params", sum(t.params for t in totals), sum(t.nbytes for t in totals))
    return Contents(model.name, rows, [everything, *totals])


def draw(
    contents: Contents, line_length: int | None = None, positions: Sequence[float] | None = None,
    show_trainable: bool = False,
) -> list[Any]:  # fmt: skip
    """The title, the table and the totals, as objects that ``rich`` prints."""
    from rich.table import Column, Table
    from rich.text import Text

    line_length, widths = _widths(line_length, positions, show_trainable)
    columns = [
        Column(name, justify=justify, width=width)  # type: ignore[arg-type]
        for name, justify, width in zip(HEADER, ALIGNMENT, widths, strict=False)
    ]  # zip leaves "Trainable" out when there are three widths
    table = Table(*columns, width=line_length, show_lines=True)
    for row in contents.rows:
        table.add_row(*_cells(row)[: len(columns)])

    totals = [
        Text.assemble(
            (f" {total.label}: ", "bold"), (f"{total.params:,}", NUMBER), f" ({size(total.nbytes)})"
        )
        for total in contents.totals
    ]
    title = Text.assemble((f'Model: "{contents.model_name}"', "bold"))
    return [title, table, *totals]


def size(nbytes: float) -> str:
    """``12.04 MB``: bytes in the largest unit that leaves at least 1, in steps of 1024."""
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if nbytes < 1024:
            return f"{nbytes:.2f} {unit}"
        nbytes /= 1024
    return f"{nbytes:.2f} PB"


def _rows(layer: Any, expand_nested: bool, level: int = 0) -> list[Row]:
    try:
        shape = layer.output.shape
    except AttributeError:
        shape = None
    params = layer.count_params() if layer.built else None
    trainable = layer.trainable if layer.weights else None
    rows = [Row(layer.name, type(layer).__name__, shape, params, trainable, level)]
    if expand_nested:
        for inner in getattr(layer, "layers", []):
            rows += _rows(inner, expand_nested, level + 1)
    return rows


def _range(layers: Sequence[Any], layer_range: Sequence[str]) -> slice:
    """From the first layer that matches one end to the last that matches the other."""
    if len(layer_range) != 2 or not all(isinstance(name, str) for name in layer_range):
        raise ValueError(
            f"layer_range must be two layer names, the first and the last to show; "
            f"got {layer_range!r}"
        )
    ends = []
    for name in layer_range:
        matches = [i for i, layer in enumerate(layers) if re.match(name, layer.name)]
        if not matches:
            known = ", ".join(layer.name for layer in layers)
            raise ValueError(
                f"layer_range: no layer's name matches {name!r}; the model's layers are: {known}"
            )
        ends.append(matches)
    first, last = ends
    if min(first) > max(last):  # the ends were given in reverse
        first, last = last, first
    return slice(min(first), max(last) + 1)


def _total(label: str, weights: Sequence[Any]) -> Total:
    params = sum(w.size for w in weights)
    return Total(label, params, sum(w.size * np.dtype(w.dtype).itemsize for w in weights))


def _widths(
    line_length: int | None, positions: Sequence[float] | None, show_trainable: bool
) -> tuple[int, list[int]]:
    """Width of the table and of each column, the borders included."""
    ends = list(positions or POSITIONS)
    if len(ends) != 3:
        raise ValueError(
            f"summary: positions must be the ends of the three columns, such as {POSITIONS}, "
            f"got {positions!r}"
        )
    widest, narrowest = 88, 16
    if show_trainable:
        ends = [0.9 * end for end in ends] + [1.0]
        widest, narrowest = 100, 31
    if not line_length:
        # a terminal too narrow for any table is no reason to fail: its lines will wrap
        line_length = max(narrowest, min(widest, shutil.get_terminal_size().columns - 4))

    widths: list[int] = []
    for end in ends:
        widths.append(int(end * line_length) - sum(widths))
    if min(widths) < NARROWEST_COLUMN:
        raise ValueError(
            f"summary: a table of line_length {line_length} with positions {ends} has columns "
            f"{widths} characters wide, expected {NARROWEST_COLUMN} or more each; pass a larger "
            "line_length, or positions further apart"
        )
    return line_length, widths


def _cells(row: Row) -> list[Any]:
    """The texts of one row. Styles are those of parts, never of a whole cell with its blanks."""
    from rich.text import Text

    prefix = "   " * row.level + "└ " if row.level else ""
    name = Text.assemble(f"{prefix}{row.name} (", (row.class_name, SYMBOL), ")")
    if row.shape is None:
        shape = Text("?")
    else:
        sizes = [Text.assemble((str(n), NO_NUMBER if n is None else NUMBER)) for n in row.shape]
        shape = Text.assemble("(", Text(", ").join(sizes), ")")
    unbuilt = " (unbuilt)" if row.params is None else ""
    params = Text.assemble((f"{row.params or 0:,}", NUMBER), unbuilt)
    mark, style = {True: ("Y", NUMBER), False: ("N", "color(9)"), None: ("-", "")}[row.trainable]
    return [name, shape, params, Text.assemble((mark, f"bold {style}"))]
