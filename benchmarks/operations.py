"""Operations as ladders: plain loops, NumPy, Numba one by one, Numba fused.

    python benchmarks/operations.py            # a minute and a half on two processors
    python benchmarks/operations.py --quick

Every rung is first checked against the NumPy one, to the bit: the numbers it is checked on are
small integers, for which the order of a sum does not matter. Then it is timed on ordinary random
numbers. Plain loops run on one image, and their time is multiplied. Ceilings (float32 matrix
product, copying memory) are measured in the same run.
"""

from typing import Any, NamedTuple

import measure

ARGS = measure.parser(__doc__, "operations")

import numpy as np

PLAIN, NUMPY, UNFUSED, FUSED = "plain loops", "NumPy", "Numba", "Numba, fused"


class Ladder(NamedTuple):
    """A row of layers of one of the programs, with the batch it is run on."""

    title: str
    input_shape: tuple[int, ...]
    batch: int
    layers: list[tuple[str, dict[str, Any]]]
    need_dx: bool = True
    plain: bool = True  # whether the plain loops know all of it


def _conv(filters: int, size: int, **kwargs: Any) -> tuple[str, dict[str, Any]]:
    return "Conv2D", {"filters": filters, "kernel_size": size, "activation": "relu", **kwargs}


def _dense(units: int) -> tuple[str, dict[str, Any]]:
    return "Dense", {"units": units, "activation": "relu"}


POOL = ("MaxPooling2D", {"pool_size": 2})

LADDERS = [
    Ladder("conv 5×5, 28×28×1 → 32, ReLU, pool", (28, 28, 1), 128,
           [_conv(32, 5, padding="same"), POOL], need_dx=False),
    Ladder("conv 3×3, 32×32×3 → 32, ReLU, pool", (32, 32, 3), 32, [_conv(32, 3), POOL],
           need_dx=False),
    Ladder("conv 2×2, 14×14×32 → 64, ReLU, pool", (14, 14, 32), 128,
           [_conv(64, 2, padding="same"), POOL]),
    Ladder("conv 3×3, 15×15×32 → 64, ReLU, pool", (15, 15, 32), 32, [_conv(64, 3), POOL]),
    Ladder("conv 3×3, 6×6×64 → 64, ReLU", (6, 6, 64), 32, [_conv(64, 3)]),
    Ladder("dense 2304 → 512, ReLU", (2304,), 32, [_dense(512)]),
    Ladder("dense 3136 → 1000, ReLU, dropout", (3136,), 128,
           [_dense(1000), ("Dropout", {"rate": 0.5, "seed": 1})],
           plain=False),
]  # fmt: skip


class Rung:
    """The layers of a ladder on one backend, with the weights given."""

    def __init__(self, ladder: Ladder, ops: Any) -> None:
        import minicnn
        from minicnn.engine.step import Executor

        layers = [getattr(minicnn.layers, kind)(**kw) for kind, kw in ladder.layers]
        self.model = minicnn.Sequential([minicnn.layers.Input(ladder.input_shape), *layers])
        self.executor = Executor(self.model.stages(), self.model.parameters, ops, "float32")
        self.need_dx = ladder.need_dx
        self.ops = ops

    def forward(self, x: np.ndarray) -> np.ndarray:
        with self.ops.running():
            return self.executor.plan.forward(x, training=True)

    def backward(self, dy: np.ndarray) -> np.ndarray | None:
        plan = self.executor.plan
        with self.ops.running():
            for i in reversed(range(len(plan.stages))):
                plan.training[i].need_dx = i > 0 or self.need_dx
                dy = plan.stages[i].backward(plan.training[i], dy)
        return dy

    def everything(self, x: np.ndarray, dy: np.ndarray) -> list[np.ndarray]:
        """y, dx and the gradient of each weight."""
        y = self.forward(x).copy()
        dx = self.backward(dy)
        grads = [p.grad.copy() for p in self.model.parameters]
        return [y, *([dx.copy()] if self.need_dx else []), *grads]


