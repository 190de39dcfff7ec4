"""Every backward against its own forward: <v, J u> = <J^T v, u> in float64, to 1e-7.

The slopes are those of ``minicnn.gradcheck``; ``directional_errors`` there has the formula.
The errors as a table: ``python benchmarks/gradient_errors.py``.
"""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.helpers import gradient_errors
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
    # Here the kinks lie where the inner results cross 0 or tie.
    assume(kink_distance(case) > 3e-4)
    check(ops, case, data)


def check(ops, case, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    for array, error in gradient_errors(ops, case, rng).items():
        assert error < TOLERANCE, f"d{array} of {case.op} is off by {error:.1e}"
