"""What fit, evaluate, predict and summary of real models print, against recordings of Keras."""

import json
from pathlib import Path

import pytest

import minicnn
from minicnn import registry
from tests.output.cases import fit_calls, flat_model, models, on_screen

FOLDER = Path(__file__).parent / "golden"
FIT = json.loads((FOLDER / "fit.json").read_text("utf-8"))
SUMMARY = json.loads((FOLDER / "summary.json").read_text("utf-8"))


@pytest.fixture(autouse=True)
def plain_console(monkeypatch):
    for name in ("FORCE_COLOR", "NO_COLOR", "COLORTERM", "TTY_COMPATIBLE", "JUPYTER_COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    backend = minicnn.config.backend()
    minicnn.config.set_backend("numpy")
    registry.reset_names()
    yield
    registry.reset_names()
    minicnn.config.set_backend(backend)


@pytest.mark.parametrize("name", FIT)
def test_a_call_prints_what_keras_prints(name, capsys):
    call, verbose = name.rsplit(", verbose=", 1)
    verbose = "auto" if verbose == "'auto'" else int(verbose)
    model = flat_model(minicnn)
    fit_calls(minicnn)[call](model, verbose)
    assert on_screen(capsys.readouterr().out) == FIT[name]


@pytest.mark.parametrize("name", SUMMARY)
def test_a_model_prints_the_summary_of_keras(name, capsys, monkeypatch):
    model = next(model for found, model in models(minicnn, registry.reset_names) if found == name)
    for shot in SUMMARY[name]["prints"]:
        monkeypatch.setenv("COLUMNS", str(shot["columns"]))
        if shot["terminal"]:
            monkeypatch.setenv("FORCE_COLOR", "1")
        else:
            monkeypatch.delenv("FORCE_COLOR", raising=False)
        model.summary(**shot["arguments"])
        assert capsys.readouterr().out == shot["printed"]
