"""The engines that are compared: the environment of each, and a run in it."""

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import HERE, ROOT, environment, processors
from worker import ENGINES

_PLAIN_X86 = platform.machine().lower() in ("x86_64", "amd64")
#: folder and packages of each environment. On Linux the plain name of PyTorch brings several GB
#: of CUDA with it; "+cpu" asks for the build without, or for none at all.
ENVIRONMENTS = {
    "keras": ["keras", "tensorflow-cpu" if _PLAIN_X86 else "tensorflow", "threadpoolctl"],
    "torch": [
        "torch==2.13.0+cpu" if platform.system() == "Linux" else "torch==2.13.0",
        "numpy", "threadpoolctl",
    ],
    "jax": ["keras", "jax", "threadpoolctl"],
}  # fmt: skip
_ENVIRONMENT_OF = {
    "torch-eager": "torch", "torch-compile": "torch",
    "keras-tensorflow": "keras", "keras-jax": "jax",
}  # fmt: skip
_HINTS = {
    "torch": "pip knows no CPU build of PyTorch: let PIP_EXTRA_INDEX_URL name PyTorch's own index "
    "of CPU wheels (its installation page gives it), or take the build with CUDA, of several GB, "
    "with  --torch-packages 'torch==2.13.0 numpy',  or name a Python that has it: --torch-python"
}


class EngineError(Exception):
    """An engine cannot run here; the message says why."""


def add_options(parser: argparse.ArgumentParser, default: list[str]) -> None:
    """--engines, and for each environment --X-python and --X-packages."""
    parser.add_argument(
        "--engines", nargs="+", default=default, choices=ENGINES,
        help=f"default: {' '.join(default)}",
    )  # fmt: skip
    for name, packages in ENVIRONMENTS.items():
        parser.add_argument(
            f"--{name}-python", metavar="PATH", help=f"a Python to use instead of .venv-{name}"
        )
        parser.add_argument(
            f"--{name}-packages", metavar="LIST", default=shlex.join(packages),
            help=f"what pip installs into .venv-{name} (default: %(default)s)",
        )  # fmt: skip


def python_of(engine: str, args: argparse.Namespace) -> str:
    """The Python that runs ``engine``; its environment is made when it is missing.

    Raises:
        EngineError: it cannot be made.
    """
    if engine == "minicnn":
        return sys.executable
    name = _ENVIRONMENT_OF[engine]
    return getattr(args, f"{name}_python") or _make(name, getattr(args, f"{name}_packages"))


def _make(name: str, packages: str) -> str:
    folder = ROOT / f".venv-{name}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "benchmark-packages"  # written last: a half-made environment is made again
    if stamp.exists() and stamp.read_text() == packages:
        return str(python)
    print(f"making {folder.name} with {packages} ...", flush=True)
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", *shlex.split(packages)],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            hint = f"\n    {_HINTS[name]}" if name in _HINTS and "pip" in command else ""
            raise EngineError(f"{folder.name} could not be made: {_last_words(done)}{hint}")
    stamp.write_text(packages)
    return str(python)


def run(
    engine: str, python: str, task: dict[str, Any], threads: int, limit: float = 600, **extra: str
) -> dict[str, Any]:
    """Give ``task`` to a process of its own; what it measured.

    Raises:
        EngineError: the process failed or took longer than ``limit`` seconds.
    """
    task = task | {"threads": threads, "started": time.time()}
    try:
        done = subprocess.run(
            [python, str(HERE / "worker.py"), engine], input=json.dumps(task), text=True,
            capture_output=True, timeout=limit, env=_environment(engine, threads, extra), cwd=ROOT,
            preexec_fn=_pin(threads),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(str(error)) from error
    if done.returncode:
        raise EngineError(_last_words(done))
    return json.loads(done.stdout.splitlines()[-1])


def _environment(engine: str, threads: int, extra: dict[str, str]) -> dict[str, str]:
    if engine == "torch-compile":  # compiled code is kept, as minicnn keeps its kernels
        extra = {"TORCHINDUCTOR_CACHE_DIR": str(Path(tempfile.gettempdir(), "bench-inductor"))} | (
            extra
        )
    return environment(threads, **extra)


def _pin(threads: int) -> Any:
    """Before the process starts: no more processors than threads, where the system can do that.

    JAX listens to nothing else.
    """
    if threads >= processors() or not hasattr(os, "sched_setaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))[:threads]
    return lambda: os.sched_setaffinity(0, allowed)


def _last_words(done: subprocess.CompletedProcess) -> str:
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or [f"exit status {done.returncode}"])[-1].strip()[:300]
