"""Average pooling: one pass over the image, channels innermost."""

# Numba infers the types of the kernels
# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators

from typing import Any

from numba import prange

from minicnn.backends.numba_cpu.caching import cached_njit
from minicnn.backends.numba_cpu.memory import contiguous
from minicnn.backends.numba_cpu.runtime import launch
from minicnn.backends.spec import Array, Pads, Pair


def avgpool2d_forward(ctx: Any, x: Array, pool_size: Pair, strides: Pair, pads: Pads) -> Array:
    """(N, H, W, C)  ->  (N, OH, OW, C): the mean of each window, padding left out."""
    x = contiguous(ctx, "x", x)
    N, H, W, C = x.shape
    (KH, KW), (SH, SW), ((top, bottom), (left, right)) = pool_size, strides, pads
    OH = (H + top + bottom - KH) // SH + 1
    OW = (W + left + right - KW) // SW + 1
    y = ctx.buffer("y", (N, OH, OW, C), x.dtype)
    geometry = KH, KW, SH, SW, top, left
    launch(_forward, y.size * KH * KW, x, geometry, y)
    ctx.save(x_shape=x.shape, geometry=geometry)
    return y


def avgpool2d_backward(ctx: Any, dy: Array) -> Array:
    """dx: every entry of a window gets an equal share of its dy."""
    dx = ctx.buffer("dx", ctx.x_shape, dy.dtype)
    KH, KW, *_ = ctx.geometry
    launch(_backward, dy.size * KH * KW, contiguous(ctx, "dy", dy), ctx.geometry, dx)
    return dx


# error_model="numpy": no check for a division by zero, so that the loops over channels vectorize


@cached_njit()
def _window(oh, ow, geometry, H, W):
    """The part of a window that lies in the image: rows h0 to h1, columns w0 to w1."""
    KH, KW, SH, SW, top, left = geometry
    h, w = oh * SH - top, ow * SW - left
    return max(h, 0), min(h + KH, H), max(w, 0), min(w + KW, W)


@cached_njit(parallel=True, error_model="numpy")
def _forward(x, geometry, y):
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
def _backward(dy, geometry, dx):
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
