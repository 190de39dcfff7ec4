"""Rows, sums and vectors longer than one pass of a device's threads: remainders and partial sums.

The other tests draw small shapes, which a single warp or block takes at once.
"""

import math

import numpy as np
import pytest

from minicnn.backends import reference
from tests.helpers import Case, context, gradient_errors
from tests.ops.cases import REGRESSION_KINDS

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def assert_same(actual, expected, tolerance=1e-11):
    assert actual.keys() == expected.keys()
    for array, value in expected.items():
        np.testing.assert_allclose(actual[array], value, tolerance, tolerance, err_msg=array)


# -- rows: of 1, 32, 33 and more entries ----------------------------------------------------------

WIDTHS = pytest.mark.parametrize("K", [1, 31, 32, 33, 70])
#: losses of (N, K): predictions from a range, targets from another or labels
LOSSES = {
    "softmax_crossentropy": ((-5, 5), (0, 1), (0.1,)),
    "sigmoid_crossentropy": ((-5, 5), (0, 1), (0.1,)),
    "categorical_crossentropy": ((0.1, 2), (0, 1), (0.1,)),
    "binary_crossentropy": ((0.05, 0.95), (0, 1), (0.1,)),
    "mean_squared_error": ((-1, 1), (-1, 1), ()),
    **{f"regression_loss {kind}": ((0.05, 0.95), (0, 1), (kind, 0.3)) for kind in REGRESSION_KINDS},
    "sparse_softmax_crossentropy": ((-5, 5), None, (0,)),
    "sparse_categorical_crossentropy": ((0.05, 0.95), None, (0,)),
}


@WIDTHS
@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_wide_rows(fast_ops, name, K, rng):
    of_x, of_y, rest = LOSSES[name]
    shape = (5, 3, K)
    y = rng.integers(0, K, shape[:-1]) if of_y is None else rng.uniform(*of_y, shape)
    case = Case(name.split()[0], {"x": rng.uniform(*of_x, shape)}, (y, *rest))
    assert_same(case.run(fast_ops), case.run(reference))


@WIDTHS
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
def test_softmax_along_a_long_axis(fast_ops, op, axis, K, rng):
    shape = [3, 4, 5]
    shape[axis] = K
    case = Case(op, {"x": 3 * rng.standard_normal(shape)}, (axis,))
    assert_same(case.run(fast_ops), case.run(reference))


