"""The fully connected layer, with ReLU and dropout in the same pass where they follow.

The kernels, and why they are fast: ``kernels/``.
"""

import math
from typing import Any

from minicnn.backends.numba_cpu import dropout, runtime
from minicnn.backends.numba_cpu.kernels import dense as kernels
from minicnn.backends.numba_cpu.memory import contiguous, vector
from minicnn.backends.numba_cpu.runtime import PRODUCTS, launch
from minicnn.backends.spec import Array

#: slices of the sum over D: each reads its own part of w
SLICES = 4
#: pieces that the backward products are cut into
BLOCKS = 8
#: rows of a block that forward is cut into besides
BLOCK_ROWS = 1024


def dense_forward(ctx: Any, x: Array, w: Array, b: Array | None) -> Array:
    """y = x @ w + b."""
    return _forward(ctx, x, w, b, relu=False)


def dense_backward(ctx: Any, dy: Array, w: Array, dw: Array, db: Array | None) -> Array | None:
    """dw = x.T @ dy,   db = sum(dy),   dx = dy @ w.T."""
    return _backward(ctx, dy, w, dw, db)


def dense_relu_forward(ctx: Any, x: Array, w: Array, b: Array | None) -> Array:
    """y = relu(x @ w + b)."""
    return _forward(ctx, x, w, b, relu=True)


def dense_relu_backward(ctx: Any, dy: Array, w: Array, dw: Array, db: Array | None) -> Array | None:
    """As for the dense layer, from dy where y > 0 and 0 elsewhere."""
    return _backward(ctx, dy, w, dw, db)


def dense_relu_dropout_forward(
    ctx: Any, x: Array, w: Array, b: Array | None, rate: float, seed: int
) -> Array:
    """y = dropout(relu(x @ w + b)); without dropout when ``ctx.training`` is false."""
    y = _forward(ctx, x, w, b, relu=True)
    if ctx.training:
        mask = dropout.mask_of(ctx, rate, seed, y.dtype)
        dropout.apply(mask, y, y)
        ctx.save(scale=mask[-1])
    return y


def dense_relu_dropout_backward(
    ctx: Any, dy: Array, w: Array, dw: Array, db: Array | None
) -> Array | None:
    """As for the dense layer, from dy scale where y > 0 and 0 elsewhere: y is 0 where dropped."""
    return _backward(ctx, dy, w, dw, db)


def _forward(ctx: Any, x: Array, w: Array, b: Array | None, relu: bool) -> Array:
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
    partial = ctx.buffer("partial", (N, SLICES * U), dtype).reshape(-1)
    partial = partial[: slices * N * U].reshape(slices, N, U)
    launch(
        kernels.dense_forward, work,
        rows, contiguous(ctx, "w", w), vector(ctx, b, U, dtype), relu,
        partial, blocks, y.reshape(-1, U),
    )  # fmt: skip
    ctx.save(x=x, y=y, relu=relu, scale=dtype.type(1))
    return y


def _backward(ctx: Any, dy: Array, w: Array, dw: Array, db: Array | None) -> Array | None:
    D, U = w.shape
    x = ctx.x
    dtype = x.dtype
    rows = x.reshape(-1, D)
    N = len(rows)
    work = 2 * N * D * U // PRODUCTS
    dx = ctx.buffer("dx", x.shape if ctx.need_dx else (1, D), dtype)
    dproduct = ctx.buffer("dproduct", (math.prod(x.shape[:-1]), U), dtype)  # (N, U)
    launch(
        kernels.dense_backward, work,
        rows, contiguous(ctx, "w", w), contiguous(ctx, "dy", dy).reshape(-1, U),
        ctx.y.reshape(-1, U), ctx.relu, ctx.scale, dproduct, dw,
        ctx.buffer("no_db", (U,), dtype) if db is None else db, dx.reshape(-1, D), ctx.need_dx,
        min(BLOCKS, D) if work >= runtime.SMALL else 1,
    )  # fmt: skip
    return dx if ctx.need_dx else None
