"""Every kernel compiles for every kind of GPU there is, and its values stay in registers."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import load_backend

#: Turing, Ampere, Hopper, and the two kinds of Blackwell
ARCHITECTURES = (75, 80, 90, 100, 120)


def nvcc():
    """Path of CUDA's compiler, or None."""
    usual = Path("/usr/local/cuda/bin/nvcc")
    return shutil.which("nvcc") or (str(usual) if usual.exists() else None)


@pytest.fixture(scope="module", params=["float32", "float64"])
def reports(request, tmp_path_factory):
    """{(architecture, kernel): what the assembler says of it}, of one compilation for all."""
    if nvcc() is None:
        pytest.skip("there is no nvcc to compile the kernels with")
    load_backend("cupy")  # on the stand-in, if need be: its package is imported below
    from minicnn.backends.cupy_gpu import signatures

    folder = tmp_path_factory.mktemp(request.param)
    code = folder / "kernels.cu"
    code.write_text(signatures.source(request.param), encoding="utf-8")
    targets = [f"-gencode=arch=compute_{n},code=sm_{n}" for n in ARCHITECTURES]
    command = [nvcc(), "-std=c++17", "-fatbin", "-Xptxas=-v", "--threads=2", *targets, str(code)]
    done = subprocess.run(
        [*command, "-o", str(folder / "kernels.fatbin")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = re.findall(
        r"Compiling entry function '(\w+)' for 'sm_(\d+)a?'(.*?)(?=Compiling entry|\Z)",
        done.stderr,
        re.DOTALL,
    )
    return signatures.signatures(request.param), {(int(n), name): text for name, n, text in found}


def test_every_kernel_is_compiled_for_every_architecture(reports):
    kernels, found = reports
    assert set(found) == {(n, name) for n in ARCHITECTURES for name in kernels}


def test_nothing_is_spilled(reports):
    _, found = reports
    spilled = {
        place: text.strip()
        for place, text in found.items()
        if "0 bytes spill stores, 0 bytes spill loads" not in text
    }
    assert not spilled
