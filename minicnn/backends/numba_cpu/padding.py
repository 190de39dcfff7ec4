"""Zeros around an image: each image is copied by one thread."""

from numba import prange

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu.caching import cached_njit
from minicnn.backends.numba_cpu.runtime import contiguous, launch
from minicnn.backends.spec import Array, Pads


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
