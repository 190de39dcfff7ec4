"""How a training step grows: with the batch, the image, the channels, the threads.

    python benchmarks/scaling.py                                    # minicnn alone
    python benchmarks/scaling.py --beside torch-eager keras-tensorflow
    python benchmarks/scaling.py --quick

Each axis is fitted by a power law, seconds ~ size^exponent, over all sizes and over the three
largest, where fixed costs no longer count. With ``--beside``, networks off the beaten path (one
image, odd sizes, strides, overlapping pools, many channels) run on the other engines too; the
ratio says how many times as fast as the fastest of them minicnn is, and should not be below 0.8.
"""

import math
from typing import Any

import engines
import measure

#: least ratio to the fastest other engine that is not marked
ENOUGH = 0.8

OUT = [("Flatten", {}), ("Dense", {"units": 10, "activation": "softmax"})]


def conv(filters: int, size: Any = 3, **kwargs: Any) -> tuple[str, dict[str, Any]]:
    return "Conv2D", {"filters": filters, "kernel_size": size, "activation": "relu", **kwargs}


def pool(size: Any = 2, strides: Any = None) -> tuple[str, dict[str, Any]]:
    return "MaxPooling2D", {"pool_size": size, "strides": strides}


def case(shape: tuple[int, int, int], batch: int, *layers: Any) -> dict[str, Any]:
    """A program for the worker: see ``programs.Program``."""
    return {
        "input_shape": shape, "batch_size": batch, "samples": 0, "one_hot": False,
        "layers": [*layers, *OUT],
    }  # fmt: skip


