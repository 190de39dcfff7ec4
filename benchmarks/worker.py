"""One engine, one program, one process: trains and predicts on random data, prints seconds as JSON.

    python worker.py minicnn mnist_two_conv --samples 12800 --epochs 3

Run by ``train.py`` in each engine's own environment.
"""

import argparse
import json
import os
import resource
import time

# A user's machine does not pin OpenBLAS to another processor's kernels.
for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(variable, None)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from programs import PROGRAMS, build


def load(engine: str):
    """The engine, and its versions."""
    if engine == "minicnn":
        import numba

        import minicnn

        return minicnn, {"minicnn": minicnn.__version__, "numba": numba.__version__}
    os.environ["KERAS_BACKEND"] = engine.removeprefix("keras-")
    import importlib.metadata

    import keras

    backend = os.environ["KERAS_BACKEND"]
    package = {"tensorflow": "tensorflow-cpu"}.get(backend, backend)
    return keras, {"keras": keras.__version__, backend: importlib.metadata.version(package)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=["minicnn", "keras-tensorflow", "keras-jax"])
    parser.add_argument("program", choices=list(PROGRAMS))
    parser.add_argument("--samples", type=int, default=12_800)
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()

    start = time.perf_counter()
    engine, versions = load(args.engine)
    imported = time.perf_counter() - start
    program = PROGRAMS[args.program]
    rng = np.random.default_rng(0)
    x = rng.random((args.samples, *program.input_shape), dtype=np.float32)
    y = rng.integers(0, 10, args.samples)
    if program.one_hot:
        y = np.eye(10, dtype=np.float32)[y]

    model = build(engine, args.program)
    size = program.batch_size

    def seconds(work) -> float:
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin

    def fit(n: int) -> float:
        return seconds(lambda: model.fit(x[:n], y[:n], batch_size=size, verbose=0))

    def predict(batch: int) -> float:
        return seconds(lambda: model.predict(x, batch_size=batch, verbose=0))

    first = fit(2 * size)
    train = [fit(args.samples) for _ in range(args.epochs)]
    prediction = {}
    for batch in (32, 1024):
        predict(batch)
        prediction[batch] = [predict(batch) for _ in range(args.epochs)]
    print(
        json.dumps(
            {
                "engine": args.engine,
                "program": args.program,
                "versions": versions,
                "import_s": imported,
                "first_batches_s": first,
                "train_us": [s / args.samples * 1e6 for s in train],
                "predict_us": {
                    str(b): [s / args.samples * 1e6 for s in v] for b, v in prediction.items()
                },
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
