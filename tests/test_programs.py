"""Five programs written for Keras by other people, unchanged, with all their epochs.

They and their data lie outside the project: MINICNN_PROGRAMS and MINICNN_DATA name the folders.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import _skip_unless_required as skip_unless_required

#: program -> its data set, and the test accuracies that Keras 3.15 on TensorFlow 2.21 reached with
#: it on the same files under one or two seeds
KERAS = {
    "mnist_two_conv": ("mnist", [0.9941, 0.9939]),
    "mnist_one_conv": ("mnist", [0.9875, 0.9861]),
    "cifar10_dense512": ("cifar10", [0.6467, 0.6549]),
    "cifar10_three_conv": ("cifar10", [0.6909, 0.6663]),
    "cifar10_tensorflow": ("cifar10", [0.6909]),
}

#: How far below Keras's own range an accuracy may lie. It may lie above it: the recorded runs were
#: seeded, and under a seed TensorFlow deals the samples in the same order in every epoch, which
#: costs an overfitted network some points. A fresh order each epoch gives what PyTorch reaches too.
TOLERANCE = {"mnist": 0.003, "cifar10": 0.025}


def needed(variable, name):
    """The file ``name`` in the folder that ``variable`` names; without it the test is skipped."""
    folder = os.environ.get(variable)
    path = Path(folder or ".", name).absolute()
    if not folder or not path.is_file():
        reason = f"{path} does not exist" if folder else f"{variable} is not set"
        skip_unless_required("MINICNN_REQUIRE_DATA", reason)
    return path


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("name", KERAS)
def test_program(name, tmp_path, capsys):
    data, accuracies = KERAS[name]
    program = needed("MINICNN_PROGRAMS", f"{name}.py")
    archive = needed("MINICNN_DATA", f"{data}.npz")
    start = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-m", "minicnn", "run", "--seed", "0", str(program)],
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "Agg", "MINICNN_DATA": str(archive.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    assert result.returncode == 0, result.stderr
    accuracy = float(re.findall(r"Test accuracy: ([0-9.]+)", result.stdout, re.IGNORECASE)[-1])
    with capsys.disabled():
        print(f"\n{name}: test accuracy {accuracy:.4f}, Keras {accuracies}, {seconds:.0f} s")
    assert accuracy >= min(accuracies) - TOLERANCE[data]
