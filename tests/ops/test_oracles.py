"""Forward values against definitions written as plain loops, and against SciPy."""

import math

import numpy as np
import pytest
import scipy.signal
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import Case, context
from tests.ops import oracles
from tests.ops.cases import OPERATIONS, WIDTHS, cases, conv_case, draw_pair, draw_size, shapes

SEEDS = st.integers(0, 2**32 - 1)


def assert_close(actual, expected, tolerance=1e-12):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


# -- convolution and pooling ------------------------------------------------------------------


@given(data=st.data())
def test_conv2d_is_its_definition(ops, data):
    rng = np.random.default_rng(data.draw(SEEDS))
    groups = data.draw(st.sampled_from([1, 1, 2, 3]))
    channels, filters = (groups * data.draw(st.integers(1, 3)) for _ in range(2))
    case = conv_case(data.draw, rng, "conv2d", channels, filters, groups, max_window=3)
    expected = oracles.conv2d(*case.arrays.values(), *case.rest)
    assert_close(case.forward(ops, context(ops)), expected)


def test_conv2d_agrees_with_scipy(ops, rng):
    x, w = rng.standard_normal((1, 11, 8, 1)), rng.standard_normal((4, 3, 1, 1))
    for mode, pads in (("valid", ((0, 0), (0, 0))), ("full", ((3, 3), (2, 2)))):
        case = Case("conv2d", {"x": x, "w": w, "b": None}, ((1, 1), pads, (1, 1), 1))
        expected = scipy.signal.correlate2d(x[0, :, :, 0], w[:, :, 0, 0], mode)
        assert_close(case.forward(ops, context(ops))[0, :, :, 0], expected)


