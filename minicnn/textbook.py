"""A convolutional network for MNIST, trained by hand: the whole of it on a page or two.

    python -m minicnn.textbook

There is no layer here, no plan and no engine: only the operations of ``backends/reference``, which
are plain NumPy, called one by one. ``Sequential.fit`` calls the same operations in the same order,
and ends with the same weights, bit for bit. To see inside an operation, read on in
``backends/reference``: conv.py, pooling.py, dense.py, losses.py, optimizers.py.

Words: x goes in and y comes out; dx, dy, dw, db are the gradients of the loss with respect to them.
Each operation has a context, in which its forward call keeps what its backward call needs.
"""

import sys
import time

import numpy as np

from minicnn.backends import reference
from minicnn.backends.context import Context
from minicnn.backends.spec import Backend
from minicnn.datasets import DownloadError, mnist, rendered_digits

ops: Backend = reference
FILTERS, WINDOW, POOL, UNITS, CLASSES = 16, 5, 2, 128, 10
POOLED = (28 - WINDOW + 1) // POOL  # height and width after the pooling: 12
EPOCHS, BATCH, LEARNING_RATE = 2, 32, 0.001

Weights = dict[str, np.ndarray]
Contexts = dict[str, Context]


def new_weights(rng: np.random.Generator) -> Weights:
    """Kernels drawn by Glorot and Bengio's rule (2010), biases zero; all float32."""

    def kernel(*shape: int, fan_in: int, fan_out: int) -> np.ndarray:
        limit = np.sqrt(6 / (fan_in + fan_out))
        return rng.uniform(-limit, limit, shape).astype(np.float32)

    area, flat = WINDOW * WINDOW, POOLED * POOLED * FILTERS
    return {
        "w1": kernel(WINDOW, WINDOW, 1, FILTERS, fan_in=area, fan_out=area * FILTERS),
        "b1": np.zeros(FILTERS, np.float32),
        "w2": kernel(flat, UNITS, fan_in=flat, fan_out=UNITS),
        "b2": np.zeros(UNITS, np.float32),
        "w3": kernel(UNITS, CLASSES, fan_in=UNITS, fan_out=CLASSES),
        "b3": np.zeros(CLASSES, np.float32),
    }


def new_contexts() -> Contexts:
    """A context for each operation; nobody needs the gradient of the images."""
    ctx = {name: Context(ops) for name in ("conv", "relu", "pool", "dense", "relu2", "out", "loss")}
    ctx["mean"] = Context(ops)
    ctx["conv"].need_dx = False
    return ctx


def forward(ctx: Contexts, w: Weights, x: np.ndarray) -> np.ndarray:
    """Scores of the ten digits. x (N, 28, 28, 1)  ->  logits (N, 10)."""
    no_pads = ((0, 0), (0, 0))
    y = ops.conv2d_forward(ctx["conv"], x, w["w1"], w["b1"], (1, 1), no_pads, (1, 1), 1)
    y = ops.relu_forward(ctx["relu"], y, 0.0, None, 0.0)  # (N, 24, 24, 16)
    y = ops.maxpool2d_forward(ctx["pool"], y, (POOL, POOL), (POOL, POOL), no_pads)
    y = y.reshape(len(x), -1)  # (N, 12, 12, 16)  ->  (N, 2304)
    y = ops.dense_forward(ctx["dense"], y, w["w2"], w["b2"])  # (N, 128)
    y = ops.relu_forward(ctx["relu2"], y, 0.0, None, 0.0)  # (N, 128)
    return ops.dense_forward(ctx["out"], y, w["w3"], w["b3"])  # (N, 10)


def mean_loss(ctx: Contexts, logits: np.ndarray, labels: np.ndarray) -> float:
    """Cross-entropy of softmax(logits) (N, 10) with labels (N,), averaged over the images."""
    losses, _ = ops.sparse_softmax_crossentropy_forward(ctx["loss"], logits, labels, None)  # (N,)
    mean = ops.weighted_sum_forward(ctx["mean"], losses, None, 1 / len(labels))  # (1,)
    return float(mean[0])


