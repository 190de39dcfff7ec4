"""What is said where the GPU cannot be used: the one thing that is missing, and how to get it."""

import subprocess
import sys

import pytest

#: a ``cupy`` that finds what a machine lacks; FAKE says which
MACHINE = """
import sys
from types import ModuleType, SimpleNamespace

LACKS = {lacks!r}

class CUDARuntimeError(RuntimeError):
    pass

def devices():
    if LACKS == "driver":
        raise CUDARuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient")
    if LACKS == "device":
        raise CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
    return 0 if LACKS == "visible device" else 1

def load(name):
    if LACKS == name:
        raise RuntimeError(f"Failure finding {{name}}: no such library")

if LACKS != "package":
    cupy = ModuleType("cupy")
    cupy.cuda = ModuleType("cupy.cuda")
    cupy.cuda.runtime = SimpleNamespace(
        getDeviceCount=devices, CUDARuntimeError=CUDARuntimeError
    )
    cuda, pathfinder = ModuleType("cuda"), ModuleType("cuda.pathfinder")
    cuda.pathfinder = pathfinder
    pathfinder.load_nvidia_dynamic_lib = load
    pathfinder.find_nvidia_header_directory = lambda name: None if LACKS == "headers" else "."
    sys.modules |= {{"cupy": cupy, "cuda": cuda, "cuda.pathfinder": pathfinder}}
else:
    sys.modules["cupy"] = None

import minicnn
from minicnn import backends
assert LACKS == "package" or "minicnn.backends.cupy_gpu" not in sys.modules
try:
    minicnn.config.set_backend("cupy")
except backends.BackendError as error:
    print(error)
assert minicnn.config.backend() == "numba", "a backend that cannot run was taken"
"""

#: what is missing -> words of the message
SAID = {
    "package": ("cupy", "pip install 'minicnn[cuda13]'"),
    "driver": ("NVIDIA driver", "cudaErrorInsufficientDriver", "nvidia-smi"),
    "device": ("no GPU", "nvidia-smi"),
    "visible device": ("no GPU", "CUDA_VISIBLE_DEVICES"),
    "nvrtc": ("CUDA's library nvrtc", "[ctk]", "pip install 'minicnn[cuda13]'"),
    "cublas": ("CUDA's library cublas", "[ctk]"),
    "headers": ("CUDA's headers", "[ctk]"),
}


@pytest.mark.parametrize("lacks", SAID)
def test_what_is_missing_is_named(lacks):
    done = subprocess.run(
        [sys.executable, "-c", MACHINE.format(lacks=lacks)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for words in SAID[lacks]:
        assert words in done.stdout
    assert "set_backend" in done.stdout, "how to go on without a GPU"
