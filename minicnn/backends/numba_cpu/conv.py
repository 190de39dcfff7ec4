"""Convolution by im2col and BLAS, fused with what follows or not; and the choice among four ways.

The kernels, and why they are fast: ``kernels/``. This way computes every convolution, the three
others are chosen where they take less time: ``direct.py``, ``winograd.py``, ``winograd_6x6.py``.

What it gained over the reference, forward and backward with ReLU and pooling, in ms on two threads
(``python benchmarks/operations.py``, as it was when there was no other way):
5 x 5 of 1 channel: 51.5 -> 1.15, 10.1 -> 0.94;   3 x 3 of 32 channels: 5.9 -> 0.49, 3.2 -> 1.15.
"""

from functools import lru_cache

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu import direct, tiles, winograd, winograd_6x6
from minicnn.backends.numba_cpu.kernels import convolution
from minicnn.backends.numba_cpu.kernels.convolution import Plan
from minicnn.backends.numba_cpu.kernels.winograd import Plan as WinogradPlan
from minicnn.backends.numba_cpu.runtime import PRODUCTS, contiguous, launch, vector
from minicnn.backends.spec import Array, Pads, Pair

#: images a tile, at most; rows that a product needs, at most, to run at full speed; and entries
#: of its column matrix, which shall stay in the L2 cache
TILE, ROWS, CACHED = 8, 400, 1 << 17


def conv2d_forward(
    ctx: Context, x: Array, w: Array, b: Array | None,
    strides: Pair, pads: Pads, dilation: Pair, groups: int,
) -> Array:  # fmt: skip
    """y = cols @ w + b, one tile of images at a time."""
    return _forward(ctx, x, w, b, strides, pads, dilation, groups, relu=False)


def conv2d_relu_forward(
    ctx: Context, x: Array, w: Array, b: Array | None, strides: Pair, pads: Pads
) -> Array:
    """relu(cols @ w + b)."""
    return _forward(ctx, x, w, b, strides, pads, (1, 1), 1, relu=True)


def conv2d_relu_maxpool2d_forward(
    ctx: Context, x: Array, w: Array, b: Array | None, strides: Pair, pads: Pads,
    pool_size: Pair, pool_strides: Pair,
) -> Array:  # fmt: skip
    """maxpool(relu(cols @ w + b))."""
    pool = (*pool_size, *pool_strides)
    return _forward(ctx, x, w, b, strides, pads, (1, 1), 1, relu=True, pool=pool)


@lru_cache(maxsize=512)
def _shapes_of(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...],
    strides: Pair, pads: Pads, dilation: Pair, groups: int, pool: tiles.Pool,
) -> tiles.Shapes[Plan]:  # fmt: skip
    """Shapes for an image (H, W, C) and a kernel (KH, KW, C // groups, F)."""
    C = x_shape[2]
    KH, KW, CG, F = w_shape
    (top, _), (left, _) = pads
    padded, y, (OH, OW) = tiles.sizes(x_shape, w_shape, strides, pads, dilation, pool)
    P, K = OH * OW, KH * KW * CG
    T = 1
    while 2 * T <= TILE and 2 * T * P <= ROWS and 2 * T * P * K <= CACHED:
        T *= 2
    transposed = CG < tiles.FEW_CHANNELS and strides[1] == 1
    return tiles.Shapes(
        plan=Plan(C, groups, T, KH, KW, *strides, *dilation, top, left, OH, OW, transposed),
        y=(*y, F),
        scratch={
            "cols": (K, T * P) if transposed else (T * P, K),
            "planes": (CG, *padded) if transposed else (1, 1, 1),
            "product": (T * P, F),
        },
        chunks=(tiles.pieces_of(K * F), K, F),
        work=P * (K * F // PRODUCTS + K + F),
    )


def _forward(
    ctx: Context, x: Array, w: Array, b: Array | None, strides: Pair, pads: Pads, dilation: Pair,
    groups: int, relu: bool, pool: tiles.Pool = tiles.NO_POOL,
) -> Array:  # fmt: skip
    """Convolution, then ReLU and max-pooling as asked: all forward operations of this kind."""
    x = contiguous(ctx, "x", x)
    if winograd_6x6.applies(ctx, x, w, strides, pads, dilation, groups, pool):
        y = winograd_6x6.forward(ctx, x, w, b, pads, relu, pool)
        if y is not None:  # else NaN or infinity is to be exactly where the others would have it
            return y
    if winograd.applies(w, strides, dilation, groups):
        return winograd.forward(ctx, x, w, b, pads, relu, pool)
    s = _shapes_of(x.shape[1:], w.shape, strides, pads, dilation, groups, pool)
    N = len(x)
    out = tiles.outputs(ctx, (N, *s.y), relu, pool, x.dtype)
    few = direct.applies(w, groups, pool)
    d = direct.shapes_of(x.shape[1:], w.shape, strides, pads, dilation, pool) if few else None
    ctx.save(x=x, shapes=s, out=out, direct=d)
    if few:
        direct.forward(ctx, w, b, pool)
        return out.y
    launch(
        convolution.conv_forward, N * s.work if N > s.plan.T else 0,  # a tile is one thread's work
        tiles.lines(x), tiles.matrix(ctx, w), vector(ctx, b, w.shape[-1], x.dtype), tuple(s.plan),
        tiles.scratch(ctx, x.dtype, s.scratch), tuple(out),
    )  # fmt: skip
    return out.y


def conv2d_backward(ctx: Context, dy: Array, w: Array, dw: Array, db: Array | None) -> Array | None:
    """dw = cols.T @ dy,   db = sum(dy),   dcols = dy @ w.T,   dx = col2im(dcols).

    The adjoint of ``_forward`` in all cases: dy counts where ReLU and pooling let it pass.
    """
    if isinstance(ctx.shapes.plan, WinogradPlan):
        return winograd.backward(ctx, dy, w, dw, db)
    if ctx.direct is not None and not ctx.need_dx:
        direct.backward(ctx, dy, w, dw, db)
        return None
    s, x, N = ctx.shapes, ctx.x, len(ctx.x)
    dx = ctx.buffer("dx", x.shape if ctx.need_dx else (1, 1, 1, 1), x.dtype)
    launch(
        convolution.conv_backward, 2 * N * s.work if N > s.plan.T else 0,
        tiles.lines(x), tiles.matrix(ctx, w), contiguous(ctx, "dy", dy), tuple(s.plan),
        tiles.chunk_of(N, s.plan.T, s.chunks[0]), tiles.scratch(ctx, x.dtype, s.scratch),
        tuple(ctx.out), tiles.gradients(ctx, s.chunks, dw, s.chunks[1], db), tiles.lines(dx),
        ctx.need_dx,
    )  # fmt: skip
    return dx if ctx.need_dx else None


# what forward has kept says whether dy is masked where y was clipped, or goes to the winners
conv2d_relu_backward = conv2d_relu_maxpool2d_backward = conv2d_backward