@settings(max_examples=60)
@given(data=st.data())
def test_maxpool2d_is_its_definition(ops, data):
    """Ties, NaN, -inf and padding, forward and backward, bit for bit."""
    rng = np.random.default_rng(data.draw(SEEDS))
    window, strides = draw_pair(data.draw, 1, 4), draw_pair(data.draw, 1, 4)
    pads = tuple((data.draw(st.integers(0, k // 2)), (k - 1) // 2) for k in window)
    sizes = [draw_size(data.draw, k, pad) for k, pad in zip(window, pads, strict=True)]
    shape = (2, *sizes, data.draw(WIDTHS))
    palette = data.draw(
        st.sampled_from([[0, 1, 2], [0, -0.0], [-np.inf], [-np.inf, -1e30], [np.nan, 1, np.inf]])
    )
    x = rng.choice(palette, shape).astype(data.draw(st.sampled_from(["float32", "float64"])))
    case = Case("maxpool2d", {"x": x}, (window, strides, pads))
    y, dy, dx = oracles.maxpool2d(x, data.draw(SEEDS), *case.rest)
    result = case.run(ops, dy=dy)
    np.testing.assert_array_equal(result["y"], y)
    np.testing.assert_array_equal(result["x"], dx)


# -- dense and activations --------------------------------------------------------------------


@given(data=st.data())
def test_dense_is_its_definition(ops, data):
    case = data.draw(cases("dense"))
    x, w, b = case.arrays.values()
    expected = np.einsum("...d,du->...u", x, w) + (0 if b is None else b)
    assert_close(case.forward(ops, context(ops)), expected)


@given(data=st.data())
def test_relu_is_its_definition(ops, data):
    """On multiples of 1/2, so that x meets 0, the threshold and the maximum exactly."""
    rng = np.random.default_rng(data.draw(SEEDS))
    x = rng.integers(-6, 15, data.draw(shapes())) / 2
    slope, threshold = data.draw(st.sampled_from([0.0, 0.25])), data.draw(st.integers(0, 2)) / 2
    ceiling = data.draw(st.sampled_from([None, 6.0, threshold + 0.5]))
    case = Case("relu", {"x": x}, (slope, ceiling, threshold))
    result = case.run(ops, dy=np.ones_like(x))
    expected = np.vectorize(oracles.relu, otypes=[float])(x, *case.rest)
    np.testing.assert_array_equal(result["y"], expected)
    capped = np.zeros_like(x, bool) if ceiling is None else x >= ceiling
    np.testing.assert_array_equal(
        result["x"], np.where(capped, 0, np.where(x > threshold, 1, slope))
    )


@pytest.mark.parametrize("kind", oracles.ELEMENTWISE)
@pytest.mark.parametrize("alpha", [1.0, 0.6])
def test_elementwise_is_its_definition(ops, kind, alpha):
    x = np.concatenate([np.linspace(-30, 30, 241), [1e-9, -1e-9]])
    case = Case("elementwise", {"x": x}, (kind, alpha))
    expected = [oracles.ELEMENTWISE[kind](v, alpha) for v in x]
    np.testing.assert_allclose(case.forward(ops, context(ops)), expected, rtol=1e-13, atol=1e-15)


def test_every_kind_has_an_oracle():
    kinds = {"elementwise": set(), "regression_loss": set()}
    for op, _, kind in (name.partition(" ") for name in OPERATIONS if " " in name):
        kinds[op].add(kind)
    assert kinds["elementwise"] == set(oracles.ELEMENTWISE)
    assert kinds["regression_loss"] == set(oracles.REGRESSION)


def test_activations_agree_with_scipy(ops, rng):
    x = 20 * rng.standard_normal((7, 5, 3))
    for op, expected in (("sigmoid", scipy.special.expit(x)), ("tanh", np.tanh(x))):
        assert_close(Case(op, {"x": x}).forward(ops, context(ops)), expected, 1e-14)
    gelu = Case("elementwise", {"x": x}, ("gelu", 1.0)).forward(ops, context(ops))
    np.testing.assert_allclose(gelu, x * scipy.special.ndtr(x), rtol=1e-12)  # the far tail too
    for axis in (-1, 0, 1):
        case = Case("softmax", {"x": x}, (axis,))
        assert_close(case.forward(ops, context(ops)), scipy.special.softmax(x, axis), 1e-14)
        case = Case("log_softmax", {"x": x}, (axis,))
        assert_close(case.forward(ops, context(ops)), scipy.special.log_softmax(x, axis), 1e-13)


# -- losses and metrics -----------------------------------------------------------------------

LOSSES = [
    name for name in OPERATIONS if name.split()[0].endswith(("crossentropy", "error", "loss"))
]


@pytest.mark.parametrize("name", LOSSES)
@given(data=st.data())
def test_loss_is_its_definition(ops, name, data):
    case = data.draw(cases(name))
    x, (y, *rest) = case.arrays["x"], case.rest
    losses = case.forward(ops, context(ops))
    expected = [getattr(oracles, case.op)(x[i], y[i], *rest) for i in np.ndindex(x.shape[:-1])]
    assert_close(losses.ravel(), expected)


@pytest.mark.parametrize("name", ["softmax_crossentropy", "sparse_softmax_crossentropy"])
def test_loss_also_returns_softmax(ops, name, rng):
    x = 5 * rng.standard_normal((6, 4))
    y = np.eye(4)[rng.integers(0, 4, 6)]
    rest = (y, 0.1) if name == "softmax_crossentropy" else (y.argmax(axis=1), None)
    _, p = call(ops, f"{name}_forward", context(ops), x, *rest)
    assert_close(p, scipy.special.softmax(x, axis=-1), 1e-14)


def test_loss_also_returns_sigmoid(ops, rng):
    x, y = 5 * rng.standard_normal((6, 4)), rng.uniform(0, 1, (6, 4))
    _, p = call(ops, "sigmoid_crossentropy_forward", context(ops), x, y, 0.1)
    assert_close(p, scipy.special.expit(x), 1e-14)


@pytest.mark.parametrize("weights", [None, "random"])
def test_weighted_sum(ops, weights, rng):
    values = rng.standard_normal((7, 3))
    weights = None if weights is None else rng.uniform(0, 2, values.shape)
    total = Case("weighted_sum", {"x": values}, (weights, 0.25)).forward(ops, context(ops))
    w = np.ones_like(values) if weights is None else weights
    assert total.shape == (1,)
    assert_close(total[0], 0.25 * math.fsum((w * values).ravel()))


@given(data=st.data())
def test_hits(ops, data):
    """On a coarse grid, so that ties are common: the lowest index wins."""
    rng = np.random.default_rng(data.draw(SEEDS))
    shape = (*data.draw(st.sampled_from([(1,), (9,), (4, 3)])), data.draw(st.integers(1, 6)))
    dtype = data.draw(st.sampled_from(["float32", "float64"]))
    y, p = (rng.integers(0, 4, shape).astype(dtype) / 4 for _ in range(2))
    labels = rng.integers(0, shape[-1], shape[:-1])
    best = [list(row).index(max(row)) for row in p.reshape(-1, shape[-1])]
    best_y = [list(row).index(max(row)) for row in y.reshape(-1, shape[-1])]

    hits = call(ops, "categorical_hits", context(ops), y, p)
    assert hits.dtype == dtype
    assert hits.ravel().tolist() == [float(a == b) for a, b in zip(best_y, best, strict=True)]
    hits = call(ops, "sparse_categorical_hits", context(ops), labels, p)
    assert hits.dtype == dtype
    assert hits.ravel().tolist() == [
        float(a == b) for a, b in zip(labels.ravel(), best, strict=True)
    ]
    k = data.draw(st.integers(1, 4))
    labels.flat[0] = data.draw(st.sampled_from([-1, 0, shape[-1]]))  # the others are no classes
    p.flat[-1] = data.draw(st.sampled_from([0.5, np.nan, np.inf, -np.inf]))
    hits = call(ops, "sparse_top_k_hits", context(ops), labels, p, k)
    assert hits.dtype == dtype
    rows = zip(labels.ravel(), p.reshape(-1, shape[-1]), strict=True)
    assert hits.ravel().tolist() == [float(oracles.in_top_k(label, row, k)) for label, row in rows]
    p[~np.isfinite(p)] = 0
    truth = np.round(y)
    hits = call(ops, "binary_hits", context(ops), truth, p, 0.5)  # p == 0.5 is not above it
    assert hits.dtype == dtype
    np.testing.assert_allclose(hits, (truth == np.where(p > 0.5, 1, 0)).mean(axis=-1), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mean_update(ops, dtype, rng):
    values = rng.standard_normal((6, 2)).astype(dtype)
    weights = rng.uniform(0, 2, values.shape).astype(dtype)
    state = ops.zeros((2,), "float64")
    total = count = 0.0
    for w in (None, 2.5, weights):
        ops.mean_update(state, ops.asarray(values), ops.asarray(weights) if w is weights else w)
        factors = np.broadcast_to(1.0 if w is None else w, values.shape)
        total, count = total + (factors * values).sum(dtype="float64"), count + factors.sum()
    np.testing.assert_allclose(ops.to_numpy(state), [total, count], rtol=1e-6)


def call(ops, name, *args):
    """Call with NumPy arrays, get NumPy arrays."""
    args = [ops.asarray(a) if isinstance(a, np.ndarray) else a for a in args]
    with ops.running():
        result = getattr(ops, name)(*args)
    if isinstance(result, tuple):
        return tuple(np.array(ops.to_numpy(r)) for r in result)
    return np.array(ops.to_numpy(result))
