"""What every benchmark shares: a clean environment, timing, the machine, one JSON a run.

Import it before NumPy: BLAS reads its environment variables when it is loaded.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"

#: how many threads a library starts, library by library
THREAD_VARIABLES = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")


def processors() -> int:
    """The processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def environment(threads: int, **extra: str) -> dict[str, str]:
    """This environment with ``threads`` threads, and nothing that pins OpenBLAS.

    OPENBLAS_CORETYPE and the like choose another processor's kernels: no user's machine has them.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    counts = {name: str(threads) for name in THREAD_VARIABLES}
    return kept | counts | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"} | extra


def parser(doc: str | None, name: str) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    made = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--threads", type=int, default=processors(), help="default: all processors")
    made.add_argument("--quick", action="store_true", help="a trial: fewer repetitions and cases")
    made.add_argument("--name", default=name, help=f"of the files in results/ (default {name})")
    return made


def start(args: argparse.Namespace) -> None:
    """Make this very process one with a clean environment (it starts again if need be)."""
    wanted = environment(args.threads)
    if wanted != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.argv], wanted)
    load = load_average()
    if load is not None and load > 0.5:
        print(f"note: the machine is busy (load average {load:.1f}); figures will be too slow\n")


def load_average() -> float | None:
    """Processes that wanted a processor during the last minute, on average."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


# -- timing -----------------------------------------------------------------------------------


def times(
    work: Callable[[], Any], least: int = 5, seconds: float = 0.5, warm: int = 2
) -> list[float]:
    """Seconds of each call of ``work``: ``least`` or more, for ``seconds`` or longer.

    ``warm`` calls before are not counted: kernels are loaded, buffers made, pages touched.
    """
    for _ in range(warm):
        work()
    taken: list[float] = []
    while len(taken) < least or sum(taken) < seconds:
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return taken


def summary(values: list[float]) -> dict[str, float]:
    """Median, smallest, and the quartiles, which say how far to trust the median."""
    ordered = sorted(values)
    low, _, high = statistics.quantiles(ordered, n=4) if len(ordered) > 1 else ordered * 3
    return {
        "median": statistics.median(ordered),
        "min": ordered[0],
        "q1": max(low, ordered[0]),
        "q3": min(high, ordered[-1]),
        "n": len(ordered),
    }


# -- what a figure needs to mean anything -------------------------------------------------------


def machine(threads: int) -> dict[str, Any]:
    """Processor, threads, Python, commit, date, load."""
    return {
        "processor": _processor(),
        "processors": processors(),
        "threads": threads,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "commit": _git("rev-parse", "--short", "HEAD")
        + ("+" if _git("status", "--porcelain", "--untracked-files=no", "minicnn") else ""),
        "date": time.strftime("%Y-%m-%d"),
        "load_average": load_average(),
    }


def versions(*packages: str) -> dict[str, str]:
    """Versions of those packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def blas_kernels() -> list[str]:
    """Each BLAS that is loaded, with the processor type it computes for; [] if nobody can say."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    return sorted(
        {
            f"{found['internal_api']} {found['version']} {found.get('architecture') or ''}".strip()
            for found in threadpool_info()
            if found["user_api"] == "blas"
        }
    )


def save(args: argparse.Namespace, data: dict[str, Any]) -> Path:
    """Write ``data`` to results/NAME.json (of a trial: results/quick/NAME.json)."""
    folder = RESULTS / "quick" if args.quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{args.name}.json"
    path.write_text(json.dumps(data, indent=1) + "\n")
    return path


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, cwd=ROOT)
    except OSError:
        return ""
    return done.stdout.strip()
