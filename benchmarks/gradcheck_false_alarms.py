"""How often the gradient checker calls a right layer wrong: random layers, shapes and inputs.

    python benchmarks/gradcheck_false_alarms.py --count 10000 --seed 2024

Every configuration is drawn from one seed: the layer and its arguments, the input's shape, and the
kind of input (random, integers full of ties and zeros, all zeros, all equal, tiny, large). Prints
each alarm with what reproduces it, and the count. The exit code is 0 when there was none.
"""

import argparse
import os
import sys
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from minicnn import layers, losses
from minicnn.gradcheck import GradientCheckError, check_gradients

ELEMENTWISE = (
    "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "softsign", "sigmoid", "tanh",
    "exponential", "mish", "relu6", "celu", "hard_sigmoid", "hard_silu", "softmax", "log_softmax",
)  # fmt: skip


def image(rng, smallest=1):
    return (
        int(rng.integers(1, 4)), int(rng.integers(smallest, 9)), int(rng.integers(smallest, 9)),
        int(rng.integers(1, 5)),
    )  # fmt: skip


def conv(rng):
    size = tuple(int(k) for k in rng.integers(1, 4, 2))
    params = {
        "filters": int(rng.integers(1, 5)), "kernel_size": size,
        "strides": tuple(int(s) for s in rng.integers(1, 4, 2)),
        "padding": str(rng.choice(["same", "valid"])), "use_bias": bool(rng.integers(0, 2)),
        "activation": rng.choice([None, "relu", "tanh", "sigmoid"]),
    }  # fmt: skip
    return layers.Conv2D, image(rng, 3), params


def pool(rng):
    params = {
        "pool_size": tuple(int(k) for k in rng.integers(1, 4, 2)),
        "strides": rng.choice([None, 1, 2, 3]), "padding": str(rng.choice(["same", "valid"])),
    }  # fmt: skip
    return layers.MaxPooling2D, image(rng, 3), params


def dense(rng):
    shape = tuple(int(n) for n in rng.integers(1, 7, rng.integers(2, 4)))
    params = {
        "units": int(rng.integers(2, 6)), "use_bias": bool(rng.integers(0, 2)),
        "activation": rng.choice([None, "relu", "softmax", "tanh"]),
    }  # fmt: skip
    return layers.Dense, shape, params


def relu(rng):
    shape = tuple(int(n) for n in rng.integers(1, 6, rng.integers(2, 5)))
    params = {
        "negative_slope": float(rng.choice([0.0, 0.1, 0.3])),
        "max_value": rng.choice([None, 1.0, 6.0]), "threshold": float(rng.choice([0.0, 0.0, 0.5])),
    }  # fmt: skip
    return layers.ReLU, shape, params


def activation(rng):
    shape = tuple(int(n) for n in rng.integers(2, 6, rng.integers(2, 5)))
    return layers.Activation, shape, {"activation": str(rng.choice(ELEMENTWISE))}


def dropout(rng):
    shape = tuple(int(n) for n in rng.integers(1, 6, rng.integers(2, 5)))
    return (
        layers.Dropout,
        shape,
        {"rate": float(rng.choice([0.0, 0.2, 0.5, 0.9])), "seed": int(rng.integers(99))},
    )


def softmax(rng):
    shape = tuple(int(n) for n in rng.integers(2, 6, rng.integers(2, 4)))
    return layers.Softmax, shape, {"axis": int(rng.integers(1, len(shape)))}


def flatten(rng):
    return layers.Flatten, image(rng), {}


def loss(rng):
    kinds = (
        losses.MeanSquaredError, losses.CategoricalCrossentropy, losses.BinaryCrossentropy,
        losses.SparseCategoricalCrossentropy,
    )  # fmt: skip
    kind = kinds[rng.integers(len(kinds))]
    params = {} if kind is losses.MeanSquaredError else {"from_logits": True}
    return kind, (int(rng.integers(1, 7)), int(rng.integers(2, 7))), params


def average(rng):
    params = {
        "pool_size": tuple(int(k) for k in rng.integers(1, 4, 2)),
        "strides": rng.choice([None, 1, 2]), "padding": str(rng.choice(["same", "valid"])),
    }  # fmt: skip
    return layers.AveragePooling2D, image(rng, 3), params


def whole_image(rng):
    kind = (layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D)[rng.integers(2)]
    return kind, image(rng), {}


def batch_normalization(rng):
    n, h, w, c = image(rng, 2)
    return layers.BatchNormalization, ((n + 2, c) if rng.integers(2) else (n + 1, h, w, c)), {}


MAKERS = (
    average,
    whole_image,
    batch_normalization,
    conv,
    conv,
    pool,
    pool,
    dense,
    relu,
    activation,
    activation,
    dropout,
    softmax,
    flatten,
    loss,
)


def fill(rng, shape):
    """An input of some kind."""
    kind = rng.integers(7)
    if kind <= 1:
        return shape
    if kind == 2:
        return rng.integers(-2, 3, shape)
    if kind == 3:
        return np.zeros(shape)
    if kind == 4:
        return np.full(shape, float(rng.choice([-1.0, 0.5, 1.0])))
    if kind == 5:
        return rng.standard_normal(shape) * float(rng.choice([1e-3, 1.0, 30.0]))
    return np.maximum(rng.standard_normal(shape), 0).astype("float32")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="configurations")
    parser.add_argument("--seed", type=int, default=2024)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    alarms = refused = 0
    start = time.perf_counter()
    for i in range(args.count):
        rng = np.random.default_rng((args.seed, i))
        target, shape, params = MAKERS[rng.integers(len(MAKERS))](rng)
        params = {k: v.item() if isinstance(v, np.generic) else v for k, v in params.items()}
        x = fill(rng, shape)
        try:
            report = check_gradients(target, x, params=params, seed=i)
        except GradientCheckError as error:
            refused += 1
            if "does not fit" not in str(error) and "at least" not in str(error):
                print(f"{i}: {target.__name__} {params} {shape}: refused: {error}", flush=True)
            continue
        if not report.ok:
            alarms += 1
            kind = "shape" if isinstance(x, tuple) else f"x in [{np.min(x)}, {np.max(x)}]"
            print(f"{i}: {target.__name__} {params} {shape} {kind}\n{report}", flush=True)
    checked = args.count - refused
    print(
        f"{checked} right configurations checked (seed {args.seed}), {alarms} false alarms; "
        f"{refused} did not fit together; {time.perf_counter() - start:.0f} s"
    )
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main())
