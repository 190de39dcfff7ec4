"""minicnn on the GPU: seconds an epoch, MNIST to 99 %, and how far it is from the CPU."""

import random
import time
from typing import Any

import gpu_common
import numpy as np
import programs

import minicnn
from minicnn import callbacks, config


def build(program: programs.Program, backend: str = "cupy") -> Any:
    config.set_backend(backend)
    random.seed(0)
    model = programs.build(minicnn, program)
    model.shuffle_seed = 0
    return model


def targets(program: programs.Program, labels: np.ndarray) -> np.ndarray:
    return np.eye(10, dtype="float32")[labels] if program.one_hot else labels


def epochs(program: programs.Program, args: Any, precision: str) -> None:
    x, y = gpu_common.data(program, args.samples)
    config.set_precision(precision)
    model = build(program)
    marks: list[float] = []
    mark = callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: marks.append(time.perf_counter()),
        on_train_end=lambda logs: marks.append(time.perf_counter()),
    )
    model.fit(
        x, targets(program, y), batch_size=program.batch_size, epochs=args.epochs, verbose=0,
        callbacks=[mark],
    )  # fmt: skip
    gpu_common.report("minicnn", precision, np.diff(marks).tolist())


def to_99_percent(precision: str, most: int = 20) -> None:
    """From the first call of fit, with data and kernels at hand, until 99 % of the test images."""
    found = gpu_common.mnist()
    if found is None:
        print("note: MINICNN_DATA has no mnist.npz: the time to 99 % is not measured")
        return
    (x, y), (x_test, y_test) = found
    program = programs.PROGRAMS["mnist_two_conv"]
    config.set_precision(precision)
    build(program).fit(x[:1000], targets(program, y[:1000]), batch_size=128, epochs=2, verbose=0)
    model = build(program)
    begin, accuracy, done = time.perf_counter(), 0.0, 0
    while accuracy < 0.99 and done < most:
        model.fit(x, targets(program, y), batch_size=128, epochs=1, verbose=0)
        accuracy = model.evaluate(x_test, targets(program, y_test), batch_size=2000, verbose=0)[1]
        done += 1
    seconds = time.perf_counter() - begin
    gpu_common.report(
        "minicnn: MNIST to 99 %", precision, [seconds], epochs=done, accuracy=accuracy
    )


def beside_the_cpu(steps: int = 100) -> None:
    """Largest difference of the losses of the first steps, same seed, GPU and CPU."""
    program = programs.PROGRAMS["mnist_two_conv"]
    x, y = gpu_common.mnist()[0] if gpu_common.mnist() else gpu_common.data(program, 12_800)
    config.set_precision("float32")
    losses = []
    for backend in ("cupy", "numba"):
        model = build(program, backend)
        part = [slice(i * 128, (i + 1) * 128) for i in range(steps)]
        losses.append([model.train_on_batch(x[p], targets(program, y[p]))[0] for p in part])
    difference = float(np.abs(np.subtract(*losses)).max())
    gpu_common.report("minicnn: GPU beside CPU", "float32", [], loss_difference=difference)


def main() -> None:
    args = gpu_common.arguments(__doc__)
    program = programs.PROGRAMS[args.program]
    for precision in ("float32", "tf32"):
        epochs(program, args, precision)
    if args.program == "mnist_two_conv":
        for precision in ("float32", "tf32"):
            to_99_percent(precision)
        beside_the_cpu()


if __name__ == "__main__":
    main()
