"""Convolution of few channels without windows in memory: shapes and buffers for its kernels.

The kernels, and why they are fast: ``kernels/direct.py``.

What it gained over im2col and BLAS, forward and backward with ReLU and pooling, in ms on two
threads (``python benchmarks/operations.py``, before it was there and now):
5 x 5 of 1 channel: 1.15 -> 0.49, 0.94 -> 0.63;   3 x 3 of 3 channels: 0.38 -> 0.17, 0.31 -> 0.19.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu import tiles
from minicnn.backends.numba_cpu.kernels import direct as kernels
from minicnn.backends.numba_cpu.kernels.direct import COLUMNS, FILTERS, ROWS, Plan
from minicnn.backends.numba_cpu.kernels.epilogue import Out
from minicnn.backends.numba_cpu.kernels.intrinsics import WIDE
from minicnn.backends.numba_cpu.runtime import PRODUCTS, contiguous, launch, vector
from minicnn.backends.spec import Array, Pads, Pair

#: with no more filters than this, windows are worth their place in memory
FEW_FILTERS = COLUMNS // 2
#: the fewest entries of a window (rows, columns and channels) that are worth it, the fewest where
#: pooling is done in registers, and the most: times 32 filters they stay in the innermost cache
SHORTEST, SHORTEST_POOLED, LONGEST = 12, 4, 256


def applies(w: Array, groups: int, pool: tiles.Pool) -> bool:
    """Whether the kernels compute this convolution, and in less time."""
    KH, KW, C, F = w.shape
    few = WIDE and C < tiles.FEW_CHANNELS and F > FEW_FILTERS
    shortest = SHORTEST_POOLED if pools_in_registers(w, pool) else SHORTEST
    return groups == 1 and few and shortest <= KH * KW * C <= LONGEST


def pools_in_registers(w: Array, pool: tiles.Pool) -> bool:
    """Whether 2 x 2 max-pooling is done on sums in registers: float64 would need twice as many."""
    return pool[:2] == (2, 2) and w.shape[-1] >= FILTERS and w.itemsize == 4


@lru_cache(maxsize=512)
def shapes_of(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...],
    strides: Pair, pads: Pads, dilation: Pair, pool: tiles.Pool,
) -> tiles.Shapes[Plan]:  # fmt: skip
    """Shapes for an image (H, W, C) and a kernel (KH, KW, C, F)."""
    KH, KW, C, F = w_shape
    (top, _), (left, _) = pads
    (H_pad, W_pad), (rows, columns), (_, OW) = tiles.sizes(
        x_shape, w_shape, strides, pads, dilation, pool
    )
    band, down, across = (1, 1, 1) if pool == tiles.NO_POOL else (pool[0], pool[2], pool[3])
    K, wide = KH * KW * C, -(-F // COLUMNS) * COLUMNS
    h, w = np.arange(band) * strides[0], np.arange(OW) * strides[1]
    i, j = np.arange(KH) * dilation[0], np.arange(KW) * dilation[1]
    right, below = strides[1] * C, strides[0] * W_pad * C
    places = _whole((h[:, None] * W_pad + w) * C)
    taps = _whole((i[:, None, None] * W_pad + j[:, None]) * C + np.arange(C))
    return tiles.Shapes(
        plan=Plan(
            top, left * C, rows, band, OW, down * below, across * right, right, below, places, taps
        ),
        y=(rows, columns, F),
        scratch={"padded": (H_pad, W_pad * C), "band": (len(places), wide)},
        chunks=(tiles.pieces_of(K * wide), len(taps), wide),
        work=rows * band * OW * (K * wide // PRODUCTS + F),
    )


def _whole(offsets: Array) -> Array:
    """Offsets as the kernels take them: flat, unsigned, and a multiple of 6."""
    flat = offsets.ravel().astype("uintp")
    return np.pad(flat, (0, -len(flat) % ROWS), mode="edge")


def forward(ctx: Context, w: Array, b: Array | None, pool: tiles.Pool) -> None:
    """Convolution, then ReLU and max-pooling as asked, of ``ctx.x`` into ``ctx.out``."""
    s, x, out, N = ctx.direct, ctx.x, ctx.out, len(ctx.x)
    work = N * s.work if N > 1 else 0
    images = tiles.lines(x), tiles.matrix(ctx, w), vector(ctx, b, w.shape[-1], x.dtype)
    if pools_in_registers(w, pool):
        (padded,) = tiles.scratch(ctx, x.dtype, {"padded": s.scratch["padded"]})
        launch(kernels.direct_pool_forward, work, *images, tuple(s.plan), padded, _rows(out, -1))
        return
    scratch = _scratch(ctx, w)
    launch(kernels.direct_forward, work, *images, tuple(s.plan), scratch, _rows(out, -1, 1))


def backward(ctx: Context, dy: Array, w: Array, dw: Array, db: Array | None) -> None:
    """dw and db. The gradient of the image is another kernel's: it takes windows."""
    s, x, N = ctx.direct, ctx.x, len(ctx.x)
    launch(
        kernels.direct_backward, N * s.work if N > 1 else 0,
        tiles.lines(x), contiguous(ctx, "dy", dy).reshape(-1, 1, *dy.shape[2:]), tuple(s.plan),
        tiles.chunk_of(N, 1, s.chunks[0]), _scratch(ctx, w), _rows(ctx.out, -1, 1),
        tiles.gradients(ctx, s.chunks, dw, w.size // w.shape[-1], db),
    )  # fmt: skip


def _scratch(ctx: Context, w: Array) -> tuple[Array, ...]:
    s = ctx.direct
    wide_w = ctx.buffer("wide_w", (w.size // w.shape[-1], s.chunks[2]), w.dtype)
    return *tiles.scratch(ctx, w.dtype, s.scratch), wide_w


def _rows(out: Out, *rows: int) -> tuple[Any, ...]:
    """Each row of y an image of its own: (N, rows, columns, F) -> (N rows, 1, columns, F) or so."""
    y, winner = out.y, out.winner
    return *out[:-2], y.reshape(*rows, *y.shape[2:]), winner.reshape(*rows, *winner.shape[2:])
