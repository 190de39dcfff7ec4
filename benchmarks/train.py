"""Training and prediction throughput of the five programs' networks, side by side with peers.

    python benchmarks/train.py                      # minicnn and Keras on TensorFlow
    python benchmarks/train.py --programs mnist_two_conv --rounds 5

Each engine runs in a process and an environment of its own (``.venv-keras`` is made when it is
missing). The processes of one program alternate, round by round, so that a busy machine slows all
of them; the table shows medians over rounds and epochs, and their ratio. Random data of the
programs' shapes, float32, the same threads for all.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
PEERS = {"keras-tensorflow": ("keras", "tensorflow-cpu")}


def environment(packages: tuple[str, ...]) -> str:
    """The Python of ``.venv-keras``, made with ``packages`` when it is missing."""
    folder = ROOT / ".venv-keras"
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making {folder.name} with {', '.join(packages)} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
    return str(python)


def run(python: str, engine: str, program: str, samples: int, epochs: int) -> dict:
    command = [python, str(HERE / "worker.py"), engine, program]
    command += ["--samples", str(samples), "--epochs", str(epochs)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=clean())
    if done.returncode:
        raise SystemExit(f"{engine} on {program} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def clean() -> dict[str, str]:
    """This environment without what pins OpenBLAS to another processor's kernels."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    return env | {"PYTHONPATH": str(ROOT)}


def machine() -> dict[str, object]:
    """Processor, cores, Python and commit."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT
    ).stdout.strip()
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "commit": commit,
        "date": time.strftime("%Y-%m-%d"),
    }


def main() -> None:
    sys.path.insert(0, str(HERE))
    from programs import PROGRAMS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", nargs="+", default=list(PROGRAMS), choices=list(PROGRAMS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=12_800)
    parser.add_argument("--epochs", type=int, default=3, help="timed epochs a process")
    parser.add_argument("--peer-python", help="a Python that has keras and tensorflow")
    parser.add_argument("--json", type=Path, help="write all figures there")
    args = parser.parse_args()

    pythons = {"minicnn": sys.executable}
    for engine, packages in PEERS.items():
        pythons[engine] = args.peer_python or environment(packages)
    results: dict[str, dict[str, list[dict]]] = {}
    for program in args.programs:
        results[program] = {engine: [] for engine in pythons}
        for _ in range(args.rounds):
            for engine, python in pythons.items():
                results[program][engine].append(
                    run(python, engine, program, args.samples, args.epochs)
                )
        report(program, results[program])
    versions = {
        k: v for e in results[args.programs[0]].values() for k, v in e[0]["versions"].items()
    }
    print(machine(), versions)
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        data = {"machine": machine(), "versions": versions, "results": results}
        args.json.write_text(json.dumps(data, indent=1))


def report(program: str, runs: dict[str, list[dict]]) -> None:
    """Medians of one program, and how many times faster minicnn is."""
    columns = {
        "train us/image": lambda r: r["train_us"],
        "predict(32) us/image": lambda r: r["predict_us"]["32"],
        "predict(1024) us/image": lambda r: r["predict_us"]["1024"],
        "first batches s": lambda r: [r["first_batches_s"]],
        "peak MB": lambda r: [r["peak_mb"]],
    }
    print(f"\n{program}")
    for title, pick in columns.items():
        medians = {
            engine: statistics.median(v for r in rows for v in pick(r))
            for engine, rows in runs.items()
        }
        ours = medians["minicnn"]
        best = min(v for engine, v in medians.items() if engine != "minicnn")
        cells = "   ".join(f"{engine} {value:8.1f}" for engine, value in medians.items())
        print(f"  {title:24s} {cells}   ratio {best / ours:.2f}", flush=True)


if __name__ == "__main__":
    main()