def axes() -> dict[str, dict[int, dict[str, Any]]]:
    """{axis: {size: case}}; along each axis one size grows and the others stay."""
    digits = conv(32, padding="same"), pool(), conv(64, padding="same"), pool()
    return {
        "batch": {n: case((28, 28, 1), n, *digits) for n in (1, 4, 16, 64, 256, 1024)},
        # the dense layer sees an image of the same size: the rest grows with the area
        "image side": {s: case((s, s, 3), 16, conv(32), pool(), conv(32), pool(s // 7))
                       for s in (14, 28, 56, 112, 224)},
        "channels": {c: case((16, 16, c), 32, conv(c, padding="same"), pool(4))
                     for c in (8, 16, 32, 64, 128, 256)},
    }  # fmt: skip


OFF_THE_PATH = {
    "one image, 28×28×1": case((28, 28, 1), 1, conv(32), pool(), conv(64), pool()),
    "one image, 64×64×3": case((64, 64, 3), 1, conv(32), pool(), conv(64), pool()),
    "odd image 27×31×3, kernel 3×5": case((27, 31, 3), 32, conv(24, (3, 5)), pool(), conv(40)),
    "odd batch of 37, 17 and 33 filters": case((29, 29, 1), 37, conv(17), pool(), conv(33)),
    "strides of 2 in place of pools": case(
        (32, 32, 3), 32, conv(32, strides=2), conv(64, strides=2)
    ),
    "3×3 pools, strides of 2 (overlap)": case(
        (32, 32, 3), 32, conv(32), pool(3, 2), conv(64), pool(3, 2)
    ),
    "3×3 pools, apart": case((32, 32, 3), 32, conv(32), pool(3), conv(64), pool(3)),
    "128 channels, 3×3": case((16, 16, 128), 32, conv(128, padding="same"), pool()),
    "1×1 kernels": case((16, 16, 64), 32, conv(64, 1), pool(), conv(128, 1)),
    "7×7 kernel, 64×64×3": case((64, 64, 3), 16, conv(32, 7, strides=2), pool()),
    "dense only, 784 → 512 → 512": case(
        (28, 28, 1), 128, ("Flatten", {}),
        *[("Dense", {"units": 512, "activation": "relu"})] * 2,
    ),
}  # fmt: skip


def main() -> None:
    parser = measure.parser(__doc__, "scaling")
    engines.add_options(parser, ["minicnn"])
    parser.add_argument("--beside", nargs="+", default=[], choices=engines.ENGINES[1:],
                        help="engines for the networks off the beaten path")  # fmt: skip
    parser.add_argument("--rounds", type=int, help="processes of each engine (default 3)")
    args = parser.parse_args()
    measure.start(args)
    rounds = args.rounds or (1 if args.quick else 3)
    seconds = 0.05 if args.quick else 0.3
    grown = {a: dict(list(c.items())[:3]) if args.quick else c for a, c in axes().items()}
    failed: dict[str, str] = {}
    pythons = {}
    for engine in ("minicnn", *args.beside):
        try:
            pythons[engine] = engines.python_of(engine, args)
        except engines.EngineError as error:
            failed[engine] = str(error)
    # the two thread counts, and the engines, take turns
    cases = [c for sizes in grown.values() for c in sizes.values()]
    counts = sorted({1, args.threads})
    alone: dict[int, list[list[float]]] = {threads: [] for threads in counts}
    beside: dict[str, list[list[float]]] = {engine: [] for engine in pythons}
    versions: dict[str, str] = {}
    blas: list[str] = []
    for number in range(rounds):
        for threads in counts:
            alone[threads].append(
                sweep("minicnn", pythons["minicnn"], cases, seconds, threads)["step_s"]
            )
        for engine, python in pythons.items() if args.beside else ():
            if engine in failed:
                continue
            try:
                found = sweep(engine, python, list(OFF_THE_PATH.values()), seconds, args.threads)
            except engines.EngineError as error:
                failed[engine] = str(error)
                continue
            beside[engine].append(found["step_s"])
            versions |= found["versions"]
            blas += [kernels for kernels in found["blas"] if kernels not in blas]
        print(f"round {number + 1} of {rounds} done", flush=True)
    data = {
        "machine": measure.machine(args.threads),
        "versions": measure.versions("minicnn", "numpy", "numba", "scipy") | versions,
        "rounds": rounds,
        "axes": {str(t): by_axis(grown, best(alone[t])) for t in counts},
        "off_the_path": compare({e: best(runs) for e, runs in beside.items() if runs}),
        "failed": failed,
        "blas": blas,
    }
    show(data)
    path = measure.save(args, data)
    import pictures

    print(f"\n{path}\n{pictures.scaling(data, path)}")


def sweep(
    engine: str, python: str, cases: list[dict[str, Any]], seconds: float, threads: int
) -> dict[str, Any]:
    """Median seconds of a step of each case, in one process, under "step_s"; versions, BLAS."""
    return engines.run(engine, python, {"cases": cases, "seconds": seconds}, threads)


def best(runs: list[list[float]]) -> list[float]:
    """Case by case the median over processes."""
    return [measure.summary(list(column))["median"] for column in zip(*runs, strict=True)]


def by_axis(grown: dict[str, dict[int, Any]], steps: list[float]) -> dict[str, Any]:
    """{axis: sizes, seconds a step, exponents}."""
    found = {}
    rest = iter(steps)
    for axis, sizes in grown.items():
        seconds = [next(rest) for _ in sizes]
        found[axis] = {
            "sizes": list(sizes),
            "step_s": seconds,
            "exponent": exponent(list(sizes), seconds),
            "exponent_of_largest": exponent(list(sizes)[-3:], seconds[-3:]),
        }
    return found


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """e of the least-squares fit of log(seconds) = e log(size) + constant."""
    xs, ys = [math.log(s) for s in sizes], [math.log(s) for s in seconds]
    x0, y0 = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - x0) ** 2 for x in xs)
    return sum((x - x0) * (y - y0) for x, y in zip(xs, ys, strict=True)) / spread


def compare(steps: dict[str, list[float]]) -> dict[str, Any]:
    """{network: seconds by engine, ratio of the fastest other one to minicnn}."""
    found: dict[str, Any] = {}
    for i, title in enumerate(OFF_THE_PATH):
        times = {engine: values[i] for engine, values in steps.items()}
        others = [t for engine, t in times.items() if engine != "minicnn"]
        if others:
            found[title] = {"step_s": times, "ratio": min(others) / times["minicnn"]}
    return found


def show(data: dict[str, Any]) -> None:
    for threads, axes_ in data["axes"].items():
        for axis, found in axes_.items():
            cells = "  ".join(
                f"{size}: {s * 1e3:.2f}"
                for size, s in zip(found["sizes"], found["step_s"], strict=True)
            )
            print(
                f"\n{axis}, {threads} thread(s), ms a step: {cells}\n  grows as size^"
                f"{found['exponent']:.2f}; the largest as ^{found['exponent_of_largest']:.2f}"
            )
    for title, found in data["off_the_path"].items():
        cells = "  ".join(f"{engine} {s * 1e3:.2f} ms" for engine, s in found["step_s"].items())
        mark = "   <-- below 0.8" if found["ratio"] < ENOUGH else ""
        print(f"{title:38}{cells}   ratio {found['ratio']:.2f}{mark}")
    for engine, reason in data["failed"].items():
        print(f"left out: {engine}: {reason}")


if __name__ == "__main__":
    main()
