"""Metrics: one value a sample, and the running mean over samples, which stays on the device."""

import cupy

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu.arguments import contiguous, converted
from minicnn.backends.cupy_gpu.memory import empty
from minicnn.backends.cupy_gpu.runtime import BLOCK, DType, launch_grid, launch_rows
from minicnn.backends.spec import Array


def categorical_hits(ctx: Context, y: Array, p: Array) -> Array:
    """1 where the largest of y and of p is the same class (first on a tie). (..., K) -> (...)."""
    return _hits(ctx, "categorical_hits", converted(ctx, "labels", y, p.dtype), p)


def sparse_categorical_hits(ctx: Context, y: Array, p: Array) -> Array:
    """1 where the largest of p is the class y.  y (...), p (..., K)  ->  (...)."""
    return _hits(ctx, "sparse_categorical_hits", converted(ctx, "labels", y, "int64"), p)


def sparse_top_k_hits(ctx: Context, y: Array, p: Array, k: int) -> Array:
    """1 where fewer than k scores are larger than that of class y.  y (...), p (..., K) -> (...).

    A row with a number that is not finite, or with a y that is no class, is a miss.
    """
    return _hits(ctx, "sparse_top_k_hits", converted(ctx, "labels", y, "int64"), p, k)


def binary_hits(ctx: Context, y: Array, p: Array, threshold: float) -> Array:
    """Share of the last axis where y is what p says: 1 above ``threshold``. (..., K) -> (...)."""
    return _hits(ctx, "binary_hits", converted(ctx, "labels", y, p.dtype), p, threshold)


def mean_update(state: Array, values: Array, weights: Array | float | None) -> None:
    """state (2,) float64: add sum(weights values) to the first and sum(weights) to the second."""
    each = 1.0
    if isinstance(weights, cupy.ndarray):
        weights = _packed(weights, values.shape, values.dtype)
    elif weights is not None:
        each, weights = float(weights), None
    values = _packed(values, values.shape, values.dtype)
    launch_grid(
        values.dtype, "mean_update", (1,), (BLOCK,), state, values, weights, each, values.size
    )


def _hits(ctx: Context, kernel: str, y: Array, p: Array, *arguments: float) -> Array:
    p = contiguous(ctx, "p", p)
    hits = ctx.buffer("hits", p.shape[:-1], p.dtype)
    launch_rows(p.dtype, kernel, hits.size, y, p, hits, *arguments, hits.size, p.shape[-1])
    return hits


def _packed(array: Array, shape: tuple[int, ...], dtype: DType) -> Array:
    """``array`` as the kernel takes it: itself, as a rule, else a copy broadcast to ``shape``."""
    if array.shape == shape and array.dtype == dtype and array.flags.c_contiguous:
        return array
    copy = empty(shape, dtype)
    copy[...] = array
    return copy
