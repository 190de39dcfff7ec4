"""The fully connected layer, with ReLU and dropout in the same pass where they follow.

Why this is fast: ``kernels/``.
"""

from numba import prange

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu import dropout, runtime
from minicnn.backends.numba_cpu.caching import cached_njit
from minicnn.backends.numba_cpu.kernels.intrinsics import multiply
from minicnn.backends.numba_cpu.runtime import PRODUCTS, contiguous, launch, vector
from minicnn.backends.spec import Array

#: slices of the sum over D: each reads its own part of w
SLICES = 4
#: pieces that the backward products are cut into
BLOCKS = 8
#: rows of a block that forward is cut into besides
BLOCK_ROWS = 1024


def dense_forward(ctx: Context, x: Array, w: Array, b: Array | None) -> Array:
    """y = x @ w + b."""
    return _forward(ctx, x, w, b, relu=False)


def dense_relu_forward(ctx: Context, x: Array, w: Array, b: Array | None) -> Array:
    """y = relu(x @ w + b)."""
    return _forward(ctx, x, w, b, relu=True)


def dense_relu_dropout_forward(
    ctx: Context, x: Array, w: Array, b: Array | None, rate: float, seed: int
) -> Array:
    """y = dropout(relu(x @ w + b)); without dropout when ``ctx.training`` is false."""
    y = _forward(ctx, x, w, b, relu=True)
    if ctx.training:
        mask = dropout.mask_of(ctx, rate, seed, y.dtype)
        dropout.apply(mask, y, y)
        ctx.save(scale=mask[-1])
    return y


def _forward(ctx: Context, x: Array, w: Array, b: Array | None, relu: bool) -> Array:
    D, U = w.shape
    x = contiguous(ctx, "x", x)
    rows = x.reshape(-1, D)  # (N, D): every leading axis taken as one
    N, dtype = len(rows), x.dtype
    work = N * D * U // PRODUCTS
    y = ctx.buffer("y", (*x.shape[:-1], U), dtype)
    slices, blocks = SLICES, max(1, N // BLOCK_ROWS)
    if work < runtime.SMALL:
        slices = blocks = 1
    # one size for all cases, so that a smaller last batch finds its memory
    partial = ctx.buffer("partial", (N, SLICES * U), dtype).reshape(-1)[: slices * N * U]
    launch(
        _multiply_forward, work,
        rows, contiguous(ctx, "w", w), vector(ctx, b, U, dtype), relu,
        partial.reshape(slices, N, U), blocks, y.reshape(-1, U),
    )  # fmt: skip
    ctx.save(x=x, y=y, relu=relu, scale=dtype.type(1))
    return y


def dense_backward(ctx: Context, dy: Array, w: Array, dw: Array, db: Array | None) -> Array | None:
    """dw = x.T @ dy,   db = sum(dy),   dx = dy @ w.T.

    Where ReLU follows, from dy scale where y > 0 and 0 elsewhere: y is 0 where dropped, too.
    """
    D, U = w.shape
    x = ctx.x
    dtype = x.dtype
    rows = x.reshape(-1, D)
    N = len(rows)
    work = 2 * N * D * U // PRODUCTS
    dx = ctx.buffer("dx", x.shape if ctx.need_dx else (1, D), dtype)
    dproduct = ctx.buffer("dproduct", (N, U), dtype)
    launch(
        _multiply_back, work,
        rows, contiguous(ctx, "w", w), contiguous(ctx, "dy", dy).reshape(-1, U),
        ctx.y.reshape(-1, U), ctx.relu, ctx.scale, dproduct, dw,
        ctx.buffer("no_db", (U,), dtype) if db is None else db, dx.reshape(-1, D), ctx.need_dx,
        min(BLOCKS, D) if work >= runtime.SMALL else 1,
    )  # fmt: skip
    return dx if ctx.need_dx else None


# forward has kept what follows
dense_relu_backward = dense_relu_dropout_backward = dense_backward


# -- kernels ----------------------------------------------------------------------------------


@cached_njit(parallel=True)
def _multiply_forward(x, w, b, relu, partial, blocks, y):
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
        rows = slice(N * block // blocks, N * (block + 1) // blocks)
        multiply(x[rows, d], w[d], 0, partial[s, rows])
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
def _multiply_back(x, w, dy, y, relu, scale, dproduct, dw, db, dx, need_dx, blocks):
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
