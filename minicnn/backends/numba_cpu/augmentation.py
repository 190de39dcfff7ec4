"""Random flips and shifts: every image by one thread, which draws its numbers itself."""

import math

import numpy as np
from numba import prange

from minicnn.backends.context import Context, draw_keys
from minicnn.backends.numba_cpu import dropout
from minicnn.backends.numba_cpu.caching import cached_njit
from minicnn.backends.numba_cpu.runtime import contiguous, launch
from minicnn.backends.spec import Array

Factor = tuple[float, float]
FILL_MODES = ("constant", "nearest", "reflect", "wrap")


def flip_forward(ctx: Context, x: Array, seed: int, horizontal: bool, vertical: bool) -> Array:
    """Mirror some images (N, H, W, C): across the width, across the height, or both."""
    ctx.save(draw=(*map(np.uint32, draw_keys(seed, int(ctx.step[0]))), horizontal, vertical))
    return _flipped(ctx, "y", x)


def flip_backward(ctx: Context, dy: Array) -> Array:
    """A flip is its own adjoint."""
    return _flipped(ctx, "dx", dy)


def translate_forward(
    ctx: Context, x: Array, seed: int, height_factor: Factor, width_factor: Factor, fill_mode: str,
    fill_value: float, interpolation: str,
) -> Array:  # fmt: skip
    """Shift image n by a part of its height and of its width. (N, H, W, C), shape unchanged."""
    y = ctx.buffer("y", x.shape, x.dtype)
    height, width = (tuple(map(float, f)) for f in (height_factor, width_factor))
    mode = FILL_MODES.index(fill_mode)
    keys = map(np.uint32, draw_keys(seed, int(ctx.step[0])))
    ctx.save(draw=(*keys, height, width, mode, interpolation == "bilinear"))
    launch(_translate, 8 * x.size, contiguous(ctx, "x", x), *ctx.draw, x.dtype.type(fill_value), y)
    return y


def translate_backward(ctx: Context, dy: Array) -> Array:
    """The adjoint: every pixel of dy is added back where it was taken from."""
    dx = ctx.buffer("dx", dy.shape, dy.dtype)
    launch(_translate, 8 * dy.size, contiguous(ctx, "dy", dy), *ctx.draw, None, dx)
    return dx


def _flipped(ctx: Context, name: str, x: Array) -> Array:
    y = ctx.buffer(name, x.shape, x.dtype)
    launch(_flip, x.size, contiguous(ctx, f"{name}_source", x), *ctx.draw, y)
    return y


# -- kernels ----------------------------------------------------------------------------------


@cached_njit()
def _uniform(position, k0, k1):
    """A number in [0, 1)."""
    return dropout.random_bits(position, k0, k1) / 2.0**32


@cached_njit(parallel=True)
def _flip(x, k0, k1, horizontal, vertical, y):
    N, H, W, C = x.shape
    for n in prange(N):
        across = horizontal and _uniform(2 * n, k0, k1) >= 0.5
        down = vertical and _uniform(2 * n + 1, k0, k1) >= 0.5
        for h in range(H):
            row = H - 1 - h if down else h
            for w in range(W):
                column = W - 1 - w if across else w
                for c in range(C):
                    y[n, row, column, c] = x[n, h, w, c]


@cached_njit()
def _pixel(i, size, mode):
    """Index i of an axis extended beyond the image; -1 where ``fill_value`` stands."""
    if i >= 0 and i < size:
        return i
    if mode == 1:  # nearest
        return min(max(i, 0), size - 1)
    if mode == 2:  # reflect
        i %= 2 * size
        return min(i, 2 * size - 1 - i)
    return i % size if mode == 3 else -1  # wrap, constant


@cached_njit()
def _shift(position, k0, k1, factor, size, bilinear):
    """(offset, part): a shifted axis reads at i + offset, and with weight ``part`` one further."""
    low, high = factor
    shift = (low + (high - low) * _uniform(position, k0, k1)) * size
    first = math.floor(-shift if bilinear else 0.5 - shift)
    return first, -shift - first if bilinear else 0.0


@cached_njit(parallel=True)
def _translate(x, k0, k1, height, width, mode, bilinear, fill_value, y):
    """With no ``fill_value`` the adjoint, which is decided when Numba compiles."""
    N, H, W, C = x.shape
    number = x.dtype.type
    for n in prange(N):
        y[n] = 0
        down, h_part = _shift(2 * n, k0, k1, height, H, bilinear)
        right, w_part = _shift(2 * n + 1, k0, k1, width, W, bilinear)
        for h in range(H):
            for i in range(2 if h_part > 0 else 1):
                h_weight = h_part if i else 1 - h_part
                row = _pixel(h + down + i, H, mode)
                for w in range(W):
                    for j in range(2 if w_part > 0 else 1):
                        weight = number(h_weight * (w_part if j else 1 - w_part))
                        column = _pixel(w + right + j, W, mode)
                        inside = row >= 0 and column >= 0
                        if fill_value is not None:
                            for c in range(C):
                                v = x[n, row, column, c] if inside else fill_value
                                y[n, h, w, c] += weight * v
                        elif inside:
                            for c in range(C):
                                y[n, row, column, c] += weight * x[n, h, w, c]
