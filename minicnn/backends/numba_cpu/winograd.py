"""Convolution by Winograd's algorithm: shapes and buffers for its two kernels.

Kernels of 3 x 3 with many channels need 16 products for 36: ``kernels/transforms.py``.

What it gained over im2col and BLAS, forward and backward with ReLU and pooling, in ms on two
threads (``python benchmarks/operations.py``, before it was there and now):
3 x 3 of 32 channels, 64 filters, 32 images of 15 x 15: 0.49 -> 0.25, 1.15 -> 0.49.
"""

from functools import lru_cache

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu import tiles
from minicnn.backends.numba_cpu.kernels import winograd as kernels
from minicnn.backends.numba_cpu.kernels.winograd import Plan
from minicnn.backends.numba_cpu.runtime import PRODUCTS, contiguous, launch, vector
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


@lru_cache(maxsize=512)
def shapes_of(
    w_shape: tuple[int, ...], x_shape: tuple[int, ...], pads: Pads, pool: tiles.Pool
) -> tiles.Shapes[Plan]:
    """Shapes for an image (H, W, C) and a kernel (3, 3, C, F)."""
    C, F = w_shape[2:]
    (top, _), (left, _) = pads
    _, y, (OH, OW) = tiles.sizes(x_shape, w_shape, (1, 1), pads, (1, 1), pool)
    TH, TW = (OH + 1) // 2, (OW + 1) // 2
    patches = TH * TW
    T = 1
    while 2 * T <= TILE and 2 * T * patches * 16 * (C + F) <= CACHED:
        T *= 2
    return tiles.Shapes(
        plan=Plan(T, top, left, TH, TW, even=(2 * TH, 2 * TW) == (OH, OW)),
        y=(*y, F),
        scratch={
            "image": (2 * TH + 2, 2 * TW + 2, C),
            "V": (T * patches, 16 * C + APART),
            "M": (T * patches, 16 * F + APART),
            "product": (4 * T * patches, F),
        },
        chunks=(16, tiles.pieces_of(16 * C * F), C, F),
        work=patches * 16 * (C * F // PRODUCTS + C + F),
    )


def forward(
    ctx: Context, x: Array, w: Array, b: Array | None, pads: Pads, relu: bool, pool: tiles.Pool
) -> Array:
    """Convolution, then ReLU and max-pooling as asked."""
    s = shapes_of(w.shape, x.shape[1:], pads, pool)
    N, (C, F), dtype = len(x), w.shape[2:], x.dtype
    out = tiles.outputs(ctx, (N, *s.y), relu, pool, dtype)
    U, G_w = ctx.buffer("U", (16, C, F), dtype), ctx.buffer("G_w", (4, 3 * C * F), dtype)
    launch(
        kernels.winograd_forward, N * s.work if N > s.plan.T else 0,  # a tile is one thread's work
        x, contiguous(ctx, "w", w).reshape(3, -1), vector(ctx, b, F, dtype), tuple(s.plan),
        U, G_w, tiles.scratch(ctx, dtype, s.scratch), tuple(out),
    )  # fmt: skip
    ctx.save(x=x, shapes=s, out=out, U=U, G_w=G_w)
    return out.y


def backward(ctx: Context, dy: Array, w: Array, dw: Array, db: Array | None) -> Array | None:
    """The adjoint of ``forward``."""
    s, x, N = ctx.shapes, ctx.x, len(ctx.x)
    (C, F), dtype = w.shape[2:], x.dtype
    dx = ctx.buffer("dx", x.shape if ctx.need_dx else (1, 1, 1, 1), x.dtype)
    U_t, dU = ctx.buffer("U_t", (16, F, C), dtype), ctx.buffer("dU", (16, C, F), dtype)
    launch(
        kernels.winograd_backward, 2 * N * s.work if N > s.plan.T else 0,
        x, contiguous(ctx, "dy", dy), tuple(s.plan), tiles.chunk_of(N, s.plan.T, s.chunks[1]),
        (ctx.U, ctx.G_w, U_t, dU), tiles.scratch(ctx, dtype, s.scratch), tuple(ctx.out),
        tiles.gradients(ctx, s.chunks, dw, 3, db), dx, ctx.need_dx,
    )  # fmt: skip
    return dx if ctx.need_dx else None
