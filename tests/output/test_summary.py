"""Summaries against recordings of Keras, colours included (see make_golden.py)."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from minicnn.engine.summary import Contents, Row, Total, collect, draw, size, summary

GOLDEN = json.loads((Path(__file__).parent / "golden" / "summary.json").read_text("utf-8"))
PRINTS = [
    pytest.param(
        case["model"],
        shot,
        id=f"{name}-{shot['columns']}-{shot['terminal']}-{'-'.join(shot['arguments'])}",
    )
    for name, case in GOLDEN.items()
    for shot in case["prints"]
]


def weights(data):
    return [SimpleNamespace(size=size, dtype=dtype) for size, dtype in data]


def layer(data):
    """A stand-in for a layer, of a class with the right name."""

    def count_params():
        if not data["built"]:
            raise ValueError("not built")
        return data["params"]

    stand_in = type(data["class_name"], (SimpleNamespace,), {})(
        name=data["name"],
        built=data["built"],
        count_params=count_params,
        trainable=data["trainable"],
        weights=[None] * data["weights"],
    )
    if data["shape"] is not None:
        stand_in.output = SimpleNamespace(shape=tuple(data["shape"]))
    if "layers" in data:
        stand_in.layers = [layer(inner) for inner in data["layers"]]
    return stand_in


def model(data):
    optimizer = data["optimizer"]
    return SimpleNamespace(
        name=data["name"],
        layers=[layer(each) for each in data["layers"]],
        trainable_weights=weights(data["trainable_weights"]),
        non_trainable_weights=weights(data["non_trainable_weights"]),
        optimizer=None
        if optimizer is None
        else SimpleNamespace(built=True, variables=weights(optimizer)),
    )


@pytest.fixture
def console(monkeypatch):
    """Set the width of the console, and whether it is a terminal with colours."""

    def set_up(columns, terminal=False):
        for name in ("FORCE_COLOR", "NO_COLOR", "COLORTERM", "TTY_COMPATIBLE", "JUPYTER_COLUMNS"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", str(columns))
        if terminal:
            monkeypatch.setenv("FORCE_COLOR", "1")

    set_up(80)
    return set_up


def text(*arguments, **keywords):
    parts = []
    summary(*arguments, print_fn=parts.append, **keywords)
    assert len(parts) == 1  # print_fn is called once
    return parts[0]


@pytest.mark.parametrize(("data", "shot"), PRINTS)
def test_prints_what_keras_prints(data, shot, console, capsys):
    console(shot["columns"], shot["terminal"])
    summary(model(data), **shot["arguments"])
    assert capsys.readouterr().out == shot["printed"]


def test_print_fn_gets_the_whole_text_without_colours(console):
    console(80, terminal=True)
    case = GOLDEN["two convolutions"]
    plain = next(s for s in case["prints"] if s["columns"] == 80 and not s["terminal"])
    assert text(model(case["model"])) == plain["printed"]


def test_counts_and_bytes_by_dtype():
    stand_in = model(
        {
            "name": "m",
            "layers": [],
            "trainable_weights": [[5, "float64"], [7, "float32"]],
            "non_trainable_weights": [[3, "float32"]],
            "optimizer": [[1, "int64"], [12, "float32"]],
        }
    )
    assert collect(stand_in).totals == [
        Total("Total params", 28, 40 + 28 + 12 + 8 + 48),
        Total("Trainable params", 12, 40 + 28),
        Total("Non-trainable params", 3, 12),
        Total("Optimizer params", 13, 8 + 48),
    ]


def test_an_optimizer_that_is_not_built_is_left_out():
    stand_in = model(GOLDEN["frozen"]["model"])
    stand_in.optimizer = SimpleNamespace(built=False)
    assert [t.label for t in collect(stand_in).totals][-1] == "Non-trainable params"


def test_draw_needs_no_model(console):
    from rich.console import Console

    out = io.StringIO()
    screen = Console(file=out, width=60)
    contents = Contents(
        "tiny", [Row("dense", "Dense", (None, 3), 1234, True)], [Total("Total params", 1234, 4936)]
    )
    for part in draw(contents, line_length=60):
        screen.print(part)
    assert out.getvalue().splitlines() == [
        'Model: "tiny"',
        "┏━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━┓",
        "┃ Layer (type)             ┃ Output Shape      ┃   Param # ┃",
        "┡━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━┩",
        "│ dense (Dense)            │ (None, 3)         │     1,234 │",
        "└──────────────────────────┴───────────────────┴───────────┘",
        " Total params: 1,234 (4.82 KB)",
    ]


@pytest.mark.parametrize(
    ("nbytes", "expected"),
    [
        (0, "0.00 B"),
        (1023, "1023.00 B"),
        (1024, "1.00 KB"),
        (12_624_392, "12.04 MB"),
        (3 * 1024**3, "3.00 GB"),
        (1024**5, "1.00 PB"),
        (2048 * 1024**5, "2048.00 PB"),
    ],
)
def test_size(nbytes, expected):
    assert size(nbytes) == expected


@pytest.mark.parametrize("columns", [1, 2, 5, 10, 19, 30])
@pytest.mark.parametrize("show_trainable", [False, True])
def test_a_narrow_terminal_is_no_error(columns, show_trainable, console, capsys):
    console(columns)
    summary(model(GOLDEN["nested"]["model"]), show_trainable=show_trainable, expand_nested=True)
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        {"line_length": 15},
        {"positions": [0.1, 0.11, 1.0]},
        {"line_length": 30, "show_trainable": True},
    ],
)
def test_columns_asked_for_that_are_too_narrow_are_refused(arguments, console):
    with pytest.raises(ValueError, match="line_length"):
        text(model(GOLDEN["frozen"]["model"]), **arguments)


def test_positions_are_three(console):
    with pytest.raises(ValueError, match="three columns"):
        text(model(GOLDEN["frozen"]["model"]), positions=[0.2, 0.5, 0.7, 1.0])


@pytest.mark.parametrize("wrong", [["conv2d"], ["a", "b", "c"], [0, 1]])
def test_layer_range_is_two_names(wrong):
    with pytest.raises(ValueError, match="layer_range must be two layer names"):
        collect(model(GOLDEN["frozen"]["model"]), layer_range=wrong)


def test_layer_range_that_matches_nothing_names_the_layers():
    with pytest.raises(ValueError, match=r"'dense_x'.*batch_normalization"):
        collect(model(GOLDEN["frozen"]["model"]), layer_range=["dense_x", "flatten"])


def test_layer_range_matches_from_the_start_of_a_name():
    """As ``re.match`` does: "nv2d" is no name here, "conv" is."""
    frozen = model(GOLDEN["frozen"]["model"])
    assert len(collect(frozen, layer_range=["conv", "flat"]).rows) == 3
    with pytest.raises(ValueError, match="'nv2d'"):
        collect(frozen, layer_range=["nv2d", "flatten"])


def test_an_ascii_console_gets_an_ascii_table(console, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    summary(model(GOLDEN["nested"]["model"]), expand_nested=True)
    printed = raw.getvalue().decode("ascii")
    assert "+------" in printed
    assert "|    + inner (Sequential)" in printed
    assert "?" not in printed


def test_a_closed_pipe_is_no_error(console, monkeypatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    with pytest.warns(RuntimeWarning, match="cannot be written"):
        summary(model(GOLDEN["frozen"]["model"]))


def test_without_a_console_nothing_is_printed(console, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    summary(model(GOLDEN["frozen"]["model"]))


def test_a_notebook_gets_html(console, monkeypatch):
    """The table goes through rich's notebook display, not as text to stdout."""
    shown = []
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("rich.jupyter.display", lambda segments, text: shown.append(text))
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    summary(model(GOLDEN["frozen"]["model"]))
    assert sys.stdout.getvalue() == ""
    assert 'Model: "' in shown[0]
    assert len(shown) == 5  # title, table, three totals: Keras's five cells
