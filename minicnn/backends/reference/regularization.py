"""Penalties on weights, and limits that weights are kept within."""

import numpy as np

from minicnn.backends.spec import Array


def add_penalty(total: Array, w: Array, l1: float, l2: float) -> None:
    """total[0] += l1 sum(|w|) + l2 sum(w^2)."""
    if l1:
        total += l1 * np.abs(w).sum(dtype=np.float64)
    if l2:
        total += l2 * np.square(w).sum(dtype=np.float64)


def add_penalty_gradient(dw: Array, w: Array, l1: float, l2: float) -> None:
    """l1 |w| + l2 w^2   gives   dw += l1 sign(w) + 2 l2 w."""
    if l1:
        dw += w.dtype.type(l1) * np.sign(w)
    if l2:
        dw += w.dtype.type(2 * l2) * w


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
