"""From CUDA C to a shared library for this CPU, made once for each source and kept."""

import ctypes
import hashlib
import os
import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
HEADERS = ("cuda_on_cpu.h", "stacks.h")
#: environment variable: 1 builds with AddressSanitizer, which must be preloaded then
SANITIZE = "MINICNN_SANITIZE_KERNELS"


def sanitized():
    """Whether kernels are watched by AddressSanitizer in this process."""
    return os.environ.get(SANITIZE) == "1"


@cache
def kernels(source):
    """The library of the kernels in ``source`` (CUDA C, ``real`` typedef included)."""
    from minicnn.backends.cupy_gpu.signatures import parse_signatures  # needs a ``cupy``

    real = re.search(r"typedef\s+(float|double)\s+real\s*;", source)
    found = parse_signatures(source, real[1] if real else "float")
    wrappers = "".join(_wrapper(source, name, len(found[name])) for name in found)
    text = f'#include "{HERE / "cuda_on_cpu.h"}"\n{source}\n{wrappers}'
    return ctypes.CDLL(str(_library("kernels", text)))


@cache
def cublas_path():
    """Path of the library that looks like cuBLAS."""
    return _library("cublas", (HERE / "cublas.cpp").read_text(encoding="utf-8"))


def _wrapper(source, name, count):
    """A function that runs kernel ``name`` with arguments behind pointers, as a driver does."""
    arguments = ", ".join(f"argument<{i}>({name}, values)" for i in range(count))
    return f"""
extern "C" int run_{name}(const unsigned* grid, const unsigned* block, void** values) {{
    return on_cpu::run(grid, block, [=] {{ {name}({arguments}); }});
}}
"""


def _library(stem, text):
    """Compile ``text``, unless a library of the same text and compiler options is there."""
    options = ["-std=c++17", "-O1", "-g1", "-shared", "-fPIC", "-w", "-ffp-contract=off"]
    if sanitized():
        options += [
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all",
            "-fno-omit-frame-pointer",
        ]
    headers = [(HERE / name).read_text(encoding="utf-8") for name in HEADERS]
    key = hashlib.sha256("\0".join([text, *headers, *options]).encode()).hexdigest()[:24]
    folder = Path(tempfile.gettempdir()) / f"minicnn-kernels-on-cpu-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    library = folder / f"{stem}-{key}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            code = Path(scratch) / f"{stem}.cpp"
            code.write_text(text, encoding="utf-8")
            built = Path(scratch) / "built.so"
            done = subprocess.run(
                ["g++", *options, str(code), "-o", str(built)], capture_output=True, text=True
            )
            if done.returncode:
                raise RuntimeError(f"g++ does not compile the kernels:\n{done.stderr}")
            built.replace(library)  # whole or not at all, with several test processes
    return library
