"""Where a training step goes, part by part, and how fast prediction is: each program's network.

    python benchmarks/step.py
    python benchmarks/step.py --programs mnist_two_conv

Parts: every stage forward and backward, the loss, metrics, the optimizer, gathering the batch.
What the parts do not add up to is Python between them. Beside it: the floor, which is the matrix
products at this machine's rate for large ones plus the optimizer's memory traffic. Products are
counted as the definition of the layer has them; Winograd's algorithm needs fewer, so that a
convolution may beat its floor. The step is also timed on one thread, in turn with all of them.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import measure
from programs import PROGRAMS, Program, build

ARGS = measure.parser(__doc__, "step")
ARGS.add_argument("--programs", nargs="+", default=list(PROGRAMS), choices=list(PROGRAMS))

Parts = dict[tuple[str, str], list[float]]  # (what, direction) -> seconds of each call


def main() -> None:
    args = ARGS.parse_args()
    measure.start(args)
    from ceilings import copy_gbytes, sgemm_gflops

    seconds = 0.1 if args.quick else 2.0
    data: dict[str, Any] = {
        "machine": measure.machine(args.threads),
        "versions": measure.versions("minicnn", "numpy", "numba", "scipy"),
        "sgemm_gflops": sgemm_gflops(0.1 if args.quick else 1.0),
        "copy_gbytes": copy_gbytes(args.threads),
        "programs": {},
    }
    names = args.programs[-1:] if args.quick else args.programs
    for name in names:
        found = measure_program(PROGRAMS[name], seconds)
        rates = data["sgemm_gflops"] * 1e9, data["copy_gbytes"] * 1e9
        found["floor_s"] = found["flops"] / rates[0] + found["optimizer_bytes"] / rates[1]
        data["programs"][name] = found
        show(name, found, data["sgemm_gflops"])
    data["blas"] = measure.blas_kernels()
    path = measure.save(args, data)
    import pictures

    print(f"\n{path}\n{pictures.step(data, path)}")


def measure_program(program: Program, seconds: float) -> dict[str, Any]:
    """Medians of the parts of a step, of the whole step, and of prediction."""
    from worker import random_data

    import minicnn

    size = program.batch_size
    x, y = random_data(program, 20 * size)
    minicnn.utils.clear_session()  # layers are numbered from zero again
    model = build(minicnn, program)

    def epoch() -> None:
        model.fit(x, y, batch_size=size, verbose=0)

    epoch()  # kernels are loaded, buffers made
    bare, alone = with_and_without_threads(epoch, seconds)
    parts: Parts = defaultdict(list)
    with watched(model, parts):
        measure.times(epoch, seconds=seconds, least=3, warm=0)
    whole = parts.pop(("step", ""))
    rows = [
        {"part": what, "direction": direction, **measure.summary(values), "flops": 0.0}
        for (what, direction), values in parts.items()
    ]
    add_flops(rows, model, size)
    step = measure.summary(whole)
    step_bare = measure.summary([t / 20 for t in bare])
    between = max(0.0, step["median"] - sum(row["median"] for row in rows))
    rows.append({"part": "Python between", "direction": "", "median": between, "flops": 0.0})
    weights = sum(w.size for w in model.get_weights())
    return {
        "batch": size,
        "step": step,  # with the clock read around every part
        "step_unwatched": step_bare,
        "step_one_thread": measure.summary([t / 20 for t in alone]),
        "parts": rows,
        "flops": sum(row["flops"] for row in rows),
        "optimizer_bytes": 28.0 * weights,  # read w g m v, write w m v
        "predict_us": measure_prediction(model, x, seconds / 4),
    }


def with_and_without_threads(
    work: Callable[[], Any], seconds: float
) -> tuple[list[float], list[float]]:
    """Seconds of each call on all threads and on one of them, in turn."""
    import numba

    threads = numba.get_num_threads()
    taken: dict[int, list[float]] = {threads: [], 1: []}
    for _ in range(6):
        for count in taken:
            numba.set_num_threads(count)
            taken[count] += measure.times(work, seconds=seconds / 6, least=2, warm=1)
    numba.set_num_threads(threads)
    return taken[threads], taken[1]


#: what is measured, as the tables call it
PREDICTIONS = {
    "one": "a call on one image", "alone": "predict on 32 images", "32": "on 2048, batch 32",
    "1024": "on 2048, batch 1024",
}  # fmt: skip


def measure_prediction(model: Any, x: Any, seconds: float) -> dict[str, dict[str, float]]:
    """Microseconds an image of ``predict``, by batch size.

    "one" is a call on one image, "alone" a call of ``predict`` on 32.
    """
    import numpy as np

    many = np.resize(x, (2048, *x.shape[1:]))
    found = {}
    for name, images, batch in (("alone", many[:32], 32), ("32", many, 32), ("1024", many, 1024)):
        work = lambda x=images, b=batch: model.predict(x, batch_size=b, verbose=0)  # noqa: E731
        taken = measure.times(work, seconds=seconds, least=3, warm=1)
        found[name] = measure.summary([t / len(images) * 1e6 for t in taken])
    taken = measure.times(lambda: model(many[:1]), seconds=seconds / 2, warm=5)
    found["one"] = measure.summary([t * 1e6 for t in taken])
    return found


@contextmanager
def watched(model: Any, parts: Parts) -> Iterator[None]:
    """While open, the parts of each training step note how long they took."""
    from minicnn.engine.data import Arrays

    step = model._trainer.step(model)
    plan = step.plan
    patched: list[tuple[Any, str, Any]] = []

    def watch(owner: Any, method: str, what: str, direction: str = "") -> None:
        original = owner.__dict__.get(method)
        patched.append((owner, method, original))
        setattr(owner, method, clocked(getattr(owner, method), parts[what, direction]))

    for stage in plan.stages[: step.last]:
        watch(stage, "forward", stage.name, "forward")
        watch(stage, "backward", stage.name, "backward")
    watch(step.loss, "forward", "loss", "forward")
    watch(step.loss, "backward", "loss", "backward")
    for metric in step.totals.metrics:
        watch(metric, "update", "metrics")
    watch(step.optimizer, "update_weights", "optimizer")
    watch(Arrays, "take", "gather the batch")
    last: list[float] = []
    train = step.train

    def timed(rows: Any) -> None:
        train(rows)
        now = time.perf_counter()
        if last and now - last[0] < 1:
            parts["step", ""].append(now - last[0])  # from the end of one step to that of the next
        last[:] = [now]

    step.train = timed
    try:
        yield
    finally:
        del step.train
        for owner, method, original in reversed(patched):
            if original is None:
                delattr(owner, method)
            else:
                setattr(owner, method, original)


def clocked(function: Callable[..., Any], taken: list[float]) -> Callable[..., Any]:
    """``function``, which appends the seconds of each call to ``taken``."""

    def call(*args: Any) -> Any:
        begin = time.perf_counter()
        result = function(*args)
        taken.append(time.perf_counter() - begin)
        return result

    return call


def add_flops(rows: list[dict[str, Any]], model: Any, batch: int) -> None:
    """Multiplications and additions of the matrix products of each stage."""
    step = model._trainer.step(model)
    plan, first = step.plan, step.plan.first
    kernels = {p.path.rsplit("/", 1)[0].rsplit("/", 1)[-1]: p for p in model.weights
               if p.path.endswith("kernel")}  # fmt: skip
    places = {layer.name: layer.output.shape for layer in model.layers}
    for i, stage in enumerate(plan.stages[: step.last]):
        layer = stage.name.split(" + ")[0]
        if layer not in kernels:
            continue
        *area, _ = places[layer][1:]
        product = 2.0 * batch * kernels[layer].size
        for n in area:
            product *= n
        for row in rows:
            if row["part"] == stage.name:
                both = 2 if i > first else 1  # dw and dx, or dw alone
                row["flops"] = product * (both if row["direction"] == "backward" else 1)


def show(name: str, found: dict[str, Any], sgemm: float) -> None:
    batch, step = found["batch"], found["step"]["median"]
    bare = found["step_unwatched"]
    print(
        f"\n{name}: a step of {batch} images takes {bare['median'] * 1e6:.0f} µs (min "
        f"{bare['min'] * 1e6:.0f}), {bare['median'] / batch * 1e6:.1f} µs an image; the floor is "
        f"{found['floor_s'] * 1e6:.0f} µs; products at "
        f"{found['flops'] / bare['median'] / 1e9 / sgemm:.0%} of the rate of a large one; "
        f"{found['step_one_thread']['median'] / bare['median']:.2f} times the step on one thread"
    )
    for row in found["parts"]:
        rate = row["flops"] / row["median"] / 1e9 if row["flops"] else 0
        arithmetic = f"{rate:8.0f} GFLOP/s {rate / sgemm:5.0%}" if rate else ""
        print(
            f"  {row['part'][:44]:45}{row['direction']:9}{row['median'] * 1e6:9.0f} µs"
            f"{row['median'] / step:7.1%}{arithmetic}"
        )
    cells = ", ".join(
        f"{words} {found['predict_us'][name]['median']:.1f}" for name, words in PREDICTIONS.items()
    )
    print(f"  prediction, µs an image: {cells}", flush=True)


if __name__ == "__main__":
    main()