def backward(ctx: Contexts, w: Weights, g: Weights) -> None:
    """The gradient of the mean loss with respect to every weight, into ``g``: forward reversed."""
    dlosses = ops.weighted_sum_backward(ctx["mean"])  # (N,), 1/N each
    dy = ops.sparse_softmax_crossentropy_backward(ctx["loss"], dlosses)  # (N, 10), (p - onehot)/N
    dy = ops.dense_backward(ctx["out"], dy, w["w3"], g["w3"], g["b3"])  # (N, 128)
    dy = ops.relu_backward(ctx["relu2"], dy)  # (N, 128)
    dy = ops.dense_backward(ctx["dense"], dy, w["w2"], g["w2"], g["b2"])  # (N, 2304)
    dy = dy.reshape(len(dy), POOLED, POOLED, FILTERS)  # (N, 12, 12, 16)
    dy = ops.maxpool2d_backward(ctx["pool"], dy)  # (N, 24, 24, 16)
    dy = ops.relu_backward(ctx["relu"], dy)  # (N, 24, 24, 16)
    ops.conv2d_backward(ctx["conv"], dy, w["w1"], g["w1"], g["b1"])


def train(w: Weights, x: np.ndarray, y: np.ndarray, seed: int, epochs: int = EPOCHS) -> list[float]:
    """Adam on shuffled batches. x (M, 28, 28, 1) float32, y (M,) int64; changes ``w``.

    Returns the mean loss of each epoch.
    """
    ctx = new_contexts()
    g = {name: np.zeros_like(value) for name, value in w.items()}  # gradients
    m = {name: np.zeros_like(value) for name, value in w.items()}  # their running means
    v = {name: np.zeros_like(value) for name, value in w.items()}  # those of their squares
    updates = np.zeros(1, np.int64)
    rate = np.full(1, LEARNING_RATE, np.float32)
    means = []
    for epoch in range(epochs):
        order = np.arange(len(x))  # (M,)
        np.random.default_rng([seed, int(updates[0])]).shuffle(order)
        total, start_time = 0.0, time.perf_counter()
        for start in range(0, len(x), BATCH):
            rows = order[start : start + BATCH]  # (N,)
            logits = forward(ctx, w, x[rows])  # (N, 10)
            total += mean_loss(ctx, logits, y[rows]) * len(rows)
            backward(ctx, w, g)
            for name in w:
                ops.adam_step(
                    w[name], g[name], m[name], v[name], updates, rate, 0.9, 0.999, 1e-7
                )  # fmt: skip
            updates += 1
            if start // BATCH % 250 == 249 or start + BATCH >= len(x):
                seen = start + len(rows)
                print(
                    f"epoch {epoch + 1}: {seen:6,} images, {time.perf_counter() - start_time:3.0f} "
                    f"s, loss {total / seen:.4f}"
                )
        means.append(total / len(x))
    return means


def accuracy(w: Weights, x: np.ndarray, y: np.ndarray) -> float:
    """Share of the images x (M, 28, 28, 1) whose highest score is that of their label, y (M,)."""
    ctx, right = new_contexts(), 0
    for start in range(0, len(x), 500):
        batch = slice(start, start + 500)
        right += int((forward(ctx, w, x[batch]).argmax(axis=1) == y[batch]).sum())
    return right / len(x)


def main() -> None:
    """Train on MNIST, or on drawn digits where it cannot be had, and print the test accuracy."""
    try:
        (x_train, y_train), (x_test, y_test) = mnist.load_data()
    except DownloadError as error:
        print(f"MNIST cannot be had, so digits are drawn instead: {error}", file=sys.stderr)
        (x_train, y_train), (x_test, y_test) = rendered_digits.load_data()
    x_train, x_test = (x[..., None].astype(np.float32) / 255 for x in (x_train, x_test))
    w = new_weights(np.random.default_rng(0))
    train(w, x_train, y_train.astype(np.int64), seed=0)
    print(f"test accuracy {accuracy(w, x_test, y_test):.2%}")


if __name__ == "__main__":
    main()
