"""First contact with a GPU: each thing that the "cupy" backend relies on, one by one.

    python3 benchmarks/gpu_probe.py        about a minute; results/gpu_probe.json

Every line is something that cannot be seen without a GPU: that the kernels compile there, that
cuBLAS may be captured through a handle of our own, that a replay computes what launches compute.
A line that fails is followed by its reason, the others go on, and the exit status is 1.
"""

import argparse
import statistics
import time
import traceback
from collections.abc import Callable
from typing import Any

import gpu_common
import measure
import numpy as np

RESULTS: dict[str, Any] = {}


def look(name: str, question: Callable[[], Any]) -> bool:
    """Ask one question, print and keep its answer; False if it fails."""
    try:
        answer, good = question(), True
    except Exception as error:
        answer, good = f"FAILED: {type(error).__name__}: {error}", False
        traceback.print_exc()
    RESULTS[name] = answer
    print(f"{name:58} {answer}", flush=True)
    return good


def main() -> int:
    args = measure.parser(__doc__, "gpu_probe").parse_args()
    measure.start(args)
    good = look("versions", gpu_common.versions_in_words)
    good &= look("backend", backend)
    if not good:
        return finish(args, False)
    for dtype in ("float32", "float64"):
        good &= look(f"all kernels of {dtype} compiled or loaded, s", lambda d=dtype: compiled(d))
    for precision, dtype in (("float32", "float32"), ("tf32", "float32"), ("float32", "float64")):
        for captured in (False, True):
            name = f"product, {precision if dtype == 'float32' else dtype}"
            name += ", captured and replayed" if captured else ", launched"
            good &= look(
                f"{name}: relative error",
                lambda p=precision, d=dtype, c=captured: product(p, d, c),
            )
    good &= look("a read-back breaks a capture, and the stream lives on", read_back)
    good &= look("training against the textbook: largest loss difference", training)
    good &= look("replayed equals launched, bit for bit", bits)
    good &= look("microseconds of the host a launch", launch_cost)
    good &= look("microseconds a replay of 100 kernels, by node", node_cost)
    return finish(args, good)


def finish(args: argparse.Namespace, good: bool) -> int:
    data = {"machine": measure.machine(args.threads), "good": good, "answers": RESULTS}
    print(f"\n{'all is well' if good else 'something FAILED'}: {measure.save(args, data)}")
    return 0 if good else 1


def backend() -> str:
    from minicnn import backends

    return "; ".join(backends.get("cupy").device.describe())


def compiled(dtype: str) -> float:
    from minicnn.backends.cupy_gpu import runtime, signatures

    begin = time.perf_counter()
    for kernel in signatures.signatures(dtype):
        runtime.module(dtype).get_function(kernel).kernel  # noqa: B018  (loads it)
    return round(time.perf_counter() - begin, 2)


def product(precision: str, dtype: str, captured: bool) -> float:
    from minicnn import backends, config
    from minicnn.backends.cupy_gpu import blas

    ops, rng = backends.get("cupy"), np.random.default_rng(0)
    config.set_precision(precision)
    worst = 0.0
    for transpose_a in (False, True):
        for transpose_b in (False, True):
            a = rng.standard_normal((300, 96)).astype(dtype)  # (M, K)
            b = rng.standard_normal((96, 72)).astype(dtype)  # (K, N)
            given = [
                ops.asarray(np.ascontiguousarray(m.T) if t else m)
                for m, t in ((a, transpose_a), (b, transpose_b))
            ]
            out = ops.empty((300, 72), dtype)

            def step(given=given, out=out, a=transpose_a, b=transpose_b):
                blas.gemm(*given, out, transpose_a=a, transpose_b=b)

            with ops.running():
                step()
                if captured:
                    replay = ops.capture(step)
                    out[...] = 0
                    replay()
            exact = a.astype("float64") @ b
            error = np.abs(ops.to_numpy(out) - exact).max() / np.abs(exact).max()
            worst = max(worst, float(error))
    config.set_precision("float32")
    limit = {"tf32": 2e-3, "float32": 1e-6 if dtype == "float32" else 1e-14}[precision]
    assert worst < limit, f"{worst} is more than {limit}"
    return worst


def read_back() -> str:
    from minicnn import backends

    ops = backends.get("cupy")
    x = ops.zeros((3,), "float32")
    with ops.running():
        try:
            ops.capture(lambda: float(x[0]))
        except Exception as error:
            refusal = type(error).__name__
        else:
            raise AssertionError("it was not refused")
        x += 1
    assert ops.to_numpy(x).tolist() == [1, 1, 1]
    return f"yes ({refusal})"


def training() -> float:
    from minicnn import config
    from tests.gpu.models import fit, network

    losses = []
    for name in ("cupy", "numpy"):
        config.set_backend(name)
        losses.append(fit(network(), epochs=2)["loss"])
    worst = float(np.abs(np.subtract(*losses)).max())
    assert worst < 1e-4, worst
    return worst


def bits() -> str:
    from minicnn import config
    from minicnn.engine.runners import Recorder
    from tests.gpu.models import fit, network, same_bits, weights

    config.set_backend("cupy")
    replayed, launched, original = network(), network(), Recorder._run
    fit(replayed, epochs=3)
    try:
        Recorder._run = Recorder._launch
        fit(launched, epochs=3)
    finally:
        Recorder._run = original
    assert same_bits(weights(replayed), weights(launched))
    return "yes"


def launch_cost() -> float:
    ops, counter = _counter()
    with ops.running():
        return round(_median_us(lambda: ops.advance(counter), 400), 1)


def node_cost() -> str:
    ops, counter = _counter()
    with ops.running():
        replay = ops.capture(lambda: [ops.advance(counter) for _ in range(100)] and None)
        us = _median_us(replay, 50, wait=lambda: ops.to_numpy(counter))
    return f"{us:.0f}, {us / 100:.2f}"


def _counter() -> tuple[Any, Any]:
    from minicnn import backends

    ops = backends.get("cupy")
    counter = ops.zeros((1,), "int64")
    ops.advance(counter)
    return ops, counter


def _median_us(work: Callable[[], Any], count: int, wait: Callable[[], Any] | None = None) -> float:
    taken = []
    for _ in range(7):
        begin = time.perf_counter()
        for _ in range(count):
            work()
        if wait is not None:
            wait()
        taken.append((time.perf_counter() - begin) / count * 1e6)
    return statistics.median(taken[1:])


if __name__ == "__main__":
    raise SystemExit(main())
