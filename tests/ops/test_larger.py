"""Sizes beyond the small ones of ``cases``: where a fast backend shares the work out differently.

Lines longer than a block of threads, sums over more rows than one pass takes, windows with more
entries than a byte can count. On whole numbers, so that every sum is exact in any order.
"""

import numpy as np
import pytest

from minicnn.backends import reference
from tests.helpers import Case, context
from tests.ops.test_fusion import composition

NONE = ((0, 0), (0, 0))
AROUND = ((1, 1), (0, 2))
STRIDE_1 = (1, 1)
PLAIN = (STRIDE_1, AROUND, STRIDE_1, 1)
POOL = ((2, 2), (2, 3))

#: name -> op, shape of x, shape of w, the remaining arguments
CONVOLUTIONS = {
    "long lines, few channels": ("conv2d", (2, 5, 75, 3), (3, 2, 3, 37), PLAIN),
    "dilated, few channels": (
        "conv2d", (3, 9, 15, 5), (2, 3, 5, 67), ((2, 1), AROUND, (2, 3), 1),
    ),
    "a line that sees much": ("conv2d", (1, 4, 720, 2), (3, 3, 2, 2), PLAIN),
    "many rows": ("conv2d", (1, 131, 127, 5), (2, 1, 5, 3), PLAIN),
    "single pixels": ("conv2d", (3, 9, 11, 9), (1, 1, 9, 40), (STRIDE_1, NONE, STRIDE_1, 1)),
    "every other pixel": ("conv2d", (2, 9, 11, 9), (1, 1, 9, 5), ((2, 1), NONE, STRIDE_1, 1)),
    "every other pixel, as many as there are": (
        "conv2d", (2, 3, 4, 9), (1, 1, 9, 5), ((2, 1), ((0, 2), (0, 0)), STRIDE_1, 1),
    ),
    "many channels, every other row": (
        "conv2d", (2, 9, 8, 17), (3, 3, 17, 18), ((2, 1), AROUND, STRIDE_1, 1),
    ),
    "many channels, dilated": (
        "conv2d", (2, 9, 8, 17), (3, 3, 17, 18), (STRIDE_1, AROUND, (1, 2), 1),
    ),
    "many channels, in groups": (
        "conv2d", (2, 7, 6, 32), (3, 3, 16, 34), (STRIDE_1, AROUND, STRIDE_1, 2),
    ),
    "ReLU, many rows": ("conv2d_relu", (2, 13, 37, 5), (2, 3, 5, 35), (STRIDE_1, AROUND)),
    "ReLU, long lines": ("conv2d_relu", (2, 5, 75, 3), (3, 2, 3, 37), (STRIDE_1, AROUND)),
    "pooled, long lines": (
        "conv2d_relu_maxpool2d", (2, 7, 75, 3), (3, 2, 3, 70), (STRIDE_1, AROUND, *POOL),
    ),
    "pooled, many rows": (
        "conv2d_relu_maxpool2d", (2, 31, 61, 5), (3, 2, 5, 35), (STRIDE_1, AROUND, *POOL),
    ),
    "pooled, windows of 272": (
        "conv2d_relu_maxpool2d", (2, 18, 35, 5), (2, 2, 5, 3),
        (STRIDE_1, NONE, (17, 16), (17, 17)),
    ),
    "pooled, few channels, windows of 272": (
        "conv2d_relu_maxpool2d", (2, 18, 35, 2), (2, 2, 2, 3),
        (STRIDE_1, NONE, (17, 16), (17, 17)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_conv2d(fast_ops, name, wide, rng, monkeypatch):
    """With the kernels for long vector registers, whatever this processor has, and without."""
    monkeypatch.setattr("minicnn.backends.numba_cpu.direct.WIDE", wide)
    op, x, w, rest = CONVOLUTIONS[name]
    case = Case(op, {"x": whole(rng, x), "w": whole(rng, w), "b": whole(rng, w[-1:])}, rest)
    agree(fast_ops, case, rng)


@pytest.mark.parametrize("rows", [170, 700])
@pytest.mark.parametrize("op", ["dense", "dense_relu", "dense_relu_dropout"])
def test_dense_of_many_rows(fast_ops, op, rows, rng, monkeypatch):
    """Three times 700 are so many that the rows are cut as well as the sums."""
    monkeypatch.setattr("minicnn.backends.numba_cpu.runtime.SMALL", 0)
    shapes = {"x": (3, rows, 12), "w": (12, 41), "b": (41,)}
    arrays = {name: whole(rng, shape) for name, shape in shapes.items()}
    agree(fast_ops, Case(op, arrays, (0.5, 11) if op.endswith("dropout") else ()), rng)


def test_maxpool_of_windows_that_no_byte_counts(fast_ops, rng):
    shape = (2, 19, 35, 3)
    x = rng.permutation(np.arange(np.prod(shape))).reshape(shape).astype("float32")
    agree(fast_ops, Case("maxpool2d", {"x": x}, ((17, 16), (2, 9), ((0, 0), (1, 3)))), rng)


def agree(ops, case, rng):
    """The same bits as the textbook's simple operations, one after the other."""
    simple = hasattr(reference, f"{case.op}_forward")
    y = case.forward(ops, context(ops))
    dy = whole(rng, y.shape)
    expected = case.run(reference, dy=dy) if simple else composition(reference, case, True, dy)
    for need_dx in (True, False):
        ctx = context(ops)
        ctx.need_dx = need_dx
        for array, value in case.run(ops, ctx, dy=dy).items():
            np.testing.assert_array_equal(value, expected[array], err_msg=array)
    ctx = context(ops)
    ctx.forward_only = True
    np.testing.assert_array_equal(case.forward(ops, ctx), expected["y"])


def whole(rng, shape):
    return rng.integers(-3, 4, shape).astype("float32")
