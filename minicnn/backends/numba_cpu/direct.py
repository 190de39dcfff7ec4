"""Convolution of few channels without windows in memory: shapes and buffers for its kernels.

The kernels, and why they are fast: ``kernels/direct.py``.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu.kernels import direct as kernels
from minicnn.backends.numba_cpu.kernels.direct import COLUMNS, FILTERS, ROWS
from minicnn.backends.numba_cpu.kernels.intrinsics import WIDE
from minicnn.backends.numba_cpu.runtime import PRODUCTS, contiguous, launch, vector
from minicnn.backends.numba_cpu.tiles import (
    FEW_CHANNELS,
    NO_POOL,
    Pool,
    chunk_of,
    convolved,
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

    C: int
    geometry: tuple[int, int, int, int, int]  # top, left, rows of y; rows and columns of a band
    pool: Pool
    steps: tuple[int, int, int, int]  # down and across in y, right and below in a 2 x 2 window
    places: Array  # where the windows of a band begin, the last repeated to a multiple of 6
    taps: Array  # the entries of a window, likewise
    padded: tuple[int, int]  # the image with its border, (rows, columns C)
    product: tuple[int, int]
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
    places = _whole((h[:, None] * W_pad + w) * C)
    taps = _whole((i[:, None, None] * W_pad + j[:, None]) * C + np.arange(C))
    return Shapes(
        C=C,
        geometry=(top, left, rows, band, OW),
        pool=pool,
        steps=(
            down * strides[0] * W_pad * C,
            across * strides[1] * C,
            strides[1] * C,
            strides[0] * W_pad * C,
        ),
        places=places,
        taps=taps,
        padded=(H_pad, W_pad * C),
        product=(len(places), wide),
        wide_w=(K, wide),
        pieces=pieces_of(K * wide),
        work=rows * band * OW * (K * wide // PRODUCTS + F),
    )


def _whole(offsets: Array) -> Array:
    """Offsets as the kernels take them: flat, unsigned, and a multiple of 6."""
    flat = offsets.ravel().astype("uintp")
    return np.pad(flat, (0, -len(flat) % ROWS), mode="edge")


def forward(ctx: Context, w: Array, b: Array | None) -> None:
    """Convolution, then ReLU and max-pooling as asked, of ``ctx.x`` into ``ctx.y``."""
    s, x, N = ctx.direct, ctx.x, len(ctx.x)
    dtype, work = x.dtype, N * s.work if N > 1 else 0
    if pools_in_registers(w, s.pool):
        launch(
            kernels.direct_pool_forward, work,
            lines(x), matrix(ctx, w), vector(ctx, b, w.shape[-1], dtype), s.C, s.geometry,
            s.steps, s.taps[: s.wide_w[0]], *scratch(ctx, dtype, padded=s.padded),
            _rows(ctx.y), _rows(ctx.winner),
        )  # fmt: skip
        return
    launch(
        kernels.direct_forward, work,
        lines(x), matrix(ctx, w), vector(ctx, b, w.shape[-1], dtype), s.C, s.steps[0], s.geometry,
        s.places, s.taps, ctx.relu, s.pool, *scratch(ctx, dtype, padded=s.padded, band=s.product),
        ctx.buffer("wide_w", s.wide_w, dtype), _by_rows(ctx.y), _by_rows(ctx.winner),
    )  # fmt: skip


def backward(ctx: Context, dy: Array, w: Array, dw: Array, db: Array | None) -> None:
    """dw and db. The gradient of the image is another kernel's: it takes windows."""
    s, x, N = ctx.direct, ctx.x, len(ctx.x)
    dtype, F = x.dtype, w.shape[-1]
    launch(
        kernels.direct_backward, N * s.work if N > 1 else 0,
        lines(x), _by_rows(contiguous(ctx, "dy", dy)), _by_rows(ctx.y), _by_rows(ctx.winner),
        s.C, s.steps[0], chunk_of(N, 1, s.pieces), s.geometry, s.places, s.taps, ctx.relu, s.pool,
        *scratch(ctx, dtype, padded=s.padded, band=s.product),
        ctx.buffer("wide_dw", (s.pieces, len(s.taps), s.wide_w[1]), dtype),
        ctx.buffer("db_chunks", (s.pieces, F), dtype), dw.reshape(-1, F),
        ctx.buffer("no_db", (F,), dtype) if db is None else db,
    )  # fmt: skip


def _rows(y: Array) -> Array:
    """(N, rows, columns, F)  ->  (N rows, columns, F)."""
    return y.reshape(-1, *y.shape[2:])


def _by_rows(y: Array) -> Array:
    """(N, rows, columns, F)  ->  (N rows, 1, columns, F)."""
    rows = _rows(y)
    return rows.reshape(len(rows), 1, *rows.shape[1:])
