"""Metrics: one value a sample, and the running mean over samples. A few numbers: NumPy does."""

from typing import Any

import numpy as np

from minicnn.backends.spec import Array


def categorical_hits(ctx: Any, y: Array, p: Array) -> Array:
    """1 where the largest of y and of p is the same class (first on a tie). (..., K) -> (...)."""
    return _hits(ctx, y.argmax(axis=-1), p)


def sparse_categorical_hits(ctx: Any, y: Array, p: Array) -> Array:
    """1 where the largest of p is the class y.  y (...), p (..., K)  ->  (...)."""
    return _hits(ctx, y, p)


def binary_hits(ctx: Any, y: Array, p: Array, threshold: float) -> Array:
    """Share of the last axis where y is what p says: 1 above ``threshold``. (..., K) -> (...)."""
    hits = ctx.buffer("hits", p.shape[:-1], p.dtype)
    return (y == (p > threshold)).mean(axis=-1, dtype=p.dtype, out=hits)


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


def _hits(ctx: Any, labels: Array, p: Array) -> Array:
    hits = ctx.buffer("hits", labels.shape, p.dtype)
    hits[...] = labels == p.argmax(axis=-1)
    return hits
