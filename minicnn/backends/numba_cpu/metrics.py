"""Metrics: one value a sample, and the running mean over samples. A few numbers: NumPy does."""

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.spec import Array


def categorical_hits(ctx: Context, y: Array, p: Array) -> Array:
    """1 where the largest of y and of p is the same class (first on a tie). (..., K) -> (...)."""
    return (y.argmax(axis=-1) == p.argmax(axis=-1)).astype(p.dtype)


def sparse_categorical_hits(ctx: Context, y: Array, p: Array) -> Array:
    """1 where the largest of p is the class y.  y (...), p (..., K)  ->  (...)."""
    return (y == p.argmax(axis=-1)).astype(p.dtype)


def sparse_top_k_hits(ctx: Context, y: Array, p: Array, k: int) -> Array:
    """1 where fewer than k scores are larger than that of class y.  y (...), p (..., K) -> (...).

    A row with a number that is not finite, or with a y that is no class, is a miss.
    """
    known = (y >= 0) & (y < p.shape[-1])
    own = np.take_along_axis(p, np.where(known, y, 0)[..., None], axis=-1)  # (..., 1)
    hits = known & np.isfinite(p).all(axis=-1) & ((p > own).sum(axis=-1) < k)
    return hits.astype(p.dtype)


def binary_hits(ctx: Context, y: Array, p: Array, threshold: float) -> Array:
    """Share of the last axis where y is what p says: 1 above ``threshold``. (..., K) -> (...)."""
    return (y == (p > threshold)).mean(axis=-1, dtype=p.dtype)


def mean_update(state: Array, values: Array, weights: Array | float | None) -> None:
    """state (2,) float64: add sum(weights values) to the first and sum(weights) to the second."""
    if isinstance(weights, np.ndarray):
        weights = np.broadcast_to(weights, values.shape)
        state[0] += (weights * values).sum(dtype=np.float64)
        state[1] += weights.sum(dtype=np.float64)
    else:
        each = 1.0 if weights is None else weights
        state[0] += each * values.sum(dtype=np.float64)
        state[1] += each * values.size
