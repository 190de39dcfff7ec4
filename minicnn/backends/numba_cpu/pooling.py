"""Max-pooling: one pass over the image, channels innermost, the winner's place kept in a byte."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from typing import Any

import numpy as np
from numba import prange

from minicnn.backends.numba_cpu.caching import cached_njit
from minicnn.backends.numba_cpu.memory import contiguous
from minicnn.backends.numba_cpu.runtime import launch
from minicnn.backends.spec import Array, Pads, Pair


def maxpool2d_forward(ctx: Any, x: Array, pool_size: Pair, strides: Pair, pads: Pads) -> Array:
    """(N, H, W, C)  ->  (N, OH, OW, C): the largest entry of each window, on a tie the first."""
    x = contiguous(ctx, "x", x)
    N, H, W, C = x.shape
    (KH, KW), (SH, SW), ((top, bottom), (left, right)) = pool_size, strides, pads
    OH = (H + top + bottom - KH) // SH + 1
    OW = (W + left + right - KW) // SW + 1
    y = ctx.buffer("y", (N, OH, OW, C), x.dtype)
    winner = ctx.buffer("winner", y.shape, "uint8" if KH * KW < 256 else "int32")
    geometry = KH, KW, SH, SW, top, left
    launch(_forward, y.size * KH * KW, x, geometry, y, winner)
    ctx.save(x_shape=x.shape, geometry=geometry, winner=winner)
    return y


def maxpool2d_backward(ctx: Any, dy: Array) -> Array:
    """dx: each dy is added to the winner of its window."""
    dx = ctx.buffer("dx", ctx.x_shape, dy.dtype)
    KH, KW, *_ = ctx.geometry
    launch(_backward, dy.size * KH * KW, contiguous(ctx, "dy", dy), ctx.winner, ctx.geometry, dx)
    return dx


@cached_njit(parallel=True)
def _forward(x, geometry, y, winner):
    KH, KW, SH, SW, top, left = geometry
    N, H, W, C = x.shape
    for n in prange(N):
        for oh in range(y.shape[1]):
            for ow in range(y.shape[2]):
                # Until an entry of the image is met the best is -inf, and nobody (KH KW) wins.
                for c in range(C):
                    y[n, oh, ow, c] = -np.inf
                    winner[n, oh, ow, c] = KH * KW
                for q in range(KH * KW):
                    h, w = oh * SH - top + q // KW, ow * SW - left + q % KW
                    if h < 0 or h >= H or w < 0 or w >= W:
                        continue
                    for c in range(C):
                        v, best = x[n, h, w, c], y[n, oh, ow, c]
                        first = winner[n, oh, ow, c] == KH * KW
                        wins = first | (v > best) | ((v != v) & (best == best))  # a NaN wins
                        y[n, oh, ow, c] = v if wins else best
                        winner[n, oh, ow, c] = q if wins else winner[n, oh, ow, c]


@cached_njit(parallel=True)
def _backward(dy, winner, geometry, dx):
    KH, KW, SH, SW, top, left = geometry
    N, H, W, C = dx.shape
    zero = dy.dtype.type(0)
    for n in prange(N):
        dx[n] = 0
        for oh in range(dy.shape[1]):
            for ow in range(dy.shape[2]):
                for q in range(KH * KW):
                    h, w = oh * SH - top + q // KW, ow * SW - left + q % KW
                    if h < 0 or h >= H or w < 0 or w >= W:
                        continue
                    for c in range(C):
                        won = winner[n, oh, ow, c] == q
                        dx[n, h, w, c] += dy[n, oh, ow, c] if won else zero
