"""Whatever stands at the other end of the output, a training ends as it should."""

import os
import subprocess
import sys

import pytest

from minicnn.callbacks import Callback
from tests.faults.trained import data, small

PROGRAM = """
import sys
from tests.faults.trained import data, small
from minicnn.callbacks import EarlyStopping, ReduceLROnPlateau

x, y = data()
model = small()
model.summary()
sys.stdin.read()  # until the reader of the output has gone
model.fit(x, y, batch_size=8, epochs=30, verbose=int(sys.argv[1]), validation_data=(x, y),
          callbacks=[EarlyStopping(verbose=1, patience=9), ReduceLROnPlateau(verbose=1)])
model.evaluate(x, y)
model.predict(x)
model.save("m.keras")
print("trained to the end", file=sys.stderr)
"""

CLI = """
import json, sys
from minicnn import datasets
from minicnn.cli import main, train
from minicnn.datasets import rendered_digits

datasets.load = lambda name: rendered_digits.load_data(n_train=80, n_test=20)
sys.exit(main(["train", "--data", "rendered_digits", "--model", "one_conv", "--epochs", "2",
               "--backend", "numpy", "--out", "out"]))
"""


def run(code, folder, *arguments, close=False, **environment):
    """The process; with ``close`` nobody reads its output any more after the first line."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore::RuntimeWarning", "-c", code, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
        env={**os.environ, "MINICNN_BACKEND": "numpy", "PYTHONPATH": os.pathsep.join(sys.path),
             **environment},
    )  # fmt: skip
    if close:
        process.stdout.close()
        process.stdin.close()
        errors = process.stderr.read()
        process.stderr.close()
        return process.wait(120), b"", errors
    out, errors = process.communicate(timeout=240)
    return process.returncode, out, errors


@pytest.mark.parametrize("verbose", ["1", "2"])
def test_a_closed_pipe(verbose, tmp_path):
    """``python train.py | head -1``"""
    code, _, errors = run(PROGRAM, tmp_path, verbose, close=True)
    assert b"trained to the end" in errors
    assert b"Traceback" not in errors
    assert (tmp_path / "m.keras").exists()
    assert code in (0, 120)  # 120: Python itself could not flush the output at its end


def test_the_command_line_and_a_closed_pipe(tmp_path):
    """Model and pictures are there all the same; no display is needed for them either."""
    code, _, errors = run(CLI, tmp_path, close=True, DISPLAY="", MPLBACKEND="")
    assert b"Traceback" not in errors, errors.decode()
    assert code in (0, 120), errors.decode()
    assert {"model.keras", "training.png"} <= {p.name for p in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize("encoding", ["ascii", "cp949", "cp437"])
def test_a_narrow_console_of_another_encoding(encoding, tmp_path):
    """Forty columns, and letters that the console does not know."""
    code, out, errors = run(PROGRAM, tmp_path, "1", PYTHONIOENCODING=encoding, COLUMNS="40")
    assert (code, errors) == (0, b"trained to the end\n" if os.name == "posix" else errors)
    text = out.decode(encoding)
    assert "Epoch 1/30" in text
    assert ("━" in text) == (encoding == "cp949")
    assert max(len(line) for line in text.split("\n")[1:5]) <= 40


def test_no_console_at_all(monkeypatch):
    """As under pythonw."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    x, y = data()
    model = small()
    model.summary()
    model.fit(x, y, epochs=2, validation_data=(x, y))
    assert model.evaluate(x, y)
    assert len(model.predict(x)) == 24


class Failing(Callback):
    """Raises at a hook, the second time that it is called."""

    def __init__(self, hook):
        super().__init__()
        self.calls, self.after = 0, []
        setattr(self, hook, self._raise)

    def _raise(self, *args, logs=None):
        self.calls += 1
        if self.calls == 2:
            raise ZeroDivisionError("a mistake in a callback")

    def on_train_end(self, logs=None):
        self.after.append("on_train_end")


@pytest.mark.parametrize(
    "hook",
    ["on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end",
     "on_test_begin", "on_test_batch_end", "on_test_end"],
)  # fmt: skip
def test_a_callback_that_raises(hook, backend, capsys):
    """Its own traceback comes out, the line on screen is ended, no hook follows, all can go on."""
    x, y = data()
    model, failing = small(), Failing(hook)
    with pytest.raises(ZeroDivisionError, match="a mistake in a callback") as caught:
        model.fit(x, y, batch_size=8, epochs=3, validation_data=(x, y), callbacks=[failing])
    assert caught.traceback[-1].name == "_raise"
    assert failing.after == []
    assert capsys.readouterr().out.endswith("\n")
    done = model.optimizer.iterations
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0, validation_data=(x, y))
    assert len(history.history["val_loss"]) == 2
    assert model.optimizer.iterations == done + 6
