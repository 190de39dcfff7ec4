"""On the fast CPU backend a warm step makes no new arrays: all large results reuse memory."""

import tracemalloc

import numpy as np
import pytest

from minicnn import backends
from tests.helpers import context

N = 64
LABELS = np.arange(N) % 10
PADS = ((1, 0), (0, 1))
W_CONV, W_DENSE = np.ones((3, 3, 4, 8), "float32"), np.ones((3000, 10), "float32")
IMAGES = np.ones((N, 15, 16, 4), "float32")  # 245 kB
ROWS = np.ones((N, 3000), "float32")  # 768 kB

#: op -> (x, w, the remaining arguments)
CALLS = {
    "conv2d": (IMAGES, W_CONV, ((1, 1), PADS, (1, 1), 1)),
    "maxpool2d": (IMAGES, None, ((2, 2), (2, 2), PADS)),
    "dense": (ROWS, W_DENSE, ()),
    "relu": (ROWS, None, (0.1, None, 0.0)),
    "sigmoid": (ROWS, None, ()),
    "tanh": (ROWS, None, ()),
    "softmax": (ROWS, None, (-1,)),
    "log_softmax": (ROWS, None, (-1,)),
    "elementwise": (ROWS, None, ("gelu", 1.0)),
    "dropout": (ROWS, None, (0.5, 3, None)),
    "softmax_crossentropy": (ROWS, None, (ROWS, 0.1)),
    "sparse_softmax_crossentropy": (ROWS, None, (LABELS, None)),
    "conv2d_relu": (IMAGES, W_CONV, ((1, 1), PADS)),
    "conv2d_relu_maxpool2d": (IMAGES, W_CONV, ((1, 1), PADS, (2, 2), (2, 2))),
    "dense_relu": (ROWS, W_DENSE, ()),
    "dense_relu_dropout": (ROWS, W_DENSE, (0.5, 3)),
}


@pytest.mark.parametrize("op", CALLS)
def test_a_warm_step_makes_no_arrays(op):
    ops = backends.get("numba")
    if not hasattr(ops, f"{op}_forward"):
        pytest.skip(f"{ops.__name__} does not fuse {op}")
    forward, backward = getattr(ops, f"{op}_forward"), getattr(ops, f"{op}_backward")
    x, w, rest = CALLS[op]
    ctx = context(ops)
    b = None if w is None else np.zeros(w.shape[-1], w.dtype)
    weights = () if w is None else (w, b)
    gradients = () if w is None else (w, np.empty_like(w), np.empty_like(b))

    def step(dy=None):
        y = forward(ctx, x, *weights, *rest)
        y = y[0] if isinstance(y, tuple) else y
        if dy is not None:
            backward(ctx, dy, *gradients)
        return y

    dy = np.ones_like(step())
    step(dy)
    tracemalloc.start()
    step(dy)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32_000, f"{op} made arrays of {peak:,} bytes; x has {x.nbytes:,}"
