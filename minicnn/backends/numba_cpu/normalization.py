"""Batch normalisation: rows of channels, a chunk of rows a task.

Where the chunks begin depends on the shapes alone and their sums are merged in order, so that any
number of threads gives the same bits.
"""

import numpy as np
from numba import prange

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu.caching import cached_njit
from minicnn.backends.numba_cpu.runtime import contiguous, launch, vector
from minicnn.backends.spec import Array

#: entries of a task: 64 KiB in float32, so that the second look at them is free
CHUNK = 16_384


def batchnorm_forward(
    ctx: Context, x: Array, gamma: Array | None, beta: Array | None, axis: int, epsilon: float
) -> tuple[Array, Array, Array]:
    """(y, mean (C,), variance (C,)) with the statistics of this batch."""
    rows = _rows(ctx, "x", x, axis)  # (R, C)
    R, C = rows.shape
    chunk = _chunk(C)
    parts = ctx.buffer("parts", (-(-R // chunk), 2, C), x.dtype)
    mean, variance = ctx.buffer("mean", (C,), x.dtype), ctx.buffer("variance", (C,), x.dtype)
    launch(_moments, 4 * x.size, rows, chunk, parts, mean, variance)
    y = normalize_forward(ctx, x, gamma, beta, mean, variance, axis, epsilon)
    return y, mean, variance


def batchnorm_backward(
    ctx: Context, dy: Array, gamma: Array | None, dgamma: Array | None, dbeta: Array | None
) -> Array | None:
    """dx = gamma / sqrt(variance + epsilon) (dy - mean(dy) - x_hat mean(dy x_hat))."""
    return _backward(ctx, dy, dgamma, dbeta, of_batch=True)


def normalize_forward(
    ctx: Context, x: Array, gamma: Array | None, beta: Array | None, mean: Array, variance: Array,
    axis: int, epsilon: float,
) -> Array:  # fmt: skip
    """y = gamma x_hat + beta,   x_hat = (x - mean) / sqrt(variance + epsilon)."""
    rows = _rows(ctx, "x", x, axis)  # (R, C)
    C = rows.shape[1]
    y = ctx.buffer("y", np.moveaxis(x, axis, -1).shape, x.dtype)  # channels last
    inverse = ctx.buffer("inverse", (C,), x.dtype)  # 1 / sqrt(variance + epsilon)
    np.sqrt(variance + x.dtype.type(epsilon), out=inverse)
    np.divide(1, inverse, out=inverse)
    slope = ctx.buffer("slope", (C,), x.dtype)  # dy/dx at fixed statistics
    np.multiply(inverse, 1 if gamma is None else gamma, out=slope)
    beta = vector(ctx, beta, C, x.dtype)
    launch(_affine, 3 * x.size, rows, mean, slope, beta, _chunk(C), y.reshape(-1, C))
    ctx.save(rows=rows, mean=mean, inverse=inverse, slope=slope, axis=axis)
    return np.moveaxis(y, -1, axis)


def normalize_backward(
    ctx: Context, dy: Array, gamma: Array | None, dgamma: Array | None, dbeta: Array | None
) -> Array | None:
    """dgamma = sum(dy x_hat),   dbeta = sum(dy),   dx = dy gamma / sqrt(variance + epsilon)."""
    return _backward(ctx, dy, dgamma, dbeta, of_batch=False)


def moving_average(average: Array, value: Array, momentum: float) -> None:
    """average = momentum average + (1 - momentum) value: too few numbers for a kernel."""
    number = average.dtype.type
    average[...] = number(momentum) * average + number(1 - momentum) * value


def rescale_forward(ctx: Context, x: Array, scale: float, offset: float) -> Array:
    """y = x scale + offset."""
    ctx.save(scale=x.dtype.type(scale))
    return _rescaled(ctx, "y", x, x.dtype.type(offset))


def rescale_backward(ctx: Context, dy: Array) -> Array:
    """dx = dy scale."""
    return _rescaled(ctx, "dx", dy, dy.dtype.type(0))


def _rescaled(ctx: Context, name: str, x: Array, offset: np.number) -> Array:
    y = ctx.buffer(name, x.shape, x.dtype)
    x = contiguous(ctx, f"{name}_source", x)
    launch(_rescale, x.size, x.reshape(-1), ctx.scale, offset, y.reshape(-1))
    return y


def _backward(
    ctx: Context, dy: Array, dgamma: Array | None, dbeta: Array | None, of_batch: bool
) -> Array | None:
    rows = _rows(ctx, "dy", dy, ctx.axis)  # (R, C)
    R, C = rows.shape
    chunk = _chunk(C)
    parts = ctx.buffer("parts", (-(-R // chunk), 2, C), dy.dtype)
    sums = ctx.buffer("sums", (2, C), dy.dtype)  # of dy, and of dy x_hat
    launch(_sums, 4 * dy.size, ctx.rows, rows, ctx.mean, ctx.inverse, chunk, parts, sums)
    if dbeta is not None:
        dbeta[...] = sums[0]
    if dgamma is not None:
        dgamma[...] = sums[1]
    if not ctx.need_dx:
        return None
    dx = ctx.buffer("dx", np.moveaxis(dy, ctx.axis, -1).shape, dy.dtype)
    sums *= dy.dtype.type(1 / max(R, 1) if of_batch else 0)  # the paths through mean and variance
    launch(
        _input_gradient, 5 * dy.size,
        ctx.rows, rows, ctx.mean, ctx.inverse, ctx.slope, sums, chunk, dx.reshape(-1, C),
    )  # fmt: skip
    return np.moveaxis(dx, -1, ctx.axis)


def _rows(ctx: Context, name: str, x: Array, axis: int) -> Array:
    """(R, C), contiguous: a copy only if the channels are not last already."""
    return contiguous(ctx, name, np.moveaxis(x, axis, -1)).reshape(-1, x.shape[axis])


def _chunk(C: int) -> int:
    """Rows of a task."""
    return max(1, CHUNK // max(C, 1))


# -- kernels ----------------------------------------------------------------------------------


@cached_njit(parallel=True)
def _moments(x, chunk, parts, mean, variance):
    """Mean and biased variance of the columns of x (R, C) in one pass over memory.

    Each chunk has its mean and its sum of squared distances from it; two such pairs merge exactly
    (Chan, Golub, LeVeque 1983, "Algorithms for Computing the Sample Variance").
    """
    R, C = x.shape
    for k in prange(parts.shape[0]):
        r0, r1 = k * chunk, min(R, k * chunk + chunk)
        m, s = parts[k, 0], parts[k, 1]
        m[:] = 0
        s[:] = 0
        for r in range(r0, r1):
            for c in range(C):
                m[c] += x[r, c] - x[r0, c]  # small numbers keep their digits
        for c in range(C):
            m[c] = x[r0, c] + m[c] / (r1 - r0)
        for r in range(r0, r1):
            for c in range(C):
                d = x[r, c] - m[c]
                s[c] += d * d
    for c in range(C):
        total, squares = 0.0, 0.0  # float64
        for k in range(parts.shape[0]):
            before, n = k * chunk, min(R, k * chunk + chunk) - k * chunk
            d = parts[k, 0, c] - total
            total += d * n / (before + n)
            squares += parts[k, 1, c] + d * d * before * n / (before + n)
        mean[c] = total
        variance[c] = squares / max(R, 1)


@cached_njit(parallel=True)
def _affine(x, mean, slope, beta, chunk, y):
    """(x - mean) slope + beta: the difference first, since it may be small beside x."""
    R, C = x.shape
    for k in prange((R + chunk - 1) // chunk):
        for r in range(k * chunk, min(R, k * chunk + chunk)):
            for c in range(C):
                y[r, c] = (x[r, c] - mean[c]) * slope[c] + beta[c]


@cached_njit(parallel=True)
def _sums(x, dy, mean, inverse, chunk, parts, sums):
    """sum(dy) and sum(dy x_hat) of each column."""
    R, C = x.shape
    for k in prange(parts.shape[0]):
        a, b = parts[k, 0], parts[k, 1]
        a[:] = 0
        b[:] = 0
        for r in range(k * chunk, min(R, k * chunk + chunk)):
            for c in range(C):
                a[c] += dy[r, c]
                b[c] += dy[r, c] * ((x[r, c] - mean[c]) * inverse[c])
    for i in range(2):
        for c in range(C):
            total = 0.0  # float64
            for k in range(parts.shape[0]):
                total += parts[k, i, c]
            sums[i, c] = total


@cached_njit(parallel=True)
def _input_gradient(x, dy, mean, inverse, slope, means, chunk, dx):
    """dx = slope (dy - means[0] - x_hat means[1])."""
    R, C = x.shape
    for k in prange((R + chunk - 1) // chunk):
        for r in range(k * chunk, min(R, k * chunk + chunk)):
            for c in range(C):
                x_hat = (x[r, c] - mean[c]) * inverse[c]
                dx[r, c] = slope[c] * (dy[r, c] - means[0, c] - x_hat * means[1, c])


@cached_njit(parallel=True)
def _rescale(x, scale, offset, y):
    for chunk in prange((x.size + CHUNK - 1) // CHUNK):
        for i in range(chunk * CHUNK, min(x.size, (chunk + 1) * CHUNK)):
            y[i] = x[i] * scale + offset
