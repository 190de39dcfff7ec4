"""SIGKILL at fifty random moments of saving, checkpointing and downloading."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.datasets import helpers as h
from tests.datasets.conftest import keras_home, server  # noqa: F401  (fixtures)


def killed(*arguments):
    """Run ``killing``; returns how many kills left a half-written file beside the whole one."""
    command = [sys.executable, "-m", "tests.faults.killing", *map(str, arguments)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=root)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
def test_killed_while_it_saves(tmp_path, name):
    """A whole model lies there, the last or the one before; the next save tidies up."""
    assert killed("saving", tmp_path / name) >= 5, "hardly a kill fell into a save"


def test_killed_while_it_makes_checkpoints(tmp_path):
    """What lies there is bit for bit a moment of the training that nobody killed."""
    assert killed("checkpointing", tmp_path / "m.keras") >= 1, "no kill fell into a save"


def test_killed_while_it_downloads(tmp_path, server):  # noqa: F811
    """A file has its final name when it is complete, and not before."""
    content = np.random.default_rng(5).bytes(3_000_000)
    file = h.published(content, [server.url("good", content)])
    arguments = (tmp_path / file.name, file.urls[0], file.size, file.sha256, file.md5)
    assert killed("downloading", *arguments) >= 5, "hardly a kill fell into a download"
    assert (tmp_path / file.name).read_bytes() == content
    for part in tmp_path.glob("*.part"):
        os.utime(part, (0, 0))  # a day later
    (tmp_path / file.name).unlink()
    from minicnn.datasets.cache import download

    download(file, tmp_path / file.name)
    assert [p.name for p in tmp_path.iterdir()] == [file.name]