def rungs(ladder: Ladder) -> dict[str, Any]:
    """The backends of the ladder; "unfused" is the fast one without its fused operations."""
    from types import SimpleNamespace

    import naive

    from minicnn import backends
    from minicnn.backends.spec import OPTIONAL

    fast = backends.get("numba")
    one_by_one = {name: f for name, f in vars(fast).items() if name not in OPTIONAL}
    found = {NUMPY: backends.get("numpy"), UNFUSED: SimpleNamespace(**one_by_one), FUSED: fast}
    return ({PLAIN: naive} if ladder.plain else {}) | found


def integers(rng: np.random.Generator, shape: tuple[int, ...], most: int = 2) -> np.ndarray:
    """Small integers in float32: sums of their products are exact."""
    return rng.integers(-most, most + 1, shape).astype("float32")


def validate(ladder: Ladder, backends: dict[str, Any]) -> None:
    """Every rung gives the bits of the NumPy one.

    Raises:
        AssertionError: it does not; nothing is timed then.
    """
    rng = np.random.default_rng(0)
    found = {name: Rung(ladder, ops) for name, ops in backends.items()}
    weights = [integers(rng, w.shape) for w in found[NUMPY].model.get_weights()]
    for rung in found.values():
        rung.model.set_weights(weights)
    for n in (1, ladder.batch):
        x = integers(rng, (n, *ladder.input_shape))
        dy = integers(rng, found[NUMPY].forward(x).shape, most=1)
        expected = found[NUMPY].everything(x, dy)
        for name, rung in found.items():
            if name in (NUMPY, PLAIN) and not (name == PLAIN and n == 1):
                continue
            for got, want in zip(rung.everything(x, dy), expected, strict=True):
                np.testing.assert_array_equal(got, want, err_msg=f"{ladder.title}: {name}")


def measure_ladder(ladder: Ladder, seconds: float) -> dict[str, Any]:
    """{rung: {"forward": summary, "backward": summary}} in seconds a batch."""
    backends = rungs(ladder)
    validate(ladder, backends)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((ladder.batch, *ladder.input_shape), dtype=np.float32)
    found: dict[str, Any] = {}
    weights = None
    for name, ops in backends.items():
        rung = Rung(ladder, ops)
        weights = weights or rung.model.get_weights()
        rung.model.set_weights(weights)
        part = x[:1] if name == PLAIN else x
        dy = rng.standard_normal(rung.forward(part).shape, dtype=np.float32)
        how = {"least": 1, "seconds": 0, "warm": 0} if name == PLAIN else {"seconds": seconds}
        scale = ladder.batch if name == PLAIN else 1
        forward = measure.times(lambda r=rung, p=part: r.forward(p), **how)
        backward = measure.times(lambda r=rung, d=dy: r.backward(d), **how)
        found[name] = {
            "forward": measure.summary([t * scale for t in forward]),
            "backward": measure.summary([t * scale for t in backward]),
        }
    return found


def arithmetic(ladder: Ladder) -> dict[str, float]:
    """Multiplications and additions of the matrix products, a batch."""
    from minicnn import backends

    plan = Rung(ladder, backends.get("numpy")).executor.plan
    w = plan.stages[0].parameters[0].value
    x = np.zeros((1, *ladder.input_shape), "float32")
    places = plan.stages[0].forward(plan.training[0], x).size // w.shape[-1]
    forward = 2.0 * ladder.batch * places * w.size
    return {"forward": forward, "backward": forward * (2 if ladder.need_dx else 1)}


