"""Dropout, with a mask that is a hash of the position instead of a random stream."""

import math
from collections.abc import Sequence

import numpy as np

from minicnn.backends.context import Context, draw_keys
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
    bits = random_bits(math.prod(shape), seed, int(ctx.step[0]))
    keep = (bits >= int(rate * 2**32)).reshape(shape)
    scale = 1 / (1 - rate) if rate < 1 else 0.0  # rate 1 keeps nothing that could be scaled
    ctx.save(keep=keep, scale=scale)
    return np.where(keep, x * scale, 0)


def dropout_backward(ctx: Context, dy: Array) -> Array:
    """y = x scale or 0   gives   dx = dy scale or 0, by the same mask."""
    return np.where(ctx.keep, dy * ctx.scale, 0)


def random_bits(size: int, seed: int, step: int) -> Array:
    """``size`` well-mixed uint32, one a position: the same for the same (seed, step, position)."""
    k0, k1 = draw_keys(seed, step)
    h = np.arange(size, dtype=np.uint32)  # (size,), the position
    h ^= k0
    h ^= h >> 16
    h *= 0x7FEB352D  # products and sums wrap at 2^32
    h += k1
    h ^= h >> 15
    h *= 0x846CA68B
    h ^= h >> 16
    return h
