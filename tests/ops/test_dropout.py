"""Dropout's mask: one hash on every backend, and it behaves like chance."""

import numpy as np
import pytest

from tests.helpers import Case, context
from tests.ops import oracles

N = 200_000


def mask(ops, rate=0.5, seed=1, step=3, shape=(N,), noise_shape=None):
    """True where an entry of ones survives."""
    case = Case("dropout", {"x": np.ones(shape, "float32")}, (rate, seed, noise_shape))
    return case.forward(ops, context(ops, step=step)) != 0


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.25, 0.5, 0.8, 1.0])
@pytest.mark.parametrize(("seed", "step"), [(0, 0), (1, 3), (2**32 - 1, 2**32 - 1), (12345, 937)])
def test_mask_is_the_hash_of_the_contract(ops, rate, seed, step):
    bits = [oracles.dropout_bits(seed, step, i) for i in range(500)]
    expected = [b >= int(rate * 2**32) for b in bits]
    actual = mask(ops, rate, seed, step, shape=(20, 5, 5))
    np.testing.assert_array_equal(actual.ravel(), expected)


def test_large_mask_is_the_hash_of_the_contract(ops):
    """Spot checks far into a mask that is big enough to be shared among threads."""
    actual = mask(ops, shape=(N // 8, 8)).ravel()
    for i in range(0, N, 997):
        assert actual[i] == (oracles.dropout_bits(1, 3, i) >= 2**31)


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 1, 77])
def test_keep_rate(ops, rate, seed):
    """Within four standard deviations of 1 - rate."""
    assert abs(mask(ops, rate, seed).mean() - (1 - rate)) < 4 * np.sqrt(rate * (1 - rate) / N)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (mask_of, other_of)
        for mask_of, other_of in (
            ({"step": 3}, {"step": 4}),
            ({"step": 0}, {"step": 1}),
            ({"seed": 1}, {"seed": 2}),
            ({"seed": 0, "step": 1}, {"seed": 1, "step": 0}),
        )
    ],
)
def test_steps_and_seeds_are_independent(ops, one, other):
    assert abs(correlation(mask(ops, **one), mask(ops, **other))) < 4 / np.sqrt(N)


@pytest.mark.parametrize("lag", [1, 2, 8, 32, 64, 128, 512])
def test_neighbours_are_independent(ops, lag):
    kept = mask(ops)
    assert abs(correlation(kept[:-lag], kept[lag:])) < 4 / np.sqrt(N - lag)


def correlation(a, b):
    return np.corrcoef(a, b)[0, 1]


def test_every_step_draws_again(ops):
    """The same context: the mask follows the step counter and nothing else."""
    ctx = context(ops)
    case = Case("dropout", {"x": np.ones((50, 20))}, (0.5, 9, None))
    first, again = case.forward(ops, ctx), case.forward(ops, ctx)
    np.testing.assert_array_equal(first, again)
    ctx.step += 1
    assert (case.forward(ops, ctx) != first).mean() > 0.4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kept_entries_are_scaled(ops, dtype, rng):
    x, dy = (rng.standard_normal((30, 7)).astype(dtype) for _ in range(2))
    result = Case("dropout", {"x": x}, (0.2, 5, None)).run(ops, dy=dy)
    kept = mask(ops, 0.2, 5, shape=x.shape)
    scale = np.asarray(1 / (1 - 0.2), dtype)
    np.testing.assert_array_equal(result["y"], np.where(kept, x * scale, 0))
    np.testing.assert_array_equal(result["x"], np.where(kept, dy * scale, 0))


def test_rate_0_changes_nothing(ops, rng):
    x = rng.standard_normal((6, 7))
    result = Case("dropout", {"x": x}, (0.0, 5, None)).run(ops, dy=x)
    np.testing.assert_array_equal(result["y"], x)
    np.testing.assert_array_equal(result["x"], x)


def test_rate_1_keeps_nothing(ops, rng):
    x = rng.standard_normal((6, 7))
    result = Case("dropout", {"x": x}, (1.0, 5, None)).run(ops, dy=x)
    assert not result["y"].any()
    assert not result["x"].any()


@pytest.mark.parametrize("noise_shape", [(4, 1, 1, 6), (None, 1, 1, None), (1, 3, 5, 1)])
def test_noise_shape_is_broadcast(ops, noise_shape):
    shape = (4, 3, 5, 6)
    small = [n if m is None else m for m, n in zip(noise_shape, shape, strict=True)]
    expected = np.broadcast_to(mask(ops, shape=tuple(small)), shape)
    np.testing.assert_array_equal(mask(ops, shape=shape, noise_shape=noise_shape), expected)


@pytest.mark.parametrize("noise_shape", [(3, 2), (1, 5)])
def test_noise_shape_that_does_not_fit_is_an_error(ops, noise_shape):
    case = Case("dropout", {"x": np.ones((3, 4))}, (0.5, 1, noise_shape))
    with pytest.raises(ValueError, match="broadcast"):
        case.forward(ops, context(ops))
