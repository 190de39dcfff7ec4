"""Random flips and shifts of images: linear maps, so that backward is the adjoint of forward."""

import math
from itertools import product

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.reference.dropout import random_bits
from minicnn.backends.spec import Array

Factor = tuple[float, float]
Taps = tuple[Array, Factor]  # where a shifted axis reads, and with which weights


def flip_forward(ctx: Context, x: Array, seed: int, horizontal: bool, vertical: bool) -> Array:
    """Mirror some images (N, H, W, C): across the width, across the height, or both."""
    ctx.save(flips=(_uniform(ctx, len(x), seed) >= 0.5) & [horizontal, vertical])  # (N, 2)
    return _flipped(ctx, x)


def flip_backward(ctx: Context, dy: Array) -> Array:
    """A flip is its own adjoint."""
    return _flipped(ctx, dy)


def translate_forward(
    ctx: Context, x: Array, seed: int, height_factor: Factor, width_factor: Factor, fill_mode: str,
    fill_value: float, interpolation: str,
) -> Array:  # fmt: skip
    """Shift image n by a part of its height and of its width. (N, H, W, C), shape unchanged.

    y[n] = sum of w x[n, rows, columns] over the two nearest rows and the two nearest columns.
    """
    N, H, W, _ = x.shape
    u = _uniform(ctx, N, seed)  # (N, 2)
    how = fill_mode, interpolation == "bilinear"
    taps = [
        (_taps(H, height_factor, down, *how), _taps(W, width_factor, right, *how))
        for down, right in u
    ]
    y = np.zeros_like(x)
    for n, i, j in product(range(N), (0, 1), (0, 1)):
        rows, columns, weight = _pixels(taps[n], i, j)  # (H, 1), (1, W) and a number
        inside = (rows >= 0) & (columns >= 0)  # (H, W)
        read = np.where(inside[:, :, None], x[n, rows, columns], x.dtype.type(fill_value))
        y[n] += x.dtype.type(weight) * read  # (H, W, C)
    ctx.save(taps=taps)
    return y


def translate_backward(ctx: Context, dy: Array) -> Array:
    """The adjoint: every pixel of dy is added back where it was taken from."""
    dx = np.zeros_like(dy)
    for n, i, j in product(range(len(dy)), (0, 1), (0, 1)):
        rows, columns, weight = _pixels(ctx.taps[n], i, j)
        inside = (rows >= 0) & (columns >= 0)
        share = np.where(inside[:, :, None], dy.dtype.type(weight) * dy[n], 0)  # (H, W, C)
        np.add.at(dx[n], (rows, columns), share)
    return dx


def _uniform(ctx: Context, N: int, seed: int) -> Array:
    """Two numbers in [0, 1) for every image, (N, 2): a hash of (seed, step, position)."""
    return (random_bits(2 * N, seed, int(ctx.step[0])) / 2.0**32).reshape(N, 2)


def _flipped(ctx: Context, x: Array) -> Array:
    across, down = ctx.flips.T[:, :, None, None, None]  # two of (N, 1, 1, 1)
    y = np.where(across, x[:, :, ::-1], x)
    return np.where(down, y[:, ::-1], y)


def _taps(size: int, factor: Factor, u: float, fill_mode: str, bilinear: bool) -> Taps:
    """Where a shifted axis reads: indices (2, size), -1 for outside, and the two weights."""
    low, high = factor
    shift = (low + (high - low) * float(u)) * size
    first = math.floor(-shift) if bilinear else math.floor(0.5 - shift)
    part = -shift - first if bilinear else 0.0
    steps = (first, first + 1 if part else first)  # with a weight of 0 read nothing new
    index = np.arange(size) + np.array(steps)[:, None]  # (2, size)
    if fill_mode == "nearest":
        index = index.clip(0, size - 1)
    elif fill_mode == "wrap":
        index %= size
    elif fill_mode == "reflect":
        index %= 2 * size
        index = np.minimum(index, 2 * size - 1 - index)
    else:
        index = np.where((index >= 0) & (index < size), index, -1)
    return index, (1 - part, part)


def _pixels(taps: tuple[Taps, Taps], i: int, j: int) -> tuple[Array, Array, float]:
    (rows, row_weights), (columns, column_weights) = taps
    return rows[i][:, None], columns[j][None, :], row_weights[i] * column_weights[j]
