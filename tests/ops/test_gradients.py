"""Every backward against its own forward: <v, J u> = <J^T v, u> in float64, to 1e-7.

The errors as a table: ``python benchmarks/gradient_errors.py``.
"""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.helpers import gradient_error
from tests.ops.cases import FUSED, OPERATIONS, cases, kink_distance

TOLERANCE = 1e-7


@pytest.mark.parametrize("name", OPERATIONS)
@given(data=st.data())
def test_gradient(ops, name, data):
    check(ops, data.draw(cases(name)), data)


@pytest.mark.parametrize("name", FUSED)
@given(data=st.data())
def test_fused_gradient(ops, name, data):
    if not hasattr(ops, f"{name}_forward"):
        pytest.skip(f"{ops.__name__} does not fuse {name}")
    case = data.draw(cases(name))
    # Here the kinks lie where the inner results cross 0 or tie. Between them the function is
    # linear, so a tiny step costs no accuracy and rarely meets one.
    assume(kink_distance(case) > 3e-4)
    check(ops, case, data, h=1e-6)


def check(ops, case, data, h=1e-4):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    for array in [name for name, value in case.arrays.items() if value is not None]:
        error = gradient_error(ops, case, array, rng, h)
        assert error < TOLERANCE, f"d{array} of {case.op} is off by {error:.1e}"
