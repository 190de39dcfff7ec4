"""Penalties on weights in one pass each; constraints, seldom used, in NumPy."""

# Numba infers the types of the kernels
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

import numpy as np
from numba import prange

from minicnn.backends.numba_cpu.caching import cached_njit
from minicnn.backends.numba_cpu.runtime import launch
from minicnn.backends.spec import Array

#: entries of a task: 64 KiB in float32
CHUNK = 16_384


def add_penalty(total: Array, w: Array, l1: float, l2: float) -> None:
    """total[0] += l1 sum(|w|) + l2 sum(w^2)."""
    launch(_add_penalty, 2 * w.size, total, w.reshape(-1), float(l1), float(l2))


def add_penalty_gradient(dw: Array, w: Array, l1: float, l2: float) -> None:
    """dw += l1 sign(w) + 2 l2 w."""
    number = w.dtype.type
    launch(
        _add_gradient, 2 * w.size, dw.reshape(-1), w.reshape(-1), number(l1), number(2 * l2)
    )  # fmt: skip


def limit_norms(
    w: Array, axes: tuple[int, ...], smallest: float, largest: float, rate: float
) -> None:
    """Scale the vectors along ``axes`` towards a norm in [smallest, largest]."""
    norm = np.sqrt(np.square(w).sum(axis=axes, keepdims=True))
    wanted = rate * norm.clip(smallest, largest) + (1 - rate) * norm
    w *= wanted / (norm + 1e-7)


def clip_negative(w: Array) -> None:
    """w = max(w, 0); NaN stays."""
    np.maximum(w, 0, out=w)


# "reassoc" lets the sum of a chunk run in several lanes; unlike full fastmath it keeps NaN
@cached_njit(parallel=True, fastmath={"reassoc"})
def _add_penalty(total, w, l1, l2):
    """Chunks are summed apart and added in order: the same bits on any number of threads."""
    pieces = (w.size + CHUNK - 1) // CHUNK
    parts = np.zeros((pieces, 2), w.dtype)
    for k in prange(pieces):
        absolute, square = w.dtype.type(0), w.dtype.type(0)
        for i in range(k * CHUNK, min(w.size, (k + 1) * CHUNK)):
            absolute += abs(w[i])
            square += w[i] * w[i]
        parts[k, 0], parts[k, 1] = absolute, square
    absolute_sum, square_sum = 0.0, 0.0  # float64
    for k in range(pieces):
        absolute_sum += parts[k, 0]
        square_sum += parts[k, 1]
    total[0] += l1 * absolute_sum + l2 * square_sum


@cached_njit(parallel=True)
def _add_gradient(dw, w, l1, twice_l2):
    zero = w.dtype.type(0)
    for chunk in prange((w.size + CHUNK - 1) // CHUNK):
        for i in range(chunk * CHUNK, min(w.size, (chunk + 1) * CHUNK)):
            slope = l1 if w[i] > 0 else zero
            slope = -l1 if w[i] < 0 else slope
            dw[i] += slope + twice_l2 * w[i]  # a NaN gets through here, even if l2 is 0
