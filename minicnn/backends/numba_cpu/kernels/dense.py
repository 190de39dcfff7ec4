"""The fully connected layer, with ReLU and the adjoint of dropout in the same pass."""

# Numba infers the types of the kernels
# mypy: ignore-errors

from numba import prange

from minicnn.backends.numba_cpu.caching import cached_njit
from minicnn.backends.numba_cpu.kernels.blas import multiply


@cached_njit(parallel=True)
def dense_forward(x, w, b, relu, partial, blocks, y):
    """y (N, U) = x @ w + b, then ReLU if asked.

    The sum over D is cut into slices, one product each (``partial`` (slices, N, U)), so that every
    entry of w is read by one thread only; with many rows these are cut into blocks as well.
    """
    slices, N, U = partial.shape
    D = x.shape[1]
    zero = y.dtype.type(0)
    for task in prange(slices * blocks):
        s, block = task % slices, task // slices
        d = slice(D * s // slices, D * (s + 1) // slices)
        n = slice(N * block // blocks, N * (block + 1) // blocks)
        multiply(x[n, d], w[d], 0, partial[s, n])
    for n in prange(N):
        for u in range(U):
            y[n, u] = partial[0, n, u]
        for s in range(1, slices):
            for u in range(U):
                y[n, u] += partial[s, n, u]
        for u in range(U):
            v = y[n, u] + b[u]
            y[n, u] = zero if relu and v <= 0 else v


@cached_njit(parallel=True)
def dense_backward(x, w, dy, y, relu, scale, dproduct, dw, db, dx, need_dx, blocks):
    """dw (D, U), db (U,) and dx (N, D) from dy (N, U).

    With ``relu`` dy counts, times ``scale``, where y > 0: there ReLU passed it and dropout kept it.
    """
    N, D = x.shape
    U = w.shape[1]
    strip = 64
    zero = dy.dtype.type(0)
    for t in prange((U + strip - 1) // strip):
        u0, u1 = t * strip, min(U, t * strip + strip)
        for u in range(u0, u1):
            db[u] = 0
        for n in range(N):
            for u in range(u0, u1):
                d = dy[n, u]
                if relu:
                    d = d * scale if y[n, u] > 0 else zero
                dproduct[n, u] = d
                db[u] += d
    for t in prange(blocks):
        d = slice(D * t // blocks, D * (t + 1) // blocks)
        multiply(x[:, d].T, dproduct, 0, dw[d])
        if need_dx:
            multiply(dproduct, w[d].T, 0, dx[:, d])
