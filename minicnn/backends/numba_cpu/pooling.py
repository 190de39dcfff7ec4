"""Pooling: one pass over the image, channels innermost; a winner's place is kept in a byte.

And padding as an operation of its own: zeros around an image.
"""

import math

import numpy as np
from numba import prange

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu.caching import cached_njit
from minicnn.backends.numba_cpu.runtime import contiguous, launch
from minicnn.backends.spec import Array, Pads, Pair


def _windows(
    ctx: Context, x: Array, pool_size: Pair, strides: Pair, pads: Pads
) -> tuple[Array, Array, tuple[int, ...]]:
    """x as kernels take it, memory for y (N, OH, OW, C), and what says where the windows are."""
    x = contiguous(ctx, "x", x)
    N, H, W, C = x.shape
    (KH, KW), (SH, SW), ((top, bottom), (left, right)) = pool_size, strides, pads
    OH = (H + top + bottom - KH) // SH + 1
    OW = (W + left + right - KW) // SW + 1
    geometry = KH, KW, SH, SW, top, left
    ctx.save(x_shape=x.shape, geometry=geometry)
    return x, ctx.buffer("y", (N, OH, OW, C), x.dtype), geometry


# -- max-pooling --------------------------------------------------------------------------------


def maxpool2d_forward(ctx: Context, x: Array, pool_size: Pair, strides: Pair, pads: Pads) -> Array:
    """(N, H, W, C)  ->  (N, OH, OW, C): the largest entry of each window, on a tie the first."""
    x, y, geometry = _windows(ctx, x, pool_size, strides, pads)
    entries = math.prod(pool_size)
    winner = ctx.buffer("winner", y.shape, "uint8" if entries < 256 else "int32")
    launch(_max, y.size * entries, x, geometry, y, winner)
    ctx.save(winner=winner)
    return y


def maxpool2d_backward(ctx: Context, dy: Array) -> Array:
    """dx: each dy is added to the winner of its window."""
    dx = ctx.buffer("dx", ctx.x_shape, dy.dtype)
    KH, KW, *_ = ctx.geometry
    launch(_max_back, dy.size * KH * KW, contiguous(ctx, "dy", dy), ctx.winner, ctx.geometry, dx)
    return dx


@cached_njit(parallel=True)
def _max(x, geometry, y, winner):
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
def _max_back(dy, winner, geometry, dx):
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


# -- average pooling ----------------------------------------------------------------------------


def avgpool2d_forward(ctx: Context, x: Array, pool_size: Pair, strides: Pair, pads: Pads) -> Array:
    """(N, H, W, C)  ->  (N, OH, OW, C): the mean of each window, padding left out."""
    x, y, geometry = _windows(ctx, x, pool_size, strides, pads)
    launch(_mean, y.size * math.prod(pool_size), x, geometry, y)
    return y


def avgpool2d_backward(ctx: Context, dy: Array) -> Array:
    """dx: every entry of a window gets an equal share of its dy."""
    dx = ctx.buffer("dx", ctx.x_shape, dy.dtype)
    KH, KW, *_ = ctx.geometry
    launch(_mean_back, dy.size * KH * KW, contiguous(ctx, "dy", dy), ctx.geometry, dx)
    return dx


# error_model="numpy": no check for a division by zero, so that the loops over channels vectorize


@cached_njit()
def _window(oh, ow, geometry, H, W):
    """The part of a window that lies in the image: rows h0 to h1, columns w0 to w1."""
    KH, KW, SH, SW, top, left = geometry
    h, w = oh * SH - top, ow * SW - left
    return max(h, 0), min(h + KH, H), max(w, 0), min(w + KW, W)


@cached_njit(parallel=True, error_model="numpy")
def _mean(x, geometry, y):
    N, H, W, C = x.shape
    for n in prange(N):
        y[n] = 0
        for oh in range(y.shape[1]):
            for ow in range(y.shape[2]):
                h0, h1, w0, w1 = _window(oh, ow, geometry, H, W)
                for h in range(h0, h1):
                    for w in range(w0, w1):
                        for c in range(C):
                            y[n, oh, ow, c] += x[n, h, w, c]
                count = y.dtype.type((h1 - h0) * (w1 - w0))
                for c in range(C):
                    y[n, oh, ow, c] /= count


@cached_njit(parallel=True, error_model="numpy")
def _mean_back(dy, geometry, dx):
    N, H, W, C = dx.shape
    for n in prange(N):
        dx[n] = 0
        for oh in range(dy.shape[1]):
            for ow in range(dy.shape[2]):
                h0, h1, w0, w1 = _window(oh, ow, geometry, H, W)
                count = dy.dtype.type((h1 - h0) * (w1 - w0))
                for h in range(h0, h1):
                    for w in range(w0, w1):
                        for c in range(C):
                            dx[n, h, w, c] += dy[n, oh, ow, c] / count


# -- padding ------------------------------------------------------------------------------------


def pad2d_forward(ctx: Context, x: Array, pads: Pads) -> Array:
    """(N, H, W, C)  ->  (N, top + H + bottom, left + W + right, C)."""
    N, H, W, C = x.shape
    (top, bottom), (left, right) = pads
    y = ctx.buffer("y", (N, top + H + bottom, left + W + right, C), x.dtype)
    launch(_pad, y.size, contiguous(ctx, "x", x), top, left, y)
    ctx.save(x_shape=x.shape, pads=pads)
    return y


def pad2d_backward(ctx: Context, dy: Array) -> Array:
    """The adjoint of padding is cropping: a view of dy."""
    (top, _), (left, _) = ctx.pads
    _, H, W, _ = ctx.x_shape
    return dy[:, top : top + H, left : left + W]


@cached_njit(parallel=True)
def _pad(x, top, left, y):
    N, H, W, C = x.shape
    for n in prange(N):
        y[n] = 0
        for h in range(H):
            for w in range(W):
                for c in range(C):
                    y[n, top + h, left + w, c] = x[n, h, w, c]