def measure_memory_bound(seconds: float) -> list[dict[str, Any]]:
    """Adam and the gather: bounded by memory, so their measure is bytes a second."""
    from minicnn import backends
    from minicnn.backends.context import Context

    rng = np.random.default_rng(2)
    rows = []
    for title, size in (("Adam, 3.2 million weights", 3_200_000), ("Adam, 0.1 million", 100_000)):
        times = {}
        for name, key in ((NUMPY, "numpy"), (FUSED, "numba")):
            ops = backends.get(key)
            w, g, m, v = (rng.random(size, dtype=np.float32) for _ in range(4))
            count, rate = np.zeros(1, "int64"), np.full(1, 1e-3, "float32")
            arrays = w, g, m, v, count, rate
            times[name] = measure.summary(
                measure.times(lambda o=ops, a=arrays: o.adam_step(*a, 0.9, 0.999, 1e-7),
                              seconds=seconds)
            )  # fmt: skip
        rows.append({"title": title, "bytes": 28.0 * size, "times": times})
    source = rng.integers(0, 256, (20_000, 28, 28, 1)).astype("uint8")
    index = rng.permutation(len(source))[:128]
    times = {}
    for name, key in ((NUMPY, "numpy"), (FUSED, "numba")):
        ops = backends.get(key)
        ctx = Context(ops)
        work = lambda o=ops, c=ctx: o.gather_batch(c, "x", source, index, "float32")  # noqa: E731
        times[name] = measure.summary(measure.times(work, seconds=seconds))
    rows.append({"title": "gather 128 of 28×28 uint8", "bytes": 5.0 * 128 * 784, "times": times})
    return rows


def main() -> None:
    args = ARGS.parse_args()
    measure.start(args)
    from ceilings import copy_gbytes, sgemm_gflops

    seconds = 0.05 if args.quick else 0.6
    ladders = LADDERS[4:5] if args.quick else LADDERS
    sgemm = sgemm_gflops(0.1 if args.quick else 1.0)
    data: dict[str, Any] = {
        "machine": measure.machine(args.threads),
        "versions": measure.versions("minicnn", "numpy", "numba", "scipy"),
        "sgemm_gflops": sgemm,
        "copy_gbytes": copy_gbytes(args.threads, 0.1 if args.quick else 0.5),
        "ladders": [],
    }
    print(f"float32 matrix product {sgemm:.0f} GFLOP/s, copy {data['copy_gbytes']:.0f} GB/s")
    for ladder in ladders:
        found = {
            "title": ladder.title,
            "batch": ladder.batch,
            "flops": arithmetic(ladder),
            "rungs": measure_ladder(ladder, seconds),
        }
        data["ladders"].append(found)
        show_ladder(found, sgemm)
    data["memory_bound"] = measure_memory_bound(seconds)
    for row in data["memory_bound"]:
        show_memory_bound(row, data["copy_gbytes"])
    data["sgemm_gflops_after"] = sgemm_gflops(0.1 if args.quick else 1.0)
    data["blas"] = measure.blas_kernels()
    path = measure.save(args, data)
    import pictures

    print(f"\n{path}\n{pictures.operations(data, path)}")


def show_ladder(found: dict[str, Any], sgemm: float) -> None:
    print(f"\n{found['title']}, batch {found['batch']}: equal to the bit on every rung")
    for direction in ("forward", "backward"):
        top = found["rungs"][FUSED][direction]["median"]
        for name, times in found["rungs"].items():
            t = times[direction]
            rate = found["flops"][direction] / t["median"] / 1e9
            print(
                f"  {direction:9}{name:14}{t['median'] * 1e3:11.3f} ms  (min "
                f"{t['min'] * 1e3:.3f}){rate:9.2f} GFLOP/s {rate / sgemm:6.1%}   "
                f"fused is {t['median'] / top:.1f}× as fast",
                flush=True,
            )


def show_memory_bound(row: dict[str, Any], copy: float) -> None:
    print(f"\n{row['title']}")
    for name, t in row["times"].items():
        rate = row["bytes"] / t["median"] / 1e9
        print(
            f"  {name:14}{t['median'] * 1e3:9.3f} ms  (min {t['min'] * 1e3:.3f})"
            f"{rate:8.1f} GB/s {rate / copy:6.1%}"
        )


if __name__ == "__main__":
    main()
