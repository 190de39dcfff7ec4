"""A convolutional network for MNIST and its training, written out in 150 lines.

    python -m minicnn.textbook

There are no layer objects here and no engine: only the operations of ``backends/reference``, plain
NumPy functions, called one by one. To see inside one, read on there: conv.py, pooling.py, dense.py,
losses.py, optimizers.py. On that backend, from the same first weights and in the same order of
images, ``Sequential.fit`` makes the same calls and ends with the same weights, bit for bit.

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

ops: Backend = reference  # a module of functions; the other backends compute faster
FILTERS, WINDOW, POOL, UNITS, CLASSES = 16, 5, 2, 128, 10
POOLED = (28 - WINDOW + 1) // POOL  # height and width after the pooling: 12
NO_PADS = ((0, 0), (0, 0))
EPOCHS, BATCH, LEARNING_RATE = 2, 32, 0.001
ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}

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
    names = ("conv", "relu1", "pool", "dense", "relu2", "out", "loss", "mean")
    ctx = {name: Context(ops) for name in names}
    ctx["conv"].need_dx = False
    return ctx


def relu(ctx: Context, x: np.ndarray) -> np.ndarray:
    """max(x, 0), of any shape."""
    return ops.relu_forward(ctx, x, negative_slope=0.0, max_value=None, threshold=0.0)


def forward(ctx: Contexts, w: Weights, x: np.ndarray) -> np.ndarray:
    """Scores of the ten digits. x (N, 28, 28, 1)  ->  logits (N, 10)."""
    y = ops.conv2d_forward(
        ctx["conv"], x, w["w1"], w["b1"], strides=(1, 1), pads=NO_PADS, dilation=(1, 1), groups=1
    )  # (N, 24, 24, 16)
    y = relu(ctx["relu1"], y)  # (N, 24, 24, 16)
    y = ops.maxpool2d_forward(ctx["pool"], y, (POOL, POOL), strides=(POOL, POOL), pads=NO_PADS)
    y = y.reshape(len(x), -1)  # (N, 12, 12, 16)  ->  (N, 2304)
    y = ops.dense_forward(ctx["dense"], y, w["w2"], w["b2"])  # (N, 128)
    y = relu(ctx["relu2"], y)  # (N, 128)
    return ops.dense_forward(ctx["out"], y, w["w3"], w["b3"])  # (N, 10)


def mean_loss(ctx: Contexts, logits: np.ndarray, y: np.ndarray) -> float:
    """Cross-entropy of softmax(logits) (N, 10) with the labels y (N,), averaged over the images."""
    losses, _ = ops.sparse_softmax_crossentropy_forward(ctx["loss"], logits, y, ignore_class=None)
    mean = ops.weighted_sum_forward(ctx["mean"], losses, None, scale=1 / len(y))  # (N,) -> (1,)
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
    dy = ops.relu_backward(ctx["relu1"], dy)  # (N, 24, 24, 16)
    ops.conv2d_backward(ctx["conv"], dy, w["w1"], g["w1"], g["b1"])


def train(w: Weights, x: np.ndarray, y: np.ndarray, seed: int, epochs: int = EPOCHS) -> list[float]:
    """Adam on shuffled batches of x (M, 28, 28, 1), y (M,); changes w, returns epoch losses."""
    ctx, epoch_losses = new_contexts(), []
    # gradients, and Adam's running means of them and of their squares, each shaped as its weight
    g, m, v = ({name: np.zeros_like(value) for name, value in w.items()} for _ in range(3))
    updates, rate = np.zeros(1, np.int64), np.full(1, LEARNING_RATE, np.float32)  # (1,) each
    for epoch in range(epochs):
        order = np.arange(len(x))  # (M,)
        np.random.default_rng([seed, int(updates[0])]).shuffle(order)
        total, begin = 0.0, time.perf_counter()
        for start in range(0, len(x), BATCH):
            rows = order[start : start + BATCH]  # (N,)
            logits = forward(ctx, w, x[rows])  # (N, 10)
            total += mean_loss(ctx, logits, y[rows]) * len(rows)
            backward(ctx, w, g)
            for name in w:
                ops.adam_step(w[name], g[name], m[name], v[name], updates, rate, **ADAM)
            updates += 1
            seen = start + len(rows)
            if start // BATCH % 100 == 99 or seen == len(x):
                seconds, loss = time.perf_counter() - begin, total / seen
                print(
                    f"epoch {epoch + 1}: {seen:6,} images, {seconds:3.0f} s, mean loss {loss:.4f}"
                )
        epoch_losses.append(total / len(x))
    return epoch_losses


def accuracy(w: Weights, x: np.ndarray, y: np.ndarray) -> float:
    """Share of the images x (M, 28, 28, 1) whose highest score is that of their label, y (M,)."""
    ctx, batches = new_contexts(), range(0, len(x), 500)
    scores = [forward(ctx, w, x[start : start + 500]) for start in batches]  # (500, 10) each
    return float((np.concatenate(scores).argmax(axis=1) == y).mean())


def main() -> None:
    """Train on MNIST, or on drawn digits where it cannot be had, and print the test accuracy."""
    try:
        (x_train, y_train), (x_test, y_test) = mnist.load_data()
    except DownloadError as error:
        print(f"MNIST cannot be had, so digits are drawn instead: {error}", file=sys.stderr)
        (x_train, y_train), (x_test, y_test) = rendered_digits.load_data()
    x_train, x_test = (x[..., None].astype(np.float32) / 255 for x in (x_train, x_test))
    w = new_weights(np.random.default_rng(0))
    print(f"{sum(value.size for value in w.values()):,} weights, {len(x_train):,} images")
    train(w, x_train, y_train.astype(np.int64), seed=0)
    print(f"test accuracy {accuracy(w, x_test, y_test):.2%}")


if __name__ == "__main__":
    main()
