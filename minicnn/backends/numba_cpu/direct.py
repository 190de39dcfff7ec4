"""Convolution of few channels without windows in memory: shapes and buffers for its kernels.

The kernels, and why they are fast: ``kernels/direct.py``.

What it gained over im2col and BLAS, forward and backward with ReLU and pooling, in ms on two
threads (``python benchmarks/operations.py``, before it was there and now):
5 x 5 of 1 channel: 1.15 -> 0.49, 0.94 -> 0.63;   3 x 3 of 3 channels: 0.38 -> 0.17, 0.31 -> 0.19.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu.kernels import direct as kernels
from minicnn.backends.numba_cpu.kernels.direct import COLUMNS, FILTERS, ROWS, Plan
from minicnn.backends.numba_cpu.kernels.epilogue import Out
from minicnn.backends.numba_cpu.kernels.intrinsics import WIDE
from minicnn.backends.numba_cpu.runtime import PRODUCTS, contiguous, launch, vector
from minicnn.backends.numba_cpu.tiles import (
    FEW_CHANNELS,
    NO_POOL,
    Pool,
    chunk_of,
    convolved,
    gradients,
    lines,
    matrix,
    pieces_of,
    pooled,
    scratch,
)
from minicnn.backends.spec import Array, Pads, Pair

#: with no more filters than this, windows are worth their place in memory
FEW_FILTERS = COLUMNS // 2
#: the fewest entries of a window (rows, columns and channels) that are worth it, the fewest where
#: pooling is done in registers, and the most: times 32 filters they stay in the innermost cache
SHORTEST, SHORTEST_POOLED, LONGEST = 12, 4, 256


def applies(w: Array, groups: int, pool: Pool) -> bool:
    """Whether the kernels compute this convolution, and in less time."""
    KH, KW, C, F = w.shape
    few = WIDE and C < FEW_CHANNELS and F > FEW_FILTERS
    shortest = SHORTEST_POOLED if pools_in_registers(w, pool) else SHORTEST
    return groups == 1 and few and shortest <= KH * KW * C <= LONGEST


def pools_in_registers(w: Array, pool: Pool) -> bool:
    """Whether 2 x 2 max-pooling is done on sums in registers: float64 would need twice as many."""
    return pool[:2] == (2, 2) and w.shape[-1] >= FILTERS and w.itemsize == 4


@dataclass(frozen=True)
class Shapes:
    """What follows from the shapes alone, the number of images aside."""

    plan: Plan
    pool: Pool
    padded: tuple[int, int]
    band: tuple[int, int]
    wide_w: tuple[int, int]
    pieces: int  # that dw is summed in
    work: int  # scalar operations an image


@lru_cache(maxsize=512)
def shapes_of(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...],
    strides: Pair, pads: Pads, dilation: Pair, pool: Pool,
) -> Shapes:  # fmt: skip
    """Shapes for an image (H, W, C) and a kernel (KH, KW, C, F)."""
    KH, KW, C, F = w_shape
    (top, _), (left, _) = pads
    H_pad, W_pad, OH, OW = convolved(x_shape, w_shape, strides, pads, dilation)
    rows, _, _, OW = pooled(OH, OW, pool)
    band, down, across = (1, 1, 1) if pool == NO_POOL else (pool[0], pool[2], pool[3])
    K, wide = KH * KW * C, -(-F // COLUMNS) * COLUMNS
    h, w = np.arange(band) * strides[0], np.arange(OW) * strides[1]
    i, j = np.arange(KH) * dilation[0], np.arange(KW) * dilation[1]
    right, below = strides[1] * C, strides[0] * W_pad * C
    places = _whole((h[:, None] * W_pad + w) * C)
    taps = _whole((i[:, None, None] * W_pad + j[:, None]) * C + np.arange(C))
    return Shapes(
        plan=Plan(
            top, left * C, rows, band, OW, down * below, across * right, right, below, places, taps
        ),
        pool=pool,
        padded=(H_pad, W_pad * C),
        band=(len(places), wide),
        wide_w=(K, wide),
        pieces=pieces_of(K * wide),
        work=rows * band * OW * (K * wide // PRODUCTS + F),
    )


def _whole(offsets: Array) -> Array:
    """Offsets as the kernels take them: flat, unsigned, and a multiple of 6."""
    flat = offsets.ravel().astype("uintp")
    return np.pad(flat, (0, -len(flat) % ROWS), mode="edge")


def forward(ctx: Context, w: Array, b: Array | None) -> None:
    """Convolution, then ReLU and max-pooling as asked, of ``ctx.x`` into ``ctx.out``."""
    s, x, out, N = ctx.direct, ctx.x, ctx.out, len(ctx.x)
    work = N * s.work if N > 1 else 0
    images = lines(x), matrix(ctx, w), vector(ctx, b, w.shape[-1], x.dtype)
    if pools_in_registers(w, s.pool):
        (padded,) = scratch(ctx, x.dtype, {"padded": s.padded})
        launch(kernels.direct_pool_forward, work, *images, tuple(s.plan), padded, _by_rows(out, -1))
        return
    launch(
        kernels.direct_forward, work, *images, tuple(s.plan), _scratch(ctx, s), _by_rows(out, -1, 1)
    )


def backward(ctx: Context, dy: Array, w: Array, dw: Array, db: Array | None) -> None:
    """dw and db. The gradient of the image is another kernel's: it takes windows."""
    s, x, N = ctx.direct, ctx.x, len(ctx.x)
    chunks = s.pieces, len(s.plan.taps), s.wide_w[1]
    launch(
        kernels.direct_backward, N * s.work if N > 1 else 0,
        lines(x), contiguous(ctx, "dy", dy).reshape(-1, 1, *dy.shape[2:]), tuple(s.plan),
        chunk_of(N, 1, s.pieces), _scratch(ctx, s), _by_rows(ctx.out, -1, 1),
        gradients(ctx, chunks, dw, s.wide_w[0], db),
    )  # fmt: skip


def _scratch(ctx: Context, s: Shapes) -> tuple[Array, ...]:
    dtype = ctx.x.dtype
    per_thread = scratch(ctx, dtype, {"padded": s.padded, "band": s.band})
    return *per_thread, ctx.buffer("wide_w", s.wide_w, dtype)


def _by_rows(out: Out, *rows: int) -> tuple[Any, ...]:
    """Each row of y an image of its own: (N, rows, columns, F) -> (N rows, 1, columns, F) or so."""
    y, winner = out.y, out.winner
    return *out[:-2], y.reshape(*rows, *y.shape[2:]), winner.reshape(*rows, *winner.shape[2:])
