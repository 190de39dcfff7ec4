"""The number of threads changes no bit: sums are formed in the same order."""

import numpy as np
import pytest

from tests.conftest import load_backend
from tests.helpers import Case, context
from tests.ops.cases import FUSED

PADS = ((1, 0), (0, 2))

#: op -> (shape of x, shape of w, the remaining arguments)
CALLS = {
    "conv2d first layer": ("conv2d", (20, 28, 27, 1), (3, 3, 1, 32), ((1, 1), PADS, (1, 1), 1)),
    "conv2d second layer": ("conv2d", (7, 13, 12, 24), (3, 2, 24, 40), ((1, 1), PADS, (1, 1), 1)),
    "conv2d 3 x 3": ("conv2d", (37, 13, 11, 24), (3, 3, 24, 40), ((1, 1), PADS, (1, 1), 1)),
    "conv2d 2 x 2": ("conv2d", (37, 13, 11, 24), (2, 2, 24, 40), ((1, 1), PADS, (1, 1), 1)),
    "conv2d strided": ("conv2d", (9, 21, 20, 5), (4, 3, 5, 19), ((2, 3), PADS, (1, 1), 1)),
    "conv2d dilated": ("conv2d", (9, 21, 20, 5), (3, 3, 5, 19), ((1, 1), PADS, (2, 2), 1)),
    "conv2d grouped": ("conv2d", (9, 21, 20, 8), (3, 3, 4, 18), ((1, 1), PADS, (1, 1), 2)),
    "conv2d one image": ("conv2d", (1, 60, 61, 16), (3, 3, 16, 24), ((1, 1), PADS, (1, 1), 1)),
    "conv2d many images": ("conv2d", (39, 13, 11, 16), (3, 3, 16, 18), ((1, 1), PADS, (1, 1), 1)),
    "dense": ("dense", (65, 400), (400, 129), ()),
    "maxpool2d": ("maxpool2d", (20, 26, 25, 32), None, ((3, 3), (2, 2), PADS)),
    "conv2d_relu": ("conv2d_relu", (9, 25, 24, 3), (3, 3, 3, 32), ((1, 1), PADS)),
    "conv2d_relu_maxpool2d": (
        "conv2d_relu_maxpool2d", (9, 27, 26, 3), (3, 3, 3, 32), ((1, 1), PADS, (2, 2), (2, 2)),
    ),
    "dense_relu": ("dense_relu", (65, 400), (400, 129), ()),
    "dense_relu_dropout": ("dense_relu_dropout", (65, 400), (400, 129), (0.5, 7)),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_one_thread_or_two(name, rng, monkeypatch):
    numba = pytest.importorskip("numba")
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("Numba was told to use one thread, or the machine has no more")
    ops = load_backend("numba")
    monkeypatch.setattr("minicnn.backends.numba_cpu.runtime.SMALL", 0)
    op, x, w, rest = CALLS[name]
    if not hasattr(ops, f"{op}_forward"):
        pytest.skip(f"{ops.__name__} does not fuse {op}")
    arrays = {"x": x} if w is None else {"x": x, "w": w, "b": w[-1:]}
    case = Case(op, {k: rng.standard_normal(v).astype("float32") for k, v in arrays.items()}, rest)
    threads = numba.get_num_threads()
    results = []
    try:
        for count in (1, 2):
            numba.set_num_threads(count)
            ctx = context(ops)
            ctx.forward_only = True
            results.append(case.run(ops) | {"forward only": case.forward(ops, ctx)})
    finally:
        numba.set_num_threads(threads)
    for array, value in results[0].items():
        np.testing.assert_array_equal(results[1][array], value, err_msg=f"{array} of {op}")


def test_every_fused_operation_is_tried():
    assert set(FUSED) <= set(CALLS)
