"""Extreme values, NaN, dtypes, and the rules about memory: who may write where."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicnn.backends import reference
from tests.helpers import Case, context
from tests.ops.cases import FUSED, OPERATIONS, REGRESSION_KINDS, cases

EVERYTHING = list(OPERATIONS | FUSED)
PADS = ((0, 0), (0, 0))
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def draw_case(ops, name, data):
    """A call of a simple or a fused operation, if the backend has it."""
    case = data.draw(cases(name))
    if not hasattr(ops, f"{case.op}_forward"):
        pytest.skip(f"{ops.__name__} does not fuse {name}")
    return case


# -- memory -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERYTHING)
@settings(max_examples=10)
@given(data=st.data())
def test_nothing_lent_is_written_to(ops, name, data):
    case = draw_case(ops, name, data)
    dy = np.ones_like(case.forward(ops, context(ops)))
    lent = [a for a in (*case.arrays.values(), *case.rest, dy) if isinstance(a, np.ndarray)]
    before = [a.copy() for a in lent]
    case.run(ops, dy=dy)
    for array, copy in zip(lent, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("name", EVERYTHING)
@settings(max_examples=10)
@given(data=st.data())
def test_backward_twice_gives_the_same(ops, name, data):
    """Gradients are assigned, never added to, and backward uses nothing up."""
    case, ctx = draw_case(ops, name, data), context(ops)
    dy = np.random.default_rng(0).standard_normal(case.forward(ops, ctx).shape)
    first, second = case.backward(ops, ctx, dy), case.backward(ops, ctx, dy)
    for array, value in first.items():
        np.testing.assert_array_equal(second[array], value)


@DTYPES
@pytest.mark.parametrize("name", EVERYTHING)
@settings(max_examples=8)
@given(data=st.data())
def test_dtype_follows_the_data(ops, name, dtype, data):
    case = draw_case(ops, name, data).astype(dtype)
    assert {a.dtype.name for a in case.run(ops).values()} == {dtype}


@pytest.mark.parametrize("name", EVERYTHING)
@settings(max_examples=10)
@given(data=st.data())
def test_warm_context_allocates_nothing(ops, name, data):
    """Neither for the same batch again nor for the smaller one that ends an epoch, and the
    memory that both share leaves no trace of the other.
    """
    case, ctx = draw_case(ops, name, data), context(ops)
    case.run(ops, ctx)
    ctx.freeze()
    smaller = case.first(max(1, len(case.arrays["x"]) - 1))
    for again in (case, smaller, case):
        for array, value in again.run(ops).items():
            np.testing.assert_array_equal(again.run(ops, ctx)[array], value)


@pytest.mark.parametrize("name", ["conv2d", "dense", *FUSED])
@settings(max_examples=10)
@given(data=st.data())
def test_dx_is_left_out_where_nobody_reads_it(ops, name, data):
    """A backend may then compute the rest in another way, with another rounding."""
    case = draw_case(ops, name, data)
    expected, ctx = case.run(ops), context(ops)
    ctx.need_dx = False
    actual = case.run(ops, ctx)
    assert actual.keys() == expected.keys() - {"x"}
    for array, value in actual.items():
        np.testing.assert_allclose(value, expected[array], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", EVERYTHING)
@settings(max_examples=8)
@given(data=st.data())
def test_memory_layout_of_the_input_does_not_matter(ops, name, data):
    """A strided view, as slicing hands it over, gives what its contiguous copy gives."""
    case = draw_case(ops, name, data)
    dy = np.random.default_rng(1).standard_normal(case.forward(ops, context(ops)).shape)
    expected = case.run(ops, dy=dy)
    case.arrays["x"] = strided(case.arrays["x"])
    for array, value in case.run(ops, dy=strided(dy)).items():
        np.testing.assert_allclose(value, expected[array], rtol=1e-12, atol=1e-12)


def strided(array):
    """The same values, every other entry of a larger array."""
    return np.repeat(array, 2, axis=-1)[..., ::2]


@pytest.mark.parametrize("name", [name for name in EVERYTHING if "softmax" not in name])
@settings(max_examples=5)
@given(data=st.data())
def test_an_empty_batch_is_a_batch(ops, name, data):
    case = draw_case(ops, name, data).first(0)
    result = case.run(ops)
    assert result["x"].shape == case.arrays["x"].shape
    assert not any(value.any() for value in result.values())


# -- extreme values ---------------------------------------------------------------------------


@DTYPES
@pytest.mark.parametrize("op", ["softmax_crossentropy", "sparse_softmax_crossentropy"])
def test_huge_logits_have_a_finite_loss(ops, dtype, op):
    logits = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0], [-1e4, -1e4, -1e4]], dtype)
    labels = np.array([0, 0, 2])
    rest = (labels, None) if op.startswith("sparse") else (np.eye(3, dtype=dtype)[labels], 0.0)
    result = Case(op, {"x": logits}, rest).run(ops, dy=np.ones(3, dtype))
    np.testing.assert_allclose(result["y"], [0, 2e4, np.log(3)], rtol=1e-6)
    expected = [[0, 0, 0], [-1, 1, 0], [1 / 3, 1 / 3, -2 / 3]]
    np.testing.assert_allclose(result["x"], expected, rtol=1e-6, atol=1e-7)


@DTYPES
def test_huge_logits_have_a_finite_binary_loss(ops, dtype):
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    y = np.array([[1, 0], [1, 0]], dtype)
    case = Case("sigmoid_crossentropy", {"x": logits}, (y, 0.0))
    result = case.run(ops, dy=np.ones(2, dtype))
    np.testing.assert_allclose(result["y"], [0, 1e4])
    np.testing.assert_allclose(result["x"], [[0, 0], [-0.5, 0.5]], atol=1e-30)


@DTYPES
@pytest.mark.parametrize(
    ("op", "rest", "expected"),
    [
        ("sigmoid", (), [0, 1]),
        ("tanh", (), [-1, 1]),
        ("elementwise", ("softplus", 1.0), [0, 1e4]),
        ("elementwise", ("silu", 1.0), [0, 1e4]),
        ("elementwise", ("mish", 1.0), [0, 1e4]),
        ("elementwise", ("gelu", 1.0), [0, 1e4]),
        ("elementwise", ("gelu_tanh", 1.0), [0, 1e4]),
        ("elementwise", ("elu", 2.0), [-2, 1e4]),
        ("elementwise", ("celu", 2.0), [-2, 1e4]),
        ("elementwise", ("selu", 1.0), [-1.7580993408473766, 1.0507009873554805e4]),
        ("elementwise", ("softsign", 1.0), [-1e4 / 10001, 1e4 / 10001]),
        ("elementwise", ("exponential", 1.0), [0, np.inf]),
    ],
)
def test_saturated_activations(ops, dtype, op, rest, expected):
    """At -1e4 and 1e4: the limit, no overflow on the way and a finite slope."""
    x = np.array([[-1e4, 1e4]], dtype)
    result = Case(op, {"x": x}, rest).run(ops, dy=np.ones_like(x))
    np.testing.assert_allclose(result["y"], [expected], rtol=1e-6)
    assert np.isfinite(result["x"]).all() or np.isinf(expected[1])


@DTYPES
def test_softmax_of_huge_and_of_equal_entries(ops, dtype):
    x = np.array([[1e4, -1e4, 0, 0], [7, 7, 7, 7], [-1e4, -1e4, -1e4, -1e4]], dtype)
    y = Case("softmax", {"x": x}, (-1,)).forward(ops, context(ops))
    np.testing.assert_allclose(y, [[1, 0, 0, 0], [0.25] * 4, [0.25] * 4])
    y = Case("log_softmax", {"x": x}, (-1,)).forward(ops, context(ops))
    np.testing.assert_allclose(y, [[0, -2e4, -1e4, -1e4], *[[-np.log(4)] * 4] * 2], rtol=1e-6)


@DTYPES
def test_relu_of_special_values(ops, dtype):
    x = np.array([[np.nan, -np.inf, -1, -0.0, 0, 1, np.inf]], dtype)
    result = Case("relu", {"x": x}, (0.0, None, 0.0)).run(ops, dy=np.ones_like(x))
    np.testing.assert_array_equal(result["y"], [[np.nan, 0, 0, 0, 0, 1, np.inf]])
    np.testing.assert_array_equal(result["x"][0, 1:], [0, 0, 0, 0, 1, 1])


@DTYPES
def test_clipped_probabilities_have_no_gradient(ops, dtype):
    p = np.array([[0.0, 1.0, 0.0], [0.5, 0.25, 0.25]], dtype)
    y, labels = np.eye(3, dtype=dtype)[[0, 1]], np.array([0, 1])
    for op, rest in (
        ("categorical_crossentropy", (y, 0.0)),
        ("sparse_categorical_crossentropy", (labels, None)),
        ("binary_crossentropy", (y, 0.0)),
    ):
        result = Case(op, {"x": p}, rest).run(ops, dy=np.ones(2, dtype))
        assert np.isfinite(result["y"]).all()
        np.testing.assert_array_equal(result["x"][0], 0)
        assert result["x"][1, 1] < 0
    capped = Case("categorical_crossentropy", {"x": p}, (y, 0.0)).forward(ops, context(ops))
    np.testing.assert_allclose(capped[0], -np.log(1e-7), rtol=1e-6)


@pytest.mark.parametrize("wrong", [-1, 3, 2**40])
@pytest.mark.parametrize("op", ["sparse_softmax_crossentropy", "sparse_categorical_crossentropy"])
def test_a_label_that_is_no_class_is_an_error_or_a_nan(ops, op, wrong):
    """A GPU's kernel cannot raise; training refuses a loss that is not finite, and wrong labels
    before they get here (the CPU's operations count -1 from the end).
    """
    p, labels = np.full((3, 3), 0.25), np.array([0, wrong, 2])
    case = Case(op, {"x": p}, (labels, None))
    if ops.__name__.endswith("cupy_gpu"):
        losses = case.forward(ops, context(ops))
        assert np.isnan(losses).tolist() == [False, True, False]
    elif wrong >= 0:
        with pytest.raises(IndexError):
            case.forward(ops, context(ops))
    ignored = Case(op, {"x": p}, (labels, wrong)).run(ops, dy=np.ones(3))
    assert ignored["y"][1] == 0
    assert not ignored["x"][1].any()


@pytest.mark.parametrize("kind", REGRESSION_KINDS)
def test_regression_losses_at_their_kinks(fast_ops, kind):
    """Where |p - y| or the margin is 0 or delta, and where p or y is clipped: as the textbook."""
    y, p = np.meshgrid([-1, 0, 0.5, 1, 2], [-1, -0.5, 0, 1e-8, 0.5, 1, 1.5, 2])
    if kind == "poisson":
        p = abs(p)  # it takes the logarithm of p
    case = Case("regression_loss", {"x": p}, (y, kind, 0.5))
    expected = case.run(reference)
    for array, value in case.run(fast_ops).items():
        np.testing.assert_allclose(value, expected[array], rtol=1e-12, err_msg=array)


# -- NaN --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPERATIONS)
@given(data=st.data())
def test_nan_in_x_is_nan_in_y(ops, name, data):
    """Exactly where y depends on that entry of x."""
    case = data.draw(cases(name))
    x = case.arrays["x"]
    x.flat[data.draw(st.integers(0, x.size - 1))] = np.nan
    y = case.forward(ops, context(ops))
    if case.op == "dropout":
        case.arrays["x"] = np.ones_like(x)
        kept = case.forward(ops, context(ops)) != 0
        np.testing.assert_array_equal(np.isnan(y)[kept], np.isnan(x)[kept])
    else:
        np.testing.assert_array_equal(np.isnan(y), reach(case))


def reach(case):
    """Where y depends on an entry of x that is NaN."""
    nan = np.isnan(case.arrays["x"])
    if case.op == "conv2d":
        w = np.ones_like(case.arrays["w"])
        return (
            Case("conv2d", {"x": 1.0 * nan, "w": w, "b": None}, case.rest).run(reference)["y"] > 0
        )
    if case.op in ("maxpool2d", "avgpool2d", "pad2d", "flip", "translate"):
        one, zero = (Case(case.op, {"x": v * nan}, case.rest).run(reference) for v in (1.0, 0.0))
        return one["y"] != zero["y"]
    if case.op == "batchnorm":
        others = tuple(i for i in range(nan.ndim) if i != case.rest[0] % nan.ndim)
        return np.broadcast_to(nan.any(axis=others, keepdims=True), nan.shape)
    if case.op == "dense":
        return np.repeat(nan.any(axis=-1, keepdims=True), case.arrays["w"].shape[1], axis=-1)
    if case.op in ("softmax", "log_softmax"):
        return np.broadcast_to(nan.any(axis=case.rest[0], keepdims=True), nan.shape)
    if case.op.startswith("sparse"):
        y, ignore_class = case.rest
        return nan.any(axis=-1) & (y != ignore_class)
    if case.op.endswith(("crossentropy", "error", "loss")):
        return nan.any(axis=-1)
    return np.array([nan.any()]) if case.op == "weighted_sum" else nan


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "weighted_sum"])
@given(data=st.data())
def test_nan_in_dy_is_nan_in_every_gradient_it_reaches(ops, name, data):
    """Backward is linear in dy: what a single 1 reaches, a single NaN must reach."""
    case, ctx = data.draw(cases(name)), context(ops)
    dy = np.zeros_like(case.forward(ops, ctx))
    position = data.draw(st.integers(0, dy.size - 1))
    dy.flat[position] = 1
    touched = case.backward(ops, ctx, dy)
    dy.flat[position] = np.nan
    for array, value in case.backward(ops, ctx, dy).items():
        assert np.isnan(value[touched[array] != 0]).all(), f"d{array} of {case.op} lost a NaN"


@pytest.mark.parametrize("op", ["binary", "categorical", "sparse_categorical"])
def test_nan_in_a_probability_is_nan_in_its_gradient(ops, op):
    """It was not clipped, so nothing may set its gradient to 0."""
    p = np.array([[0.5, np.nan, 0.25], [0.5, 0.25, 0.25]])
    y = np.array([0, 1]) if op.startswith("sparse") else np.eye(3)[[0, 1]]
    rest = (y, None) if op.startswith("sparse") else (y, 0.0)
    dp = Case(f"{op}_crossentropy", {"x": p}, rest).run(ops, dy=np.ones(2))["x"]
    assert np.isnan(dp[0, 1])
    assert np.isfinite(dp[1]).all()


@pytest.mark.parametrize("name", ["conv2d", "dense"])
@given(data=st.data())
def test_nan_in_the_bias_is_nan_in_its_filter(ops, name, data):
    case = data.draw(cases(name))
    bias = case.arrays["b"] = np.zeros(case.arrays["w"].shape[-1])
    bias[-1] = np.nan
    y = case.forward(ops, context(ops))
    np.testing.assert_array_equal(np.isnan(y), np.broadcast_to(np.isnan(bias), y.shape))
