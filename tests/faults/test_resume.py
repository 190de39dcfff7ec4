"""``minicnn train --resume``: killed at any moment, the training ends with the same weights."""

import json
import random
import shutil

import numpy as np
import pytest

from minicnn import config, datasets
from minicnn.cli import main, train
from minicnn.datasets import rendered_digits
from minicnn.models import load_model
from tests.faults.trained import state

OPTIONS = ["--data", "rendered_digits", "--model", "one_conv", "--backend", "numpy"]
QUICK = [*OPTIONS, "--epochs", "4", "--batch-size", "40", "--seed", "3"]


def command(*arguments):
    """The command line on few digits and without pictures, in a process of its own."""
    datasets.load = lambda name: rendered_digits.load_data(n_train=160, n_test=40)
    train._draw = lambda folder, model, history, data: (folder / "history.json").write_text(
        json.dumps(history.history)
    )
    raise SystemExit(main(["train", *map(str, arguments)]))


@pytest.fixture
def run(processes):
    def run(*arguments, seconds=120):
        """The exit code, or None if the command was killed after some seconds."""
        process = processes.Process(target=command, args=arguments)
        process.start()
        process.join(seconds)
        if not process.is_alive():
            return process.exitcode
        process.kill()
        process.join()
        return None

    return run


def test_killed_at_random_moments(run, tmp_path):
    right, killed = tmp_path / "right", tmp_path / "killed"
    assert run(*QUICK, "--out", right) == 0
    moments, kills, patience, code = random.Random(8), 0, 0.2, None
    while code is None:
        begun = (killed / "training.json").exists()
        if killed.exists() and not begun:
            shutil.rmtree(killed)  # killed before it has begun: begin again
        arguments = ["--resume", killed] if begun else [*QUICK, "--out", killed]
        code = run(*arguments, seconds=moments.uniform(0, patience) if kills < 7 else 200)
        kills += code is None
        patience *= 1.5
        if (killed / "model.keras").exists() and not (killed / "backup").exists():
            code = 0  # killed when all was done
    assert code == 0
    print(f"killed {kills} times")
    assert kills
    assert state(load_model(killed / "model.keras")) == state(load_model(right / "model.keras"))
    histories = [json.loads((f / "history.json").read_text()) for f in (right, killed)]
    assert histories[0] == histories[1]
    assert len(histories[0]["loss"]) == 4
    assert sorted(p.name for p in killed.iterdir()) == sorted(p.name for p in right.iterdir())


@pytest.fixture
def few_digits(monkeypatch):
    before = config.backend()
    few = rendered_digits.load_data(n_train=80, n_test=20)
    monkeypatch.setattr(datasets, "load", lambda name: few)
    monkeypatch.setattr(train, "_draw", lambda *args: None)
    yield
    config.set_backend(before)


def test_ctrl_c_says_how_to_go_on(few_digits, tmp_path, monkeypatch, capsys):
    from minicnn.callbacks import History

    original = History.on_epoch_end

    def interrupted(self, epoch, logs=None):
        original(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    monkeypatch.setattr(History, "on_epoch_end", interrupted)
    assert main(["train", *QUICK, "--out", str(out)]) == 130
    printed = capsys.readouterr()
    assert f"minicnn train --resume {out}\n" in printed.out
    assert "interrupted" in printed.err
    monkeypatch.setattr(History, "on_epoch_end", original)
    assert main(["train", "--resume", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "Epoch 2/4" in printed
    assert "Epoch 1/4" not in printed
    assert "since epoch 2" in printed
    assert sorted(p.name for p in out.iterdir()) == ["model.keras", "training.json"]
    assert np.isfinite(load_model(out / "model.keras").get_weights()[0]).all()

    assert main(["train", "--resume", str(out)]) == 1
    assert "this training is finished" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("notes", "options", "words"),
    [
        (None, [], "no training of minicnn train began there"),
        ("{}", ["--epochs", "9", "--seed", "4"], "leave out --epochs, --seed"),
        ("{}", [], "data, model, epochs, batch_size, backend, seed missing"),
        ('{"epochs": "4"}', [], "epochs"),
        ("{", [], "not usable JSON"),
        ("[1]", [], "is a JSON list"),
    ],
)
def test_what_cannot_be_resumed(notes, options, words, tmp_path, capsys):
    if notes is not None:
        (tmp_path / "training.json").write_text(notes)
    assert main(["train", "--resume", str(tmp_path), *options]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error


def test_a_folder_in_use_tells_of_the_training_in_it(few_digits, tmp_path, capsys):
    (tmp_path / "training.json").write_text("{}")
    assert main(["train", *QUICK, "--out", str(tmp_path)]) == 1
    assert f"--resume {tmp_path}" in capsys.readouterr().err
