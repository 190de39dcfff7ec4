"""The kernels under AddressSanitizer: every operation, and a training, without a fault in memory.

A process of its own, as the sanitizer has to be there from the start.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gpu.stand_in import build

ROOT = Path(__file__).parents[2]
PLANTED = """
import numpy as np
from tests.gpu import stand_in
stand_in.install()
import cupy
code = '''typedef float real;
extern "C" __global__ void past_the_end(const float* x, float* y, int n) {
    if (threadIdx.x < n) y[threadIdx.x] = x[threadIdx.x + 1];
}'''
x, y = cupy.asarray(np.ones(1000, "f4")), cupy.empty(1000, "f4")
cupy.RawModule(code=code).get_function("past_the_end")((1,), (1024,), (x, y, np.int32(1000)))
print("not noticed")
"""


@pytest.fixture(scope="module")
def sanitized():
    """Runs Python with the sanitizer; returns the finished process."""
    if os.environ.get("MINICNN_TEST_GPU") == "1":
        pytest.skip("on a GPU the kernels are not run by the CPU")
    if shutil.which("g++") is None:
        pytest.skip("there is no g++ to run the GPU's kernels on the CPU")
    libraries = [
        subprocess.run(
            ["g++", f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so", "libstdc++.so")
    ]
    if not Path(libraries[0]).is_absolute():
        pytest.skip("this g++ has no AddressSanitizer")
    environment = os.environ | {
        build.SANITIZE: "1",
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONMALLOC": "malloc",
    }

    def run(*arguments):
        return subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
        )

    return run


def test_a_planted_fault_is_found(sanitized):
    done = sanitized("-c", PLANTED)
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr
    assert "past_the_end" in done.stderr


def test_the_kernels_have_none(sanitized):
    training = "tests/gpu/test_training.py::test_two_epochs_agree_with_the_reference"
    done = sanitized(
        "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--hypothesis-profile=brief",
        "-k", "cupy or two_epochs", "tests/ops/test_parity.py", training,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
