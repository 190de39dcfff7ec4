"""Training and prediction of the five programs' networks, side by side with other engines.

    python benchmarks/train.py                                 # minicnn and Keras on TensorFlow
    python benchmarks/train.py --engines minicnn torch-eager torch-compile keras-tensorflow \\
        keras-jax --name peers                                 # all of them: make bench-peers
    python benchmarks/train.py --programs mnist_two_conv --rounds 5
    python benchmarks/train.py --first-epoch --images 60000 --name first_epoch   # and no more

Each engine runs in a process and an environment of its own (.venv-keras, .venv-torch, .venv-jax
are made when they are missing). Processes alternate, program by program and round by round, so
that a busy machine slows all of them. Random data of the programs' shapes, float32, the same
threads for all. The table shows medians over all epochs of all rounds, quartiles, and how many
times as fast minicnn is. An engine that fails is named with the reason, and left out.
"""

import argparse
import sys
import time
from typing import Any

import engines
import measure
from programs import PROGRAMS

#: what is shown: title, and how to find its values in what one process measured
COLUMNS = {
    "train, µs an image": lambda run: run.get("train_us", []),
    "predict(32), µs an image": lambda run: run.get("predict_us", {}).get("32", []),
    "predict(1024), µs an image": lambda run: run.get("predict_us", {}).get("1024", []),
    "start to the end of the first epoch, s": lambda run: [run["start_to_first_epoch_s"]],
    "peak memory, MB": lambda run: [run["peak_mb"]] if run["peak_mb"] else [],
}
SAMPLES = 3072  # a whole number of batches of 32, 128 and 1024


def options() -> argparse.Namespace:
    parser = measure.parser(__doc__, "train")
    engines.add_options(parser, ["minicnn", "keras-tensorflow"])
    parser.add_argument("--programs", nargs="+", default=list(PROGRAMS), choices=list(PROGRAMS))
    parser.add_argument("--rounds", type=int, help="processes of each engine (default 3)")
    parser.add_argument(
        "--minutes", type=float, default=11,
        help="after these, and one whole round, begin nothing more (default 11)",
    )  # fmt: skip
    parser.add_argument("--images", type=int, help=f"images of an epoch (default {SAMPLES})")
    timed = parser.add_mutually_exclusive_group()
    timed.add_argument("--seconds", type=float, help="timed training a process (default 1)")
    timed.add_argument("--first-epoch", action="store_true", help="measure nothing after it")
    args = parser.parse_args()
    args.rounds = args.rounds or (1 if args.quick else 3)
    args.images = args.images or (1024 if args.quick else SAMPLES)
    args.seconds = 0.0 if args.first_epoch else args.seconds or (0.1 if args.quick else 1.0)
    return args


def main() -> None:
    args = options()
    measure.start(args)
    failed: dict[str, str] = {}
    pythons = prepare(args, failed)
    begin = time.monotonic()
    warm_kernels(args, pythons)
    runs: dict[str, dict[str, list[dict[str, Any]]]] = {
        program: {engine: [] for engine in pythons} for program in args.programs
    }
    data = {
        "machine": measure.machine(args.threads),
        "samples": args.images,
        "failed": failed,
        "runs": runs,
    }
    path = None
    turns = [(r, program) for r in range(args.rounds) for program in args.programs]
    for done, (number, program) in enumerate(turns):
        if time.monotonic() - begin > 60 * args.minutes and done >= len(args.programs):
            print(f"\nstopped in round {number + 1} of {args.rounds}: --minutes {args.minutes:g}")
            break
        one_turn(program, args, pythons, runs, failed)
        path = measure.save(args, data | {"rounds": number + 1, "table": table(runs)})
    for program, engines_ in table(runs).items():
        show(program, engines_)
    for engine, reason in failed.items():
        print(f"\nleft out: {engine}: {reason}")
    import pictures

    print(f"\n{path}\n{pictures.peers(data | {'table': table(runs)}, path)}")
    print(f"{(time.monotonic() - begin) / 60:.1f} minutes")


def prepare(args: argparse.Namespace, failed: dict[str, str]) -> dict[str, str]:
    """The Python of every engine that has one; reasons of the others go to ``failed``."""
    pythons = {}
    for engine in dict.fromkeys(["minicnn", *args.engines]):
        try:
            pythons[engine] = engines.python_of(engine, args)
        except engines.EngineError as error:
            failed[engine] = str(error)
            print(f"left out: {engine}: {error}", file=sys.stderr)
    return pythons


def warm_kernels(args: argparse.Namespace, pythons: dict[str, str]) -> None:
    """Compile minicnn's kernels once: "start to first epoch" is measured with kernels cached."""
    task = {"program": "mnist_two_conv", "samples": 256, "seconds": 0.0}
    try:
        engines.run("minicnn", pythons["minicnn"], task, args.threads)
    except engines.EngineError as error:
        raise SystemExit(f"minicnn failed: {error}") from error


def one_turn(program, args, pythons, runs, failed) -> None:
    """One program on every engine, once."""
    for engine, python in pythons.items():
        if engine in failed:
            continue
        task = {
            "program": program, "samples": args.images, "seconds": args.seconds,
            "predict": [32, 1024],
        }  # fmt: skip
        try:
            run = engines.run(engine, python, task, args.threads)
        except engines.EngineError as error:
            if engine == "minicnn":
                raise SystemExit(f"minicnn failed on {program}: {error}") from error
            failed[engine] = f"{program}: {error}"
            print(f"left out from here on: {engine}: {failed[engine]}", file=sys.stderr)
            continue
        runs[program][engine].append(run)
        seconds = run["start_to_first_epoch_s"]
        print(
            f"  {program:20}{engine:18}{seconds:8.1f} s to the end of the first epoch", flush=True
        )


def table(runs: dict) -> dict[str, Any]:
    """{program: {column: {engine: summary, with "ratio" to minicnn}}}, failed engines left out."""
    found: dict[str, Any] = {}
    for program, by_engine in runs.items():
        found[program] = {}
        for title, pick in COLUMNS.items():
            values = {e: [v for run in rows for v in pick(run)] for e, rows in by_engine.items()}
            row = {e: measure.summary(v) for e, v in values.items() if v}
            for cell in row.values():
                cell["ratio"] = cell["median"] / row["minicnn"]["median"]
            if row:
                found[program][title] = row
    return found


def show(program: str, columns: dict[str, Any]) -> None:
    """Medians of one program, quartiles, and how many times as much as minicnn."""
    print(f"\n{program}")
    for title, row in columns.items():
        print(f"  {title}")
        for engine, cell in row.items():
            print(
                f"    {engine:18}{cell['median']:9.1f}   {cell['q1']:.1f} to {cell['q3']:.1f}, "
                f"min {cell['min']:.1f}   {cell['ratio']:.2f}×"
            )


if __name__ == "__main__":
    main()
