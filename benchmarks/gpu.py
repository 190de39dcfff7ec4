"""minicnn on a GPU beside PyTorch and JAX, in one run: seconds an epoch, in float32 and TF32.

    python3 benchmarks/gpu.py              results/gpu.json and results/gpu.log
    python3 benchmarks/gpu.py --quick      a trial with few images

Each engine runs in a process of its own, one after the other, over the same random images that lie
on the device. The first epoch compiles and is not counted. With MINICNN_DATA the time to 99 % on
MNIST is measured too, and always the difference between GPU and CPU over 100 steps.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gpu_common
import measure

HERE = Path(__file__).parent
ENGINES = ("gpu_minicnn.py", "gpu_torch.py", "gpu_jax.py")
PROGRAMS = ("mnist_two_conv", "cifar10_dense512")


def main() -> int:
    made = measure.parser(__doc__, "gpu")
    made.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    made.add_argument("--programs", nargs="+", choices=PROGRAMS, default=PROGRAMS)
    args = made.parse_args()
    measure.start(args)
    from minicnn import backends

    device = backends.get("cupy").device.describe()
    lines = [
        f"{time.strftime('%Y-%m-%d %H:%M')}  {'; '.join(device)}",
        gpu_common.versions_in_words(),
        json.dumps(measure.machine(args.threads)),
    ]
    print("\n".join(lines))
    results: dict[str, list[dict[str, Any]]] = {}
    failed = []
    for program in args.programs:
        results[program] = []
        for engine in args.engines:
            found, code = run(engine, program, args.quick)
            results[program] += found
            failed += [f"{engine} {program}"] if code else []
        lines += table(program, results[program])
    lines += [f"FAILED: {name}" for name in failed]
    data = {
        "machine": measure.machine(args.threads), "device": device,
        "versions": measure.versions(*gpu_common.PACKAGES), "results": results, "failed": failed,
    }  # fmt: skip
    path = measure.save(args, data)
    path.with_suffix(".log").write_text("\n".join(lines) + "\n")
    print(f"\n{path}")
    return 1 if failed else 0


def run(engine: str, program: str, quick: bool) -> tuple[list[dict[str, Any]], int]:
    """What an engine's script reports, and its exit status."""
    size = ["--epochs", "3", "--samples", "2560"] if quick else []
    done = subprocess.run(
        [sys.executable, str(HERE / engine), "--program", program, *size],
        stdout=subprocess.PIPE,
        text=True,
    )
    found = [
        json.loads(line.removeprefix("RESULT "))
        for line in done.stdout.splitlines()
        if line.startswith("RESULT ")
    ]
    for line in done.stdout.splitlines():
        if not line.startswith("RESULT "):
            print(line)
    return found, done.returncode


def table(program: str, found: list[dict[str, Any]]) -> list[str]:
    """The results of a program as lines of text, printed too."""
    lines = ["", f"{program:34} {'precision':9} {'s/epoch':>9} {'min':>9} {'max':>9}"]
    for result in found:
        name, precision, seconds = result["engine"], result["precision"], result["seconds"]
        if len(seconds) > 1:
            seconds = seconds[1:]  # the first one compiles
            middle = statistics.median(seconds)
            numbers = f"{middle:9.4f} {min(seconds):9.4f} {max(seconds):9.4f}"
        else:
            numbers = " ".join(f"{s:.3f} s" for s in seconds)
        known = ("engine", "precision", "seconds")
        more = ", ".join(f"{k} {v:.6g}" for k, v in result.items() if k not in known)
        lines.append(f"  {name:32} {precision:9} {numbers} {more}".rstrip())
    print("\n".join(lines), flush=True)
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
