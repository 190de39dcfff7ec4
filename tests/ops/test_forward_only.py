"""Where no backward call follows, a backend may convolve in another way: what it must keep."""

import numpy as np
import pytest

from minicnn.backends import reference
from tests.helpers import Case, context
from tests.ops.cases import FUSED, unfuse

NONE = ((0, 0), (0, 0))

#: name -> op, shape of x, of w, the remaining arguments; so many images and channels that it pays
CASES = {
    "3 x 3": ("conv2d", (17, 13, 10, 19), (3, 3, 19, 37), ((1, 1), NONE, (1, 1), 1)),
    "3 x 3, cut patches": (
        "conv2d", (18, 12, 17, 16), (3, 3, 16, 21), ((1, 1), ((1, 0), (2, 2)), (1, 1), 1),
    ),
    "2 x 2": ("conv2d", (19, 11, 6, 33), (2, 2, 33, 17), ((1, 1), NONE, (1, 1), 1)),
    "2 x 2, ReLU": ("conv2d_relu", (17, 14, 13, 18), (2, 2, 18, 20), ((1, 1), ((0, 1), (1, 1)))),
    "3 x 3, ReLU": ("conv2d_relu", (47, 6, 9, 16), (3, 3, 16, 16), ((1, 1), NONE)),
    "3 x 3, pooled": (
        "conv2d_relu_maxpool2d", (21, 15, 11, 32), (3, 3, 32, 18),
        ((1, 1), NONE, (2, 2), (2, 2)),
    ),
    "2 x 2, pooled": (
        "conv2d_relu_maxpool2d", (16, 14, 14, 20), (2, 2, 20, 35),
        ((1, 1), ((0, 1), (0, 1)), (3, 2), (2, 3)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("dtype", "rounding"), [("float32", 3e-5), ("float64", 1e-13)])
def test_the_textbook_s_values(fast_ops, name, dtype, rounding, rng):
    case = case_of(name, fast_ops, rng)
    expected = textbook(case)
    actual = case.astype(dtype).forward(fast_ops, forward_only(fast_ops))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=rounding * np.abs(expected).max())


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("array", ["x", "w", "b"])
@pytest.mark.parametrize("name", ["3 x 3", "2 x 2", "3 x 3, ReLU", "2 x 2, pooled"])
def test_what_is_not_finite_stays_where_it_is(fast_ops, name, array, odd, rng):
    case = case_of(name, fast_ops, rng).astype("float32")
    flat = case.arrays[array].ravel()
    for at in [0, -1, *rng.integers(flat.size, size=12 if array == "x" else 2)]:
        changed = flat.copy()
        changed[at] = odd
        case.arrays[array] = changed.reshape(case.arrays[array].shape)
        with np.errstate(all="ignore"):
            expected = case.forward(fast_ops, context(fast_ops, training=False))
            actual = case.forward(fast_ops, forward_only(fast_ops))
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-3)


def test_numbers_that_only_the_transforms_take_too_far(fast_ops, rng):
    case = case_of("3 x 3", fast_ops, rng)
    case.arrays["x"] = np.abs(case.arrays["x"]) * 1e37
    case.arrays["w"] *= 1e-3
    case = case.astype("float32")
    expected = textbook(case)
    assert np.isfinite(expected).all()
    actual = case.forward(fast_ops, forward_only(fast_ops))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=3e-5 * np.abs(expected).max())


def case_of(name, ops, rng):
    op, x, w, rest = CASES[name]
    if not hasattr(ops, f"{op}_forward"):
        pytest.skip(f"{ops.__name__} does not fuse {op}")
    arrays = {"x": rng.standard_normal(x), "w": rng.standard_normal(w)}
    return Case(op, {**arrays, "b": rng.standard_normal(w[-1])}, rest)


def textbook(case):
    """y of the simple operations one after the other, in float64."""
    arrays = case.astype("float64").arrays
    for op, rest in unfuse(case) if case.op in FUSED else [(case.op, case.rest)]:
        y = Case(op, arrays, rest).forward(reference, context(reference))
        arrays = {"x": y}
    return y


@pytest.mark.parametrize("name", CASES)
def test_the_cases_are_what_they_are_for(name):
    """Should it not pay any more for one of them, these tests would test nothing."""
    winograd_6x6 = pytest.importorskip("minicnn.backends.numba_cpu.winograd_6x6")
    _, x, w, (strides, pads, *others) = CASES[name]
    pool = (*others[0], *others[1]) if name.endswith("pooled") else (0, 0, 0, 0)
    ctx = forward_only(reference)
    assert winograd_6x6.applies(ctx, np.empty(x), np.empty(w), strides, pads, (1, 1), 1, pool)


def forward_only(ops):
    ctx = context(ops, training=False)
    ctx.forward_only = True
    return ctx
