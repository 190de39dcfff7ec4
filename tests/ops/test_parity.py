"""Every operation of every backend against the textbook, in float32."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.backends import reference
from tests.ops.cases import OPERATIONS, cases, integers


@pytest.mark.parametrize("name", OPERATIONS)
@given(data=st.data())
def test_same_values_and_gradients(fast_ops, name, data):
    """rtol 1e-5 and atol 1e-6 sqrt(K), K the number of terms in a sum."""
    case = data.draw(cases(name)).astype("float32")
    expected, actual = case.run(reference), case.run(fast_ops)
    assert actual.keys() == expected.keys()
    for array, value in expected.items():
        assert actual[array].dtype == "float32"
        atol = 1e-6 * np.sqrt(number_of_terms(case, array, expected["y"]))
        np.testing.assert_allclose(
            actual[array], value, rtol=1e-5, atol=atol, err_msg=f"{array} of {case.op}"
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["conv2d", "maxpool2d", "dense"])
@given(data=st.data())
def test_same_bits_on_whole_numbers(fast_ops, name, dtype, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    case = integers(data.draw(cases(name)), rng).astype(dtype)
    dy = rng.integers(-3, 4, case.run(reference)["y"].shape).astype(dtype)
    expected, actual = case.run(reference, dy=dy), case.run(fast_ops, dy=dy)
    for array, value in expected.items():
        np.testing.assert_array_equal(actual[array], value, err_msg=f"{array} of {case.op}")


def number_of_terms(case, array, y):
    """How many products or values are added up for one entry of this array."""
    if "w" in case.arrays:
        w = case.arrays["w"]
        per_filter = y.size // w.shape[-1]
        return {"y": w.size // w.shape[-1], "x": w.size // w.shape[-2]}.get(array, per_filter)
    return 1 if case.op in ("elementwise", "relu", "dropout", "sigmoid", "tanh") else y.size
