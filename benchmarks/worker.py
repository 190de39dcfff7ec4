"""One engine in one process: trains and predicts on random data, prints seconds as JSON.

Run by ``train.py``, ``startup.py`` and ``scaling.py`` in each engine's own environment:

    echo '{"program": "mnist_two_conv", "samples": 3072}' | python worker.py minicnn
"""

import json
import math
import sys
import time

BEGIN = time.perf_counter()
ENGINES = ("minicnn", "torch-eager", "torch-compile", "keras-tensorflow", "keras-jax")


def main() -> None:
    name, task = sys.argv[1], json.load(sys.stdin)
    engine, versions = load(name, task["threads"])
    imported = time.perf_counter() - BEGIN
    work = sweep if "cases" in task else whole_program
    result = work(engine, task)
    result |= {"import_s": imported, "versions": versions, "peak_mb": peak_mb()}
    from measure import blas_kernels

    print(json.dumps(result | {"blas": blas_kernels()}))


def load(name: str, threads: int):
    """A function from a program to its model, and the versions of what computes it."""
    from programs import build

    if name == "minicnn":
        import minicnn

        minicnn.backends.get(minicnn.config.backend())  # imported on first use otherwise
        return lambda program: build(minicnn, program), versions("minicnn", "numba", "scipy")
    if name.startswith("torch"):
        import torch
        import torch_engine

        torch.set_num_threads(threads)
        compiled = name == "torch-compile"
        return lambda program: torch_engine.build(program, compiled), versions("torch")
    import os

    backend = os.environ["KERAS_BACKEND"] = name.removeprefix("keras-")
    if backend == "tensorflow":
        import tensorflow

        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
    import keras

    return lambda p: build(keras, p), versions("keras", "tensorflow", "tensorflow-cpu", "jax")


def versions(*packages: str) -> dict[str, str]:
    """Of those packages that are installed, NumPy with them."""
    import measure

    return measure.versions(*packages, "numpy")


def whole_program(build, task: dict) -> dict:
    """One of the five programs: first batches, first epoch, further epochs, prediction."""
    from programs import PROGRAMS

    program = PROGRAMS[task["program"]]
    x, y = random_data(program, task["samples"])
    size = program.batch_size
    model = build(program)

    first = seconds(lambda: model.fit(x[:size], y[:size], batch_size=size, verbose=0))
    epoch = seconds(lambda: model.fit(x, y, batch_size=size, verbose=0))
    result = {
        "first_batch_s": first,
        # both clocks are the machine's own: the parent noted when it started this process
        "start_to_first_epoch_s": time.time() - task["started"],
        "first_epoch_s": epoch,
        "first_epoch_samples": len(x) + size,
    }
    if not task["seconds"]:
        return result
    fit = repeated(lambda: model.fit(x, y, batch_size=size, verbose=0), task["seconds"])
    result["train_us"] = [s / len(x) * 1e6 for s in fit]
    result["predict_us"] = {}
    for batch in task["predict"]:
        few = x if batch > 1 else x[:256]  # one by one takes long enough
        model.predict(few, batch_size=batch, verbose=0)  # warm
        taken = repeated(
            lambda few=few, batch=batch: model.predict(few, batch_size=batch, verbose=0),
            task["seconds"] / 2,
        )
        result["predict_us"][str(batch)] = [s / len(few) * 1e6 for s in taken]
    return result


def sweep(build, task: dict) -> dict:
    """Many small networks: median seconds of a training step of each, in the order given."""
    import statistics

    from programs import Program

    steps = []
    for case in task["cases"]:
        program = Program(**case)
        size = program.batch_size
        # an epoch of some 512 images: what a call of fit costs by itself is spread over them
        largest = (1 << 24) // (size * math.prod(program.input_shape))  # 64 MiB of images
        x, y = random_data(program, size * max(1, min(64, 512 // size, largest)))
        model = build(program)

        def epoch(model=model, x=x, y=y, size=size) -> None:
            model.fit(x, y, batch_size=size, verbose=0)

        epoch()
        taken = repeated(epoch, task["seconds"])
        steps.append(statistics.median(taken) / (len(x) // size))
    return {"step_s": steps}


def random_data(program, samples: int):
    """float32 images and labels of the program's kind."""
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.random((samples, *program.input_shape), dtype=np.float32)
    y = rng.integers(0, 10, samples)
    return x, (np.eye(10, dtype=np.float32)[y] if program.one_hot else y)


def seconds(work) -> float:
    """Of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def repeated(work, least: float) -> list[float]:
    """Seconds of each call; two calls or more, and ``least`` seconds in all."""
    taken: list[float] = []
    while len(taken) < 2 or sum(taken) < least:
        taken.append(seconds(work))
    return taken


def peak_mb() -> float | None:
    """The most memory that this process held, in MB (10^6 bytes)."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
