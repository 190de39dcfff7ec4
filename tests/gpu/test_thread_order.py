"""Whatever the order in which threads and blocks run, every operation gives the same bits.

On numbers whose sums are rounded: an addition in another order would show.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import load_backend
from tests.helpers import Case, context
from tests.ops.cases import FUSED, OPERATIONS, cases
from tests.ops.test_larger import CONVOLUTIONS

ORDERS = (0, 1, 77)  # ascending, descending, shuffled


@pytest.fixture(scope="module")
def ops():
    ops = load_backend("cupy")
    import cupy

    if not getattr(cupy, "is_stand_in", False):
        pytest.skip("a real GPU chooses the order itself")
    return ops


@pytest.mark.parametrize("name", OPERATIONS | FUSED)
@settings(max_examples=4)
@given(data=st.data())
def test_same_bits(ops, name, data):
    agree(ops, data.draw(cases(name)).astype("float32"))


@pytest.mark.parametrize("name", ["many rows", "pooled, many rows", "pooled, long lines"])
def test_same_bits_of_larger_conv2d(ops, name, rng):
    op, x, w, rest = CONVOLUTIONS[name]
    shapes = {"x": x, "w": w, "b": w[-1:]}
    arrays = {name: rng.standard_normal(s).astype("float32") for name, s in shapes.items()}
    agree(ops, Case(op, arrays, rest))


def agree(ops, case):
    from tests.gpu.stand_in.device import DEVICE

    results = []
    try:
        for DEVICE.thread_order in ORDERS:
            results.append(case.run(ops, context(ops)))
    finally:
        DEVICE.thread_order = 0
    for again in results[1:]:
        for array, value in results[0].items():
            np.testing.assert_array_equal(again[array], value, err_msg=f"{array} of {case.op}")
