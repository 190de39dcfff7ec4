"""``minicnn info``: what this machine computes with, for a bug report or a slow training."""

import argparse
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

from minicnn import __version__, backends, config

_PACKAGES = ("numpy", "numba", "scipy", "matplotlib", "h5py", "rich", "threadpoolctl")
_GPU_PACKAGES = ("cupy-cuda12x", "cupy-cuda13x", "cupy")

#: what each variable changes; one that is set can make two machines differ
_VARIABLES = {
    "MINICNN_BACKEND": "the backend of new models",
    "MINICNN_DATA": "where data sets are looked for first",
    "KERAS_HOME": "where downloads are kept",
    "OPENBLAS_CORETYPE": "pins OpenBLAS to the matrix kernels of one processor type",
    "OPENBLAS_L2_SIZE": "tells OpenBLAS another size of the level-2 cache (KiB)",
    "OPENBLAS_NUM_THREADS": "threads of OpenBLAS",
    "OMP_NUM_THREADS": "threads of OpenMP and OpenBLAS",
    "MKL_NUM_THREADS": "threads of MKL",
    "NUMBA_NUM_THREADS": "most threads of Numba",
    "NUMBA_CPU_NAME": "processor Numba compiles for",
    "NUMBA_THREADING_LAYER": "threading layer of Numba",
    "NUMBA_DISABLE_JIT": "Numba compiles nothing: very slow",
    "NUMBA_CACHE_DIR": "where compiled kernels are kept",
    "CUDA_VISIBLE_DEVICES": "GPUs that may be used",
}


def add_parser(subparsers: argparse._SubParsersAction, common: argparse.ArgumentParser) -> None:
    """Describe the command line of ``minicnn info``."""
    parser = subparsers.add_parser(
        "info",
        parents=[common],
        help="versions, backends, threads, caches",
        description="Say what this machine computes with: versions, backends and why one cannot "
        "be used, threads, matrix kernels, variables that pin them, caches.",
    )
    parser.set_defaults(function=info)


def info(args: argparse.Namespace) -> int:
    """Print the report."""
    print(f"minicnn {__version__} in {Path(__file__).parents[1]}")
    print(f"Python {platform.python_version()} ({sys.executable})")
    print(f"{platform.platform()}, {platform.machine()}")
    for title, rows in (
        ("Packages", _packages()),
        ("Backends", _backends()),
        ("Threads", _threads()),
        ("Matrix kernels", _matrix_kernels()),
        ("Variables that change them", _variables()),
        ("Caches", _caches()),
    ):
        print(f"\n{title}")
        width = max((len(name) for name, _ in rows), default=0)
        for name, text in rows or [("none", "")]:
            print(f"  {name:{width}}  {text}".rstrip())
    return 0


Rows = list[tuple[str, str]]


def _packages() -> Rows:
    return [(name, _version(name) or "not installed") for name in _PACKAGES] + [
        (name, version) for name in _GPU_PACKAGES if (version := _version(name))
    ]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _backends() -> Rows:
    rows = []
    for name in backends.names():
        try:
            backend = backends.get(name)
            state = "usable"
            if hasattr(backend, "device"):
                state += ": " + "; ".join(backend.device.describe())
        except ImportError as error:
            state = f"not usable: {error}"
        rows.append((name, state + (", in use" if name == config.backend() else "")))
    return rows


def _threads() -> Rows:
    # the processors this process may run on, which a container can make fewer than there are
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    rows = [("processors", f"{os.cpu_count()}, {allowed or 'all'} usable by this process")]
    if numba := sys.modules.get("numba"):  # loaded by its backend, if that is usable
        rows.append(("numba", str(numba.get_num_threads())))
    return rows


def _matrix_kernels() -> Rows:
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return [("unknown", "threadpoolctl is not installed")]
    return [
        (
            Path(library["filepath"]).name,
            f"{library['internal_api']} {library['version'] or ''} "
            f"{library.get('architecture') or ''} kernels, {library['num_threads']} threads",
        )
        for library in threadpool_info()
        if library["user_api"] == "blas"
    ]


def _variables() -> Rows:
    return [
        (f"{name}={os.environ[name]}", what)
        for name, what in _VARIABLES.items()
        if name in os.environ
    ]


def _caches() -> Rows:
    own = Path(backends.__file__).parent / "numba_cpu" / "__pycache__"
    kernels = os.environ.get("NUMBA_CACHE_DIR") or f"{own}"
    if not os.access(own.parent, os.W_OK) and kernels == f"{own}":
        kernels = "Numba's own folder for this user: the package's cannot be written"
    downloads = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras", "datasets")
    return [("compiled kernels", kernels), ("data sets", f"{downloads}")]