@WIDTHS
def test_hits_of_wide_rows(ops, K, rng):
    """The best score at every place of a row, twice or once, and a NaN that counts as the best."""
    p, y = (rng.integers(0, 3, (2 * K + 4, K)).astype("float32") for _ in range(2))
    for k in range(K):
        p[k, k] = y[k, (k + k % 2) % K] = 9
        p[K + k, k:] = 9
    p[-1, K // 2] = p[-2, -1] = y[-2, -1] = np.nan
    best, wanted = (np.array([first_best(row) for row in a]) for a in (p, y))
    labels = np.where(rng.random(len(p)) < 0.5, best, rng.integers(0, K, len(p)))
    truth = (y > 1).astype("float32")
    for name, arguments, expected in (
        ("categorical_hits", (y, p), wanted == best),
        ("sparse_categorical_hits", (labels, p), labels == best),
        ("sparse_top_k_hits", (labels, p, 2), list(map(in_top_two, labels, p))),
        ("binary_hits", (truth, p, 0.5), (truth == (p > 0.5)).mean(axis=1)),
    ):
        there = [ops.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
        with ops.running():
            hits = ops.to_numpy(getattr(ops, name)(context(ops), *there))
        np.testing.assert_allclose(hits, expected, rtol=1e-6, err_msg=name)


def first_best(row):
    """The first entry that no other is larger than; a NaN is larger than every number."""
    nans = [k for k, v in enumerate(row) if math.isnan(v)]
    return nans[0] if nans else list(row).index(max(row))


def in_top_two(label, row):
    return bool(np.isfinite(row).all()) and sum(v > row[label] for v in row) < 2


# -- sums over many values ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hinge", "squared_hinge"])
def test_one_label_in_many_decides_what_labels_mean(ops, name, rng):
    p, labels = rng.uniform(-2, 2, (130, 7)), rng.integers(0, 2, (130, 7)).astype("float64")
    for last in (0.0, 0.5):
        labels[-1, -1] = last
        y = labels if last == 0.5 else 2 * labels - 1
        expected = np.maximum(1 - y * p, 0) ** (1 if name == "hinge" else 2)
        case = Case("regression_loss", {"x": p}, (labels, name, 1.0))
        np.testing.assert_allclose(case.forward(ops, context(ops)), expected.mean(axis=1), 1e-12)


@DTYPES
def test_sums_of_many_values(ops, dtype, rng):
    values, weights = (rng.uniform(0, 2, (263, 5)).astype(dtype) for _ in range(2))
    exact = math.fsum((values.astype("float64") * weights).flat)
    total = Case("weighted_sum", {"x": values}, (weights, 0.5)).forward(ops, context(ops))
    assert total[0] == pytest.approx(0.5 * exact, rel=1e-6 if dtype == "float32" else 1e-13)
    state = ops.zeros((2,), "float64")
    with ops.running():
        ops.mean_update(state, ops.asarray(values), ops.asarray(weights))
        ops.mean_update(state, ops.asarray(values), 3.0)
    expected = [exact + 3 * math.fsum(values.flat), math.fsum(weights.flat) + 3 * values.size]
    np.testing.assert_allclose(ops.to_numpy(state), expected, rtol=1e-6)


#: shapes of which each needs something else: many rows, few or many channels, one channel
CHANNELS = [((5, 23, 31, 3), -1), ((131, 70), -1), ((2, 33, 70), 1), ((4100, 1), -1)]


@pytest.mark.parametrize(("shape", "axis"), CHANNELS)
@pytest.mark.parametrize("op", ["batchnorm", "normalize"])
def test_normalization_of_many_rows(fast_ops, op, shape, axis, rng):
    C = shape[axis]
    arrays = {
        "x": 5 + rng.standard_normal(shape),
        "gamma": rng.standard_normal(C),
        "beta": rng.standard_normal(C),
    }
    statistics = (rng.standard_normal(C), rng.uniform(0.5, 2, C)) if op == "normalize" else ()
    case = Case(op, arrays, (*statistics, axis, 1e-3))
    assert_same(case.run(fast_ops), case.run(reference), 1e-10)


def test_gradient_of_batchnorm_over_many_rows(ops, rng):
    arrays = {"x": rng.standard_normal((700, 5)), "gamma": np.ones(5), "beta": None}
    errors = gradient_errors(ops, Case("batchnorm", arrays, (-1, 1e-3)), rng)
    assert max(errors.values()) < 1e-7


@pytest.mark.parametrize("size", [2_048, 2_049, 530_001])
def test_penalties_and_norms_of_long_vectors(ops, size, rng):
    w = rng.standard_normal(size)
    absolute, square = math.fsum(abs(w)), math.fsum(w * w)
    total, there = ops.zeros((1,), "float64"), ops.asarray(w)
    with ops.running():
        ops.add_penalty(total, there, 0.5, 0.0)
        ops.add_penalty(total, there, 0.0, 2.0)
    assert ops.to_numpy(total)[0] == pytest.approx(0.5 * absolute + 2 * square, rel=1e-12)
    gradients = [ops.asarray(g) for g in (np.array([3.0]), w.copy(), np.array([-4.0, 0.0]))]
    with ops.running():
        ops.clip_by_norm(gradients, 10.0)
    factor = 10 / math.sqrt(square + 25)
    for gradient, before in zip(gradients, ([3.0], w, [-4.0, 0.0]), strict=True):
        np.testing.assert_allclose(ops.to_numpy(gradient), factor * np.array(before), 1e-12)


@pytest.mark.parametrize("axes", [(0, 1, 2), (3,), (-1, 0), (1,), (0, 2), (1, 3), (0, 1, 2, 3)])
def test_limited_norms_of_many_vectors(ops, axes, rng):
    w = rng.standard_normal((5, 9, 4, 67))
    there = ops.asarray(w.copy())
    with ops.running():
        ops.limit_norms(there, axes, 0.5, 3.0, 0.75)
    norm = np.sqrt((w * w).sum(axis=axes, keepdims=True))
    expected = w * (0.75 * norm.clip(0.5, 3.0) + 0.25 * norm) / (norm + 1e-7)
    np.testing.assert_allclose(ops.to_numpy(there), expected, 1e-12)
