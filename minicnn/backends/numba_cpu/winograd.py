"""Convolution by Winograd's algorithm: shapes and buffers for its two kernels.

Kernels of 3 x 3 with many channels need 16 products for 36: ``kernels/transforms.py``.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu.kernels import winograd as kernels
from minicnn.backends.numba_cpu.runtime import PRODUCTS, contiguous, launch, vector
from minicnn.backends.numba_cpu.tiles import (
    Pool,
    chunk_of,
    convolved,
    outputs,
    pieces_of,
    pooled,
    scratch,
)
from minicnn.backends.spec import Array, Pads, Pair

#: fewer input channels or filters than this, and the transforms cost more than they save
MANY_CHANNELS = 16
#: numbers between the rows of V and M: without them, one column would always meet the same few
#: places of the innermost cache
APART = 16
#: images a tile, at most, and entries of V and M, which shall stay in the L2 cache
TILE, CACHED = 16, 1 << 17


def applies(w: Array, strides: Pair, dilation: Pair, groups: int) -> bool:
    """Whether the algorithm computes this convolution, and in less time."""
    return w.shape[:2] == (3, 3) and is_plain(w, strides, dilation, groups)


def is_plain(w: Array, strides: Pair, dilation: Pair, groups: int) -> bool:
    """What patches of any size need: no stride, no dilation, one group and many channels."""
    C, F = w.shape[2:]
    return strides == dilation == (1, 1) and groups == 1 and min(C, F) >= MANY_CHANNELS


@dataclass(frozen=True)
class Shapes:
    """What follows from the shapes alone, the number of images aside."""

    T: int  # images a tile
    geometry: tuple[int, int, int, int]  # top, left, TH, TW: TH x TW patches
    even: bool  # whether these make no more outputs than there are
    pool: Pool
    y: tuple[int, int, int]  # without N
    U: tuple[int, int, int]  # 16, C, F
    kernel_lines: tuple[int, int]
    V: tuple[int, int]  # rows are patches
    M: tuple[int, int]
    image: tuple[int, int, int]  # padded so that patches cover it
    product: tuple[int, int]
    pieces: int  # that dw is summed in
    work: int  # scalar operations an image


@lru_cache(maxsize=512)
def shapes_of(
    w_shape: tuple[int, ...], x_shape: tuple[int, ...], pads: Pads,
    pool: Pool,
) -> Shapes:  # fmt: skip
    """Shapes for an image (H, W, C) and a kernel (3, 3, C, F)."""
    C, F = w_shape[2:]
    (top, _), (left, _) = pads
    _, _, OH, OW = convolved(x_shape, w_shape, (1, 1), pads, (1, 1))
    rows, columns, OH, OW = pooled(OH, OW, pool)
    TH, TW = (OH + 1) // 2, (OW + 1) // 2
    patches = TH * TW
    T = 1
    while 2 * T <= TILE and 2 * T * patches * 16 * (C + F) <= CACHED:
        T *= 2
    return Shapes(
        T=T,
        geometry=(top, left, TH, TW),
        even=(2 * TH, 2 * TW) == (OH, OW),
        pool=pool,
        y=(rows, columns, F),
        U=(16, C, F),
        kernel_lines=(4, 3 * C * F),
        V=(T * patches, 16 * C + APART),
        M=(T * patches, 16 * F + APART),
        image=(2 * TH + 2, 2 * TW + 2, C),
        product=(4 * T * patches, F),
        pieces=pieces_of(16 * C * F),
        work=patches * 16 * (C * F // PRODUCTS + C + F),
    )


def forward(
    ctx: Context, x: Array, w: Array, b: Array | None, pads: Pads, relu: bool,
    pool: Pool,
) -> Array:  # fmt: skip
    """Convolution, then ReLU and max-pooling as asked."""
    s = shapes_of(w.shape, x.shape[1:], pads, pool)
    N, dtype = len(x), x.dtype
    y, winner = outputs(ctx, (N, *s.y), pool, dtype)
    several = N > s.T  # one tile is one thread's work
    launch(
        kernels.winograd_forward, N * s.work if several else 0,
        x, _lines(contiguous(ctx, "w", w)), vector(ctx, b, w.shape[-1], dtype), s.T, s.geometry,
        relu, pool, *_scratch(ctx, s, dtype), y, winner,
    )  # fmt: skip
    ctx.save(x=x, shapes=s, relu=relu, y=y, winner=winner)
    return y


def backward(ctx: Context, dy: Array, w: Array, dw: Array, db: Array | None) -> Array | None:
    """The adjoint of ``forward``."""
    s, x, N = ctx.shapes, ctx.x, len(ctx.x)
    dtype, F = x.dtype, w.shape[-1]
    dx = ctx.buffer("dx", x.shape if ctx.need_dx else (1, 1, 1, 1), dtype)
    launch(
        kernels.winograd_backward, 2 * N * s.work if N > s.T else 0,
        x, contiguous(ctx, "dy", dy), ctx.y, ctx.winner, s.T, chunk_of(N, s.T, s.pieces),
        s.geometry, s.even, ctx.relu, s.pool, *_scratch(ctx, s, dtype),
        ctx.buffer("U_t", (16, F, s.U[1]), dtype),
        ctx.buffer("dU_chunks", (16, s.pieces, *s.U[1:]), dtype),
        ctx.buffer("db_chunks", (s.pieces, F), dtype), ctx.buffer("dU", s.U, dtype),
        _lines(dw), ctx.buffer("no_db", (F,), dtype) if db is None else db,
        dx, ctx.need_dx,
    )  # fmt: skip
    return dx if ctx.need_dx else None


def _lines(w: Array) -> Array:
    """(KH, KW, C, F)  ->  (KH, KW C F)."""
    return w.reshape(len(w), -1)


def _scratch(ctx: Context, s: Shapes, dtype: Any) -> list[Array]:
    """U and the lines that it is made in, and one of the other buffers for every thread."""
    return [
        ctx.buffer("U", s.U, dtype),
        ctx.buffer("kernel_lines", s.kernel_lines, dtype),
        *scratch(ctx, dtype, image=s.image, V=s.V, M=s.M, product=s.product),
    ]
