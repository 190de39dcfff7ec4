"""What the GPU's benchmarks share: the data, the clock around epochs, one JSON line a result."""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measure
import numpy as np

PACKAGES = ("numpy", "cupy-cuda13x", "cupy-cuda12x", "torch", "jax", "jaxlib", "nvidia-cublas")


def versions_in_words() -> str:
    """Versions of what computes, and the driver's."""
    found = [f"{name} {version}" for name, version in measure.versions(*PACKAGES).items()]
    try:
        import cupy

        found.append(f"driver {cupy.cuda.runtime.driverGetVersion()}")
    except ImportError:
        found.append("no CuPy")
    return ", ".join(found)


def arguments(doc: str | None) -> argparse.Namespace:
    """The options of one engine's script."""
    made = argparse.ArgumentParser(description=doc)
    made.add_argument("--program", default="mnist_two_conv")
    made.add_argument("--epochs", type=int, default=6)
    made.add_argument("--samples", type=int, default=0, help="0: as many as the data set has")
    return made.parse_args()


def data(program: Any, samples: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images of the program's shape, float32 in 0..1, and labels: random, as only time counts."""
    rng = np.random.default_rng(0)
    count = samples or program.samples
    x = rng.random((count, *program.input_shape), dtype=np.float32)
    return x, rng.integers(0, 10, count)


def mnist() -> tuple[Any, Any] | None:
    """((x_train, y_train), (x_test, y_test)) as MINICNN_DATA has it, images in 0..1, or None."""
    path = Path(os.environ.get("MINICNN_DATA", "."), "mnist.npz")
    if not path.is_file():
        return None
    with np.load(path) as file:
        pairs = [(file[f"x_{part}"], file[f"y_{part}"]) for part in ("train", "test")]
    return tuple(((x[..., None] / 255).astype("float32"), y.astype("int64")) for x, y in pairs)


def clock(epoch: Callable[[int], Any], epochs: int) -> list[float]:
    """Seconds of each epoch; ``epoch`` waits for the device at its end."""
    taken = []
    for number in range(epochs):
        begin = time.perf_counter()
        epoch(number)
        taken.append(time.perf_counter() - begin)
    return taken


def report(engine: str, precision: str, seconds: list[float], **more: Any) -> None:
    """One line that benchmarks/gpu.py reads."""
    line = {"engine": engine, "precision": precision, "seconds": seconds, **more}
    print("RESULT " + json.dumps(line), flush=True)
