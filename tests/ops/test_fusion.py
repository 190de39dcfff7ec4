"""A fused operation is the composition of the simple ones that its name lists."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.helpers import Case, context
from tests.ops.cases import FUSED, cases, integers, kink_distance, unfuse

SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUSED)
@given(data=st.data())
def test_same_bits_on_whole_numbers(fast_ops, name, dtype, data):
    """Sums are exact here, ties in a window and exact zeros before the ReLU are common."""
    skip_unless_fused(fast_ops, name)
    rng = np.random.default_rng(data.draw(SEEDS))
    case = integers(data.draw(cases(name)), rng).astype(dtype)
    training = data.draw(st.booleans())
    dy = rng.integers(-3, 4, output_shape(fast_ops, case)).astype(dtype)
    actual = case.run(fast_ops, context(fast_ops, training), dy)
    for array, value in composition(fast_ops, case, training, dy).items():
        np.testing.assert_array_equal(actual[array], value, err_msg=f"{array} of {name}")


@pytest.mark.parametrize("name", FUSED)
@given(data=st.data())
def test_the_same_output_where_no_backward_call_follows(fast_ops, name, data):
    skip_unless_fused(fast_ops, name)
    case, rng = data.draw(cases(name)), np.random.default_rng(data.draw(SEEDS))
    odd = data.draw(st.sampled_from([0.0, -0.0, np.nan, np.inf, -np.inf]))
    case.arrays["x"].flat[rng.integers(case.arrays["x"].size)] = odd
    ctx = context(fast_ops, training=False)
    expected = case.forward(fast_ops, ctx).copy()
    ctx.forward_only = True
    np.testing.assert_array_equal(case.forward(fast_ops, ctx), expected)


@pytest.mark.parametrize("name", FUSED)
@given(data=st.data())
def test_same_values(fast_ops, name, data):
    skip_unless_fused(fast_ops, name)
    case = data.draw(cases(name))
    assume(kink_distance(case) > 1e-9)
    training = data.draw(st.booleans())
    dy = np.random.default_rng(data.draw(SEEDS)).standard_normal(output_shape(fast_ops, case))
    actual = case.run(fast_ops, context(fast_ops, training), dy)
    for array, value in composition(fast_ops, case, training, dy).items():
        np.testing.assert_allclose(
            actual[array], value, rtol=1e-11, atol=1e-11, err_msg=f"{array} of {name}"
        )


@pytest.mark.parametrize("name", FUSED)
@given(data=st.data())
def test_nan_in_an_input(fast_ops, name, data):
    """A NaN in x, w or b, and then in dy where y is NaN, as any loss makes it: y and db have it
    where the composition has. In dx and dw the composition also multiplies it by zeros, which a
    fused operation may leave out; everything else agrees.
    """
    skip_unless_fused(fast_ops, name)
    rng = np.random.default_rng(data.draw(SEEDS))
    case = integers(data.draw(cases(name)), rng)
    training = data.draw(st.booleans())
    array = data.draw(st.sampled_from([k for k, a in case.arrays.items() if a is not None]))
    case.arrays[array].flat[rng.integers(case.arrays[array].size)] = np.nan
    y = case.forward(fast_ops, context(fast_ops, training))
    dy = np.where(np.isnan(y), np.nan, rng.integers(-3, 4, y.shape))
    expected = composition(fast_ops, case, training, dy)
    actual = case.run(fast_ops, context(fast_ops, training), dy)
    for result in {"y", "b"} & expected.keys():
        np.testing.assert_array_equal(actual[result], expected[result])
    for result in {"x", "w"}:
        both = ~np.isnan(expected[result])
        np.testing.assert_array_equal(actual[result][both], expected[result][both])


@pytest.mark.parametrize(
    ("channels", "filters", "pool"), [(3, 37, 2), (3, 5, 2), (17, 18, 2), (3, 37, 3), (17, 3, 3)]
)
@pytest.mark.parametrize("forward_only", [False, True])
def test_nan_at_any_pixel(fast_ops, channels, filters, pool, forward_only, rng):
    """Of 56 images each has its NaN elsewhere, and so in other places of the pooling windows."""
    skip_unless_fused(fast_ops, "conv2d_relu_maxpool2d")
    x = rng.integers(-3, 4, (7 * 8, 7, 8, channels)).astype("float32")
    x.reshape(7 * 8, 7 * 8, channels)[range(7 * 8), range(7 * 8), -1] = np.nan
    w = rng.integers(-3, 4, (2, 2, channels, filters)).astype("float32")
    rest = ((1, 1), ((1, 0), (0, 0)), (pool, pool), (2, pool))
    case = Case("conv2d_relu_maxpool2d", {"x": x, "w": w, "b": w[0, 0, 0]}, rest)
    ctx = context(fast_ops, training=False)
    ctx.forward_only = forward_only
    actual = case.forward(fast_ops, ctx)
    expected = composition(fast_ops, case, False, np.zeros_like(actual))["y"]
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", FUSED)
@given(data=st.data())
def test_nan_in_dy(fast_ops, name, data):
    """What a single 1 in dy reaches, a single NaN must reach."""
    skip_unless_fused(fast_ops, name)
    case, ctx = data.draw(cases(name)), context(fast_ops)
    dy = np.zeros_like(case.forward(fast_ops, ctx))
    position = data.draw(st.integers(0, dy.size - 1))
    dy.flat[position] = 1
    touched = case.backward(fast_ops, ctx, dy)
    dy.flat[position] = np.nan
    for array, value in case.backward(fast_ops, ctx, dy).items():
        assert np.isnan(value[touched[array] != 0]).all(), f"d{array} of {name} lost a NaN"


def composition(ops, case, training, dy):
    """{"y", "x", "w", "b"} by one simple operation after the other."""
    arrays, calls = case.arrays, []
    for op, rest in unfuse(case):
        if op == "dropout" and not training:
            continue
        call, ctx = Case(op, arrays, rest), context(ops, training)
        y = call.forward(ops, ctx)
        calls.append((call, ctx))
        arrays = {"x": y}
    grads = {}
    for call, ctx in reversed(calls):
        grads |= call.backward(ops, ctx, dy)
        dy = grads["x"]
    return {"y": y, **grads}


def output_shape(ops, case):
    return case.forward(ops, context(ops)).shape


def skip_unless_fused(ops, name):
    if not hasattr(ops, f"{name}_forward"):
        pytest.skip(f"{ops.__name__} does not fuse {name}")
