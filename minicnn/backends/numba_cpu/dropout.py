"""Dropout: the mask is a hash of the position, computed again where it is needed, never stored."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import prange

from minicnn.backends.context import Context, draw_keys
from minicnn.backends.numba_cpu.caching import cached_njit, part
from minicnn.backends.numba_cpu.runtime import contiguous, launch
from minicnn.backends.spec import Array


def dropout_forward(
    ctx: Context, x: Array, rate: float, seed: int, noise_shape: Sequence[int | None] | None
) -> Array:
    """y = x scale where the mask keeps, 0 elsewhere;  scale = 1 / (1 - rate).

    The mask has the shape ``noise_shape`` (None, or None on one axis: as x) and is broadcast to x.
    """
    shape = x.shape
    if noise_shape:
        shape = tuple(n if m is None else m for m, n in zip(noise_shape, x.shape, strict=True))
    ctx.save(mask=mask_of(ctx, rate, seed, x.dtype), mask_shape=shape)
    return _masked(ctx, "y", x)


def dropout_backward(ctx: Context, dy: Array) -> Array:
    """dx = dy scale or 0, by the same mask."""
    return _masked(ctx, "dx", dy)


def mask_of(ctx: Context, rate: float, seed: int, dtype: np.dtype) -> tuple[Any, ...]:
    """What a mask is made from: two keys, the smallest draw that is kept, and the scale."""
    keys = map(np.uint32, draw_keys(seed, int(ctx.step[0])))
    scale = 1 / (1 - rate) if rate < 1 else 0  # rate 1 keeps nothing that could be scaled
    return *keys, int(rate * 2**32), dtype.type(scale)


def apply(mask: tuple[Any, ...], x: Array, y: Array) -> None:
    """y = x scale or 0, for a mask as large as x; y may be x itself."""
    launch(_apply, 8 * x.size, x.reshape(-1), y.reshape(-1), *mask)


def _masked(ctx: Context, name: str, x: Array) -> Array:
    y = ctx.buffer(name, x.shape, x.dtype)
    if ctx.mask_shape == x.shape:
        apply(ctx.mask, contiguous(ctx, f"{name}_source", x), y)
        return y
    factor = ctx.buffer("factor", ctx.mask_shape, x.dtype)  # scale or 0
    factor[...] = 1
    apply(ctx.mask, factor, factor)
    y[...] = 0
    return np.multiply(x, factor, out=y, where=factor > 0)


@part()
def random_bits(i, k0, k1):
    """32 well-mixed bits as a whole number, by the formula of ``spec.dropout_forward``."""
    h = np.uint32(i) ^ k0
    h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D))
    h = np.uint32(h + k1)
    h = np.uint32((h ^ (h >> np.uint32(15))) * np.uint32(0x846CA68B))
    return np.int64(np.uint32(h ^ (h >> np.uint32(16))))


@cached_njit(parallel=True)
def _apply(x, y, k0, k1, threshold, scale):
    zero = x.dtype.type(0)
    for i in prange(x.size):
        y[i] = x[i] * scale if random_bits(i, k0, k1) >= threshold else zero
