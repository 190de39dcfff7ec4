"""Progress lines against recordings of Keras, times included (see make_golden.py)."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minicnn.engine import console
from minicnn.engine.console import Progress

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((Path(__file__).parent / "golden" / "progress.json").read_text("utf-8"))


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def replay(case, clock, stream, ask_first):
    bar = Progress(case["target"], case["verbose"], stream, clock)
    bar.epoch_header(case["epoch"], case["epochs"])
    for seconds, what, step, logs in case["events"]:
        clock.now = 1000.0 + seconds
        if what == "finish":
            bar.finish(step, logs)
        elif not ask_first or bar.due(step):
            bar.update(step, logs)
    return bar


@pytest.mark.parametrize("ask_first", [True, False])
@pytest.mark.parametrize("name", GOLDEN)
def test_prints_what_keras_prints(name, ask_first, clock):
    out = io.StringIO()
    replay(GOLDEN[name], clock, out, ask_first)
    assert out.getvalue() == GOLDEN[name]["printed"]


def test_the_recordings_are_not_empty():
    printed = [case["printed"] for case in GOLDEN.values()]
    assert len(printed) > 30
    assert sum(len(text) for text in printed) > 20_000


def test_due_is_as_often_as_update_draws(clock):
    out = io.StringIO()
    bar = Progress(1000, 1, out, clock)
    drawn = []
    for step in range(1, 1001):
        clock.now += 0.007
        due, before = bar.due(step), len(out.getvalue())
        bar.update(step, {"loss": 1.0})
        assert due == (len(out.getvalue()) > before)
        if due:
            drawn.append(step)
    assert drawn == [1, *range(9, 1001, 8)]  # 8 steps of 7 ms are the first at 50 ms or more


@pytest.mark.parametrize("verbose", [0, 2, 3])
def test_never_due_without_a_running_line(verbose, clock):
    bar = Progress(3, verbose, io.StringIO(), clock)
    assert not any(bar.due(step) for step in (1, 2, 3))


def test_finish_learns_the_number_of_steps(clock):
    bar = Progress(None, 2, io.StringIO(), clock)
    bar.finish(17, {})
    assert bar.target == 17


def test_an_epoch_cut_short_shows_the_steps_it_took(clock):
    out = io.StringIO()
    bar = Progress(12, 1, out, clock)
    clock.now += 6
    bar.finish(6, {})
    assert (
        f"\x1b[1m 6/12\x1b[0m \x1b[32m{'━' * 10}\x1b[0m\x1b[37m{'━' * 10}\x1b[0m" in out.getvalue()
    )


def test_the_mean_of_an_array_is_shown(clock):
    out = io.StringIO()
    Progress(1, 2, out, clock).finish(1, {"a": np.float32(0.5), "b": np.array([1.0, 4.0])})
    assert out.getvalue().endswith(" - a: 0.5000 - b: 2.5000\n")


def test_prints_to_the_stdout_of_the_moment(monkeypatch, clock):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    bar = Progress(2, 2, clock=clock)
    later = io.StringIO()
    monkeypatch.setattr(sys, "stdout", later)
    bar.finish(2, {})
    assert later.getvalue() == "2/2 - 0s - 0s/step\n"


def test_a_console_without_the_bar_character_gets_equals_signs(clock):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    bar = Progress(4, 1, stream, clock)
    clock.now += 1
    bar.update(1, {"loss": 1.0})
    bar.finish(4, {"loss": 1.0})
    assert b"\x1b[32m=====\x1b[0m\x1b[37m===============\x1b[0m" in raw.getvalue()
    assert b"?" not in raw.getvalue()


def test_a_closed_pipe_does_not_stop_the_run(clock):
    closed = io.StringIO()
    bar = Progress(2, 1, closed, clock)
    closed.close()
    with pytest.warns(RuntimeWarning, match="cannot be written"):
        bar.update(1, {"loss": 1.0})
    with pytest.warns(RuntimeWarning, match="cannot be written"):
        bar.finish(2, {"loss": 1.0})


def test_a_process_outlives_the_reader_of_its_output():
    """``python train.py | head -1``, with a real pipe: the warning comes once, then silence."""
    code = """
import sys
from types import SimpleNamespace
from minicnn.engine.console import Progress
from minicnn.engine.summary import summary
sys.stdin.read()  # until the pipe is closed
model = SimpleNamespace(
    name="m", layers=[], trainable_weights=[], non_trainable_weights=[], optimizer=None
)
summary(model)
for epoch in range(500):
    bar = Progress(2, 2)
    bar.epoch_header(epoch, 500)
    bar.finish(2, {"loss": 1.0})
print("trained to the end", file=sys.stderr)
"""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT, text=True
    ) as process:
        process.stdout.close()
        process.stdin.close()
        errors = process.stderr.read()
    assert "trained to the end" in errors
    assert errors.count("RuntimeWarning") == 1


def test_without_a_console_nothing_is_printed(monkeypatch, clock):
    monkeypatch.setattr(sys, "stdout", None)
    bar = Progress(2, 1, clock=clock)
    bar.epoch_header(0, 2)
    bar.update(1, {})
    bar.finish(2, {})


def test_a_windows_pipe_gets_a_line_for_each_update(monkeypatch, clock):
    monkeypatch.setattr(console.os, "name", "nt")
    monkeypatch.delenv("PYCHARM_HOSTED", raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    out = io.StringIO()
    bar = Progress(2, 1, out, clock)
    clock.now += 1
    bar.update(1, {})
    bar.finish(2, {})
    assert "\b" not in out.getvalue()
    assert "\r" not in out.getvalue()
    assert out.getvalue().count("\n") == 3


def test_on_windows_no_console_is_no_terminal(monkeypatch, clock):
    monkeypatch.setattr(console.os, "name", "nt")
    closed = io.StringIO()
    closed.close()
    Progress(2, 0, closed, clock)
    monkeypatch.setattr(sys, "stdout", None)
    Progress(2, 0, clock=clock)


def test_importing_does_not_load_rich():
    """A run that prints no summary never pays for the table library."""
    code = (
        "import sys, minicnn.engine.console, minicnn.engine.summary\n"
        "assert 'rich' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
