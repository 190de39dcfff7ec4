"""Normalisation, average pooling, padding, augmentation and penalties by their definitions."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.backends import reference
from tests.conftest import load_backend
from tests.helpers import Case, context, gradient_errors
from tests.ops.cases import cases
from tests.ops.oracles import dropout_bits

SEEDS = st.integers(0, 2**32 - 1)


def assert_close(actual, expected, tolerance=1e-12):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


# -- normalisation ----------------------------------------------------------------------------


@given(data=st.data())
def test_batchnorm_is_its_definition(ops, data):
    case = data.draw(cases("batchnorm"))
    x, gamma, beta = case.arrays.values()
    axis, epsilon = case.rest
    expected = np.empty_like(x)
    for c in range(x.shape[axis]):
        channel = np.moveaxis(x, axis, 0)[c]
        mean = math.fsum(channel.flat) / channel.size
        variance = math.fsum((v - mean) ** 2 for v in channel.flat) / channel.size
        scale = (1 if gamma is None else gamma[c]) / math.sqrt(variance + epsilon)
        shift = 0 if beta is None else beta[c]
        np.moveaxis(expected, axis, 0)[c] = (channel - mean) * scale + shift
    assert_close(case.forward(ops, context(ops)), expected, 1e-11)


def test_batchnorm_returns_the_statistics_of_the_batch(ops, rng):
    x = rng.standard_normal((5, 4, 3, 2)) * [1, 100] + [0, 1e4]
    with ops.running():
        _, mean, variance = ops.batchnorm_forward(context(ops), ops.asarray(x), None, None, -1, 0.1)
    assert_close(ops.to_numpy(mean), x.mean((0, 1, 2)))
    assert_close(ops.to_numpy(variance), x.var((0, 1, 2)))


@pytest.mark.parametrize("axis", [1, -1])
def test_statistics_of_an_empty_batch_are_zero(ops, axis):
    x = ops.asarray(np.zeros((0, 3, 4)))
    with ops.running():
        y, mean, variance = ops.batchnorm_forward(context(ops), x, None, None, axis, 0.1)
    assert y.shape == (0, 3, 4)
    for statistic in (mean, variance):
        np.testing.assert_array_equal(ops.to_numpy(statistic), np.zeros(x.shape[axis]))


def test_batchnorm_keeps_its_precision_far_from_zero(ops, rng):
    """Variance 1 around a mean of 3000: sum(x^2) / M - mean^2 would lose every digit in float32."""
    x = (3000 + rng.standard_normal((64, 31, 33, 3))).astype("float32")
    result = Case("batchnorm", {"x": x, "gamma": None, "beta": None}, (-1, 1e-3)).run(ops)
    exact = x.astype("float64")
    exact = (exact - exact.mean((0, 1, 2))) / np.sqrt(exact.var((0, 1, 2)) + 1e-3)
    np.testing.assert_allclose(result["y"], exact, atol=3e-4)


@given(data=st.data())
def test_normalize_is_its_definition(ops, data):
    case = data.draw(cases("normalize"))
    x, gamma, beta = case.arrays.values()
    mean, variance, axis, epsilon = case.rest
    expected = np.empty_like(x)
    for index in np.ndindex(x.shape):
        c = index[axis]
        x_hat = (x[index] - mean[c]) / math.sqrt(variance[c] + epsilon)
        expected[index] = x_hat * (1 if gamma is None else gamma[c])
        expected[index] += 0 if beta is None else beta[c]
    assert_close(case.forward(ops, context(ops)), expected)


@pytest.mark.parametrize("name", ["batchnorm", "normalize"])
@given(data=st.data())
def test_dx_is_left_out_where_nobody_reads_it(ops, name, data):
    case, ctx = data.draw(cases(name)), context(ops)
    expected = case.run(ops)
    ctx.need_dx = False
    actual = case.run(ops, ctx)
    assert actual.keys() == expected.keys() - {"x"}
    for array, value in actual.items():
        np.testing.assert_array_equal(value, expected[array])


def test_moving_average_moves_by_what_momentum_leaves(ops):
    average, value = (ops.asarray(np.array(a)) for a in ([1.0, 2, 4], [5, np.nan, 0]))
    with ops.running():
        ops.moving_average(average, value, 0.75)
    np.testing.assert_allclose(ops.to_numpy(average), [2, np.nan, 3])
    average, value = (ops.asarray(np.array([a], "float32")) for a in (0, 100))
    ops.moving_average(average, value, 0.99)
    assert ops.to_numpy(average)[0] == np.float32(0.01) * 100  # not (1 - float32(0.99)) * 100


# -- average pooling and padding --------------------------------------------------------------


@given(data=st.data())
def test_avgpool2d_is_its_definition(ops, data):
    case = data.draw(cases("avgpool2d"))
    x = case.arrays["x"]
    (KH, KW), (SH, SW), ((top, _), (left, _)) = case.rest
    y = case.forward(ops, context(ops))
    for n, oh, ow, c in np.ndindex(y.shape):
        window = [
            x[n, h, w, c]
            for h in range(oh * SH - top, oh * SH - top + KH)
            for w in range(ow * SW - left, ow * SW - left + KW)
            if 0 <= h < x.shape[1] and 0 <= w < x.shape[2]
        ]
        assert abs(y[n, oh, ow, c] - math.fsum(window) / len(window)) < 1e-13


def test_padding_puts_the_image_in_the_middle_of_zeros(ops, rng):
    x = rng.standard_normal((2, 3, 4, 2))
    case = Case("pad2d", {"x": x}, (((1, 2), (3, 0)),))
    dy = rng.standard_normal((2, 6, 7, 2))
    result = case.run(ops, dy=dy)
    np.testing.assert_array_equal(result["y"][:, 1:4, 3:], x)
    assert abs(result["y"]).sum() == pytest.approx(abs(x).sum())
    np.testing.assert_array_equal(result["x"], dy[:, 1:4, 3:])


# -- augmentation -----------------------------------------------------------------------------


def uniform(seed, step, position):
    return dropout_bits(seed, step, position) / 2**32


@given(data=st.data())
def test_flip_is_its_definition(ops, data):
    case = data.draw(cases("flip"))
    seed, horizontal, vertical = case.rest
    expected = []
    for n, image in enumerate(case.arrays["x"]):
        across = horizontal and uniform(seed, 3, 2 * n) >= 0.5
        down = vertical and uniform(seed, 3, 2 * n + 1) >= 0.5
        expected.append(image[:: -1 if down else 1, :: -1 if across else 1])
    np.testing.assert_array_equal(case.forward(ops, context(ops, step=3)), expected)


def pixel(image, h, w, mode, fill_value):
    """One pixel (C,) of an image without borders."""
    position = []
    for i, size in zip((h, w), image.shape[:2], strict=True):
        while mode == "wrap" and not 0 <= i < size:
            i += size if i < 0 else -size
        while mode == "reflect" and not 0 <= i < size:
            i = -i - 1 if i < 0 else 2 * size - 1 - i
        if mode == "nearest":
            i = min(max(i, 0), size - 1)
        if not 0 <= i < size:
            return np.full(image.shape[2], fill_value)
        position.append(i)
    return image[tuple(position)]


@given(data=st.data())
def test_translate_is_its_definition(ops, data):
    case = data.draw(cases("translate"))
    x = case.arrays["x"]
    seed, height, width, mode, fill_value, interpolation = case.rest
    y = case.forward(ops, context(ops, step=3))
    N, H, W, _ = x.shape
    for n, h, w in product(range(N), range(H), range(W)):
        low, high = height
        from_h = h - (low + (high - low) * uniform(seed, 3, 2 * n)) * H
        low, high = width
        from_w = w - (low + (high - low) * uniform(seed, 3, 2 * n + 1)) * W
        if interpolation == "nearest":
            from_h, from_w = math.floor(from_h + 0.5), math.floor(from_w + 0.5)
        expected = 0
        for i, j in product((0, 1), (0, 1)):
            row, column = math.floor(from_h) + i, math.floor(from_w) + j
            weight = (1 - abs(from_h - row)) * (1 - abs(from_w - column))
            expected = expected + weight * pixel(x[n], row, column, mode, fill_value)
        np.testing.assert_allclose(y[n, h, w], expected, atol=1e-12)


@pytest.mark.parametrize("op", ["flip", "translate"])
def test_every_step_and_every_image_draws_anew(ops, op):
    x = np.arange(16.0).reshape(1, 4, 4, 1).repeat(64, axis=0)
    rest = (7, True, True) if op == "flip" else (
        7, (-0.5, 0.5), (-0.5, 0.5), "constant", 0.0, "nearest",
    )  # fmt: skip
    case = Case(op, {"x": x}, rest)
    first, second = (case.forward(ops, context(ops, step=step)) for step in (1, 2))
    assert (first != second).any()
    assert len({image.tobytes() for image in first}) >= 4
    np.testing.assert_array_equal(case.forward(ops, context(ops, step=1)), first)


# -- penalties and constraints ----------------------------------------------------------------

PENALTIES = [(0.3, 0.0), (0.0, 0.2), (0.1, 0.4), (0.0, 0.0)]


@pytest.mark.parametrize(("l1", "l2"), PENALTIES)
@pytest.mark.parametrize("shape", [(3,), (5, 4), (3, 3, 2, 7), (40_000,)])
def test_penalty_and_its_gradient(ops, l1, l2, shape, rng):
    w, dw = rng.standard_normal(shape), rng.standard_normal(shape)
    total, w_there, dw_there = (ops.asarray(a.copy()) for a in (np.array([2.0]), w, dw))
    with ops.running():
        ops.add_penalty(total, w_there, l1, l2)
        ops.add_penalty_gradient(dw_there, w_there, l1, l2)
    expected = 2 + l1 * math.fsum(abs(w).flat) + l2 * math.fsum(v * v for v in w.flat)
    assert ops.to_numpy(total)[0] == pytest.approx(expected, rel=1e-12)
    assert_close(ops.to_numpy(dw_there), dw + l1 * np.sign(w) + 2 * l2 * w)
    np.testing.assert_array_equal(ops.to_numpy(w_there), w)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_penalties_keep_dtype_nan_and_zero(ops, dtype):
    w = ops.asarray(np.array([0, -0.0, np.nan, 2], dtype))
    total, dw = ops.asarray(np.zeros(1, dtype)), ops.asarray(np.ones(4, dtype))
    with ops.running():
        ops.add_penalty(total, w, 0.5, 0.0)
        ops.add_penalty_gradient(dw, w, 0.5, 0.0)
    assert total.dtype == dw.dtype == dtype
    assert np.isnan(ops.to_numpy(total)[0])
    np.testing.assert_array_equal(ops.to_numpy(dw), [1, 1, np.nan, 1.5])


@pytest.mark.parametrize("axes", [(0,), (0, 1, 2), (3,), (1, 3)])
@pytest.mark.parametrize(("smallest", "largest", "rate"), [(0, 2, 1), (1, 1, 1), (0.5, 1.5, 0.25)])
def test_limited_norms(ops, axes, smallest, largest, rate, rng):
    w = rng.standard_normal((2, 3, 2, 5))
    there = ops.asarray(w.copy())
    with ops.running():
        ops.limit_norms(there, axes, smallest, largest, rate)
    expected = np.empty_like(w)
    for index in np.ndindex(w.shape):
        vector = w[tuple(slice(None) if i in axes else k for i, k in enumerate(index))]
        norm = math.sqrt(math.fsum(v * v for v in vector.flat))
        wanted = rate * min(max(norm, smallest), largest) + (1 - rate) * norm
        expected[index] = w[index] * wanted / (norm + 1e-7)
    assert_close(ops.to_numpy(there), expected)


def test_no_weight_stays_negative_and_nan_stays(ops):
    w = ops.asarray(np.array([[-1, np.nan], [0, 2]], "float32"))
    ops.clip_negative(w)
    np.testing.assert_array_equal(ops.to_numpy(w), [[0, np.nan], [0, 2]])


# -- threads ----------------------------------------------------------------------------------

IMAGES = (20, 26, 25, 33)
CALLS = {
    "batchnorm": ((-1, 1e-3), {"gamma": (33,), "beta": (33,)}),
    "batchnorm over rows": ((1, 1e-3), {"gamma": (26,), "beta": (26,)}),
    "normalize": (
        (np.zeros(33, "f4"), np.ones(33, "f4"), -1, 1e-3), {"gamma": (33,), "beta": (33,)},
    ),
    "avgpool2d": (((3, 3), (2, 2), ((1, 0), (0, 2))), {}),
    "pad2d": ((((1, 0), (0, 2)),), {}),
    "rescale": ((0.5, 1.0), {}),
    "flip": ((5, True, True), {}),
    "translate": ((5, (-0.5, 0.5), (-0.5, 0.5), "reflect", 0.0, "bilinear"), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_one_thread_or_two(name, rng, monkeypatch):
    results = []
    rest, weights = CALLS[name]
    arrays = {k: rng.standard_normal(v).astype("f4") for k, v in {"x": IMAGES, **weights}.items()}
    case = Case(name.split()[0], arrays, rest)
    for ops in one_thread_then_two(monkeypatch):
        results.append(case.run(ops))
    for array, value in results[0].items():
        np.testing.assert_array_equal(results[1][array], value, err_msg=array)


def test_penalty_on_one_thread_or_two(rng, monkeypatch):
    w, totals = rng.standard_normal(150_001).astype("f4"), []
    for ops in one_thread_then_two(monkeypatch):
        total = np.zeros(1, "f4")
        ops.add_penalty(total, w, 0.3, 0.7)
        totals.append(total[0])
    assert totals[0] == totals[1]


def one_thread_then_two(monkeypatch):
    """The Numba backend, told to use one thread and then two."""
    numba = pytest.importorskip("numba")
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("Numba was told to use one thread, or the machine has no more")
    monkeypatch.setattr("minicnn.backends.numba_cpu.runtime.SMALL", 0)
    threads = numba.get_num_threads()
    try:
        for count in (1, 2):
            numba.set_num_threads(count)
            yield load_backend("numba")
    finally:
        numba.set_num_threads(threads)


# -- global pooling is pooling with a window as large as the image -------------------------------


def test_gradient_of_a_window_as_large_as_the_image(ops, rng):
    x = rng.standard_normal((3, 5, 4, 6))
    case = Case("avgpool2d", {"x": x}, ((5, 4), (1, 1), ((0, 0), (0, 0))))
    assert_close(case.forward(reference, context(reference))[:, 0, 0], x.mean((1, 2)))
    assert gradient_errors(ops, case, rng)["x"] < 1e-9
