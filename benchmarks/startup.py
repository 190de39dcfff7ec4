"""What a person waits for before training runs: import, first batch, first epoch; peak memory.

    python benchmarks/startup.py
    python benchmarks/startup.py --quick

"Cold" compiles every kernel that a program needs into an empty cache, as the first run after an
installation does; "cached" loads them from there. Each figure is a process of its own.
"""

import subprocess
import sys
import tempfile
import time
from typing import Any

import engines
import measure
from programs import PROGRAMS

#: what is imported, and what the time of the line before it includes already
IMPORTS = {
    "python": "pass",
    "import numpy": "import numpy",
    "import minicnn": "import minicnn",
    "its Numba backend": "import minicnn; minicnn.backends.get('numba')",
}
SAMPLES = 3072


def main() -> None:
    args = measure.parser(__doc__, "startup").parse_args()
    measure.start(args)
    programs = ["mnist_one_conv"] if args.quick else list(PROGRAMS)
    cold_program = "mnist_one_conv" if args.quick else "mnist_two_conv"
    data: dict[str, Any] = {
        "machine": measure.machine(args.threads),
        "versions": measure.versions("minicnn", "numpy", "numba", "scipy"),
        "samples": SAMPLES,
        "imports": measure_imports(args.threads, 3 if args.quick else 15),
    }
    show_imports(data["imports"])
    with tempfile.TemporaryDirectory() as folder:
        cold = program_start(cold_program, args.threads, NUMBA_CACHE_DIR=folder)
    data["cold"] = cold | {"program": cold_program}
    print(f"\n{cold_program}, nothing compiled yet: first batch {cold['first_batch_s']:.1f} s")
    data["cached"] = {}
    for program in programs:
        program_start(program, args.threads)  # whatever is not compiled yet, is now
        runs = [program_start(program, args.threads) for _ in range(1 if args.quick else 3)]
        keys = "first_batch_s", "start_to_first_epoch_s", "peak_mb"
        found = {k: measure.summary([r[k] for r in runs if r[k] is not None]) for k in keys}
        shape = PROGRAMS[program].input_shape
        found["data_mb"] = SAMPLES * 4 * shape[0] * shape[1] * shape[2] / 1e6
        data["cached"][program] = found
        print(
            f"{program:20} first batch {found['first_batch_s']['median']:6.3f} s (cold is "
            f"{cold['first_batch_s'] / found['first_batch_s']['median']:.0f}×), end of the first "
            f"epoch {found['start_to_first_epoch_s']['median']:5.2f} s after the start, peak "
            f"{found['peak_mb']['median']:.0f} MB of which images {found['data_mb']:.0f}",
            flush=True,
        )
    data["blas"] = cold["blas"]
    path = measure.save(args, data)
    import pictures

    print(f"\n{path}\n{pictures.startup(data, path)}")


def program_start(program: str, threads: int, **extra: str) -> dict[str, Any]:
    """A process that trains one batch and one epoch."""
    task = {"program": program, "samples": SAMPLES, "seconds": 0.0}
    try:
        return engines.run("minicnn", sys.executable, task, threads, **extra)
    except engines.EngineError as error:
        raise SystemExit(f"{program}: {error}") from error


def measure_imports(threads: int, repetitions: int) -> dict[str, dict[str, float]]:
    """Seconds of ``python -c ...``; the statements take turns. The first turn is not counted."""
    taken: dict[str, list[float]] = {title: [] for title in IMPORTS}
    for turn in range(repetitions + 1):
        for title, code in IMPORTS.items():
            begin = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", code], env=measure.environment(threads), check=True
            )
            if turn:
                taken[title].append(time.perf_counter() - begin)
    return {title: measure.summary(values) for title, values in taken.items()}


def show_imports(found: dict[str, dict[str, float]]) -> None:
    interpreter = found["python"]["median"]
    print(f"the interpreter starts in {interpreter * 1e3:.0f} ms; beyond that")
    for title, t in found.items():
        if title != "python":
            beyond, least = t["median"] - interpreter, t["min"] - found["python"]["min"]
            print(f"  {title:20}{beyond * 1e3:7.0f} ms  (min {least * 1e3:.0f})")


if __name__ == "__main__":
    main()
