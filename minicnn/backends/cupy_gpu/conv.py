"""Convolution: im2col, one cuBLAS product, and what follows it in one pass.

    forward   cols = im2col(x),   y = cols @ w,   then bias, ReLU and max-pooling (kernels/fused.cu)
    backward  dw = cols.T @ dproduct,   dcols = dproduct @ w.T,   dx = col2im(dcols)

With few input channels (kernels/direct.cu) forward and dw go straight from the image.
"""

from collections.abc import Iterator
from typing import Any

from minicnn.backends.cupy_gpu import bias, direct
from minicnn.backends.cupy_gpu.blas import gemm
from minicnn.backends.cupy_gpu.geometry import NO_POOL, Geometry, Pool, geometry_of
from minicnn.backends.cupy_gpu.memory import contiguous
from minicnn.backends.cupy_gpu.pooling import is_wide, winner_buffer
from minicnn.backends.cupy_gpu.runtime import launch, launch_grid
from minicnn.backends.spec import Array, Pads, Pair


def conv2d_forward(
    ctx: Any, x: Array, w: Array, b: Array | None,
    strides: Pair, pads: Pads, dilation: Pair, groups: int,
) -> Array:  # fmt: skip
    """y = cols @ w + b."""
    return forward(ctx, x, w, b, strides, pads, dilation, groups, relu=False)


def conv2d_backward(ctx: Any, dy: Array, w: Array, dw: Array, db: Array | None) -> Array | None:
    """dw = cols.T @ dy,   db = sum(dy),   dcols = dy @ w.T,   dx = col2im(dcols)."""
    return backward(ctx, dy, w, dw, db)


def forward(
    ctx: Any, x: Array, w: Array, b: Array | None,
    strides: Pair, pads: Pads, dilation: Pair, groups: int, relu: bool, pool: Pool = NO_POOL,
) -> Array:  # fmt: skip
    """Convolution, then ReLU and max-pooling as asked: all forward operations of this kind."""
    x, w = contiguous(ctx, "x", x), contiguous(ctx, "w", w)
    g = geometry_of(x.shape[1:], w.shape, strides, pads, dilation, groups, pool)
    y = ctx.buffer("y", (len(x), *g.y), x.dtype)  # (N, YH, YW, F)
    winner = winner_buffer(ctx, y.shape, pool[:2]) if pool != NO_POOL else None
    ctx.save(x=x, y=y, winner=winner, relu=relu, geometry=g)
    if g.is_direct:
        direct.forward(x, w, b, relu, y, winner, g)
        return y
    product = y if winner is None else ctx.buffer("product", (len(x), *g.output), x.dtype)
    _multiply(ctx, w, product)
    if winner is None:
        bias.add_bias(y, b, relu)
    else:
        launch(
            x.dtype, "bias_relu_maxpool", y.size,
            product, b, y, winner, is_wide(winner), y.size, *g.output[:2], *pool, *g.y,
        )  # fmt: skip
    return y


def backward(ctx: Any, dy: Array, w: Array, dw: Array, db: Array | None) -> Array | None:
    """The adjoint of ``forward``."""
    g, dy = ctx.geometry, contiguous(ctx, "dy", dy)
    y = ctx.y if ctx.relu and ctx.winner is None else None
    if g.is_direct:
        direct.gradient(ctx, dy, dw, db, y, ctx.winner, g)
        if not ctx.need_dx:
            return None
        dw = db = None  # type: ignore[assignment]  # they are done
    pooled = ctx.winner is not None
    dproduct = _unpooled(ctx, dy, db) if pooled else bias.bias_gradient(ctx, dy, db, y)
    return _multiply_back(ctx, dproduct, contiguous(ctx, "w", w), dw)


def _unpooled(ctx: Any, dy: Array, db: Array | None) -> Array:
    """dproduct (N, OH, OW, F): dy (N, YH, YW, F) at the winners, 0 elsewhere; and its sum, db."""
    g, winner = ctx.geometry, ctx.winner
    F = dy.shape[-1]
    rows = dy.size // F
    # forward has read what it multiplied; the gradient of that takes its place
    dproduct = ctx.buffer("product", (len(dy), *g.output), dy.dtype)
    splits, rows_a_split, partial = bias.split_rows(ctx, rows, F, dy.dtype, db)
    launch_grid(
        dy.dtype, "bias_relu_maxpool_gradient", (bias.blocks(F), splits), bias.SUM_BLOCK,
        dy, winner, is_wide(winner), dproduct, partial, rows, rows_a_split,
        *g.output[:2], *g.pool, *g.y,
    )  # fmt: skip
    bias.add_splits(splits, partial, db)
    return dproduct


def _multiply(ctx: Any, w: Array, product: Array) -> None:
    """product (N, OH, OW, F) = cols @ w."""
    g = ctx.geometry
    w, product = w.reshape(g.K, -1), product.reshape(-1, product.shape[-1])
    for images, rows in _parts(ctx):
        for group, filters in _groups(g):
            cols = _windows(ctx, images, group)
            gemm(cols, w[:, filters], product[rows, filters])


def _multiply_back(ctx: Any, dproduct: Array, w: Array, dw: Array | None) -> Array | None:
    """Fill ``dw`` if there is one; return dx (N, H, W, C) if somebody needs it."""
    g, x = ctx.geometry, ctx.x
    w, dproduct = w.reshape(g.K, -1), dproduct.reshape(-1, dproduct.shape[-1])
    dx = ctx.buffer("dx", x.shape, x.dtype) if ctx.need_dx else None
    # forward's matrix is still there if it was the only one
    kept = g.groups == 1 and len(x) <= g.images_a_part(x.itemsize) and not g.is_direct
    for images, rows in _parts(ctx):
        for group, filters in _groups(g):
            d = dproduct[rows, filters]  # (rows, F // groups)
            if dw is not None:
                cols = _windows(ctx, images, group, kept)
                gemm(
                    cols, d, dw.reshape(g.K, -1)[:, filters],
                    transpose_a=True, accumulate=images.start > 0,
                )  # fmt: skip
            if dx is not None and g.cols_is_x:
                gemm(d, w[:, filters], dx[images].reshape(-1, g.K), transpose_b=True)
            elif dx is not None:
                dcols = _columns(ctx, "dcols", len(d))
                gemm(d, w[:, filters], dcols, transpose_b=True)
                pixels = dx[images].size // g.groups
                _launch_windows(g, "col2im", pixels, dcols, dx[images], group)
    return dx


def _parts(ctx: Any) -> Iterator[tuple[slice, slice]]:
    """The images that go through im2col at once, and their rows of the matrix."""
    g, x = ctx.geometry, ctx.x
    step, P = g.images_a_part(x.itemsize), g.output[0] * g.output[1]
    for n in range(0, max(1, len(x)), step):  # an empty batch, too, makes dw = 0
        end = min(n + step, len(x))
        yield slice(n, end), slice(n * P, end * P)


def _groups(g: Geometry) -> Iterator[tuple[int, slice]]:
    """The first channel that a group of filters sees, and these filters."""
    size = g.y[2] // g.groups
    for i in range(g.groups):
        yield i * g.channels, slice(i * size, (i + 1) * size)


def _windows(ctx: Any, images: slice, group: int, kept: bool = False) -> Array:
    """The matrix of im2col for some images and the group whose first channel is ``group``."""
    g, x = ctx.geometry, ctx.x[images]
    if g.cols_is_x:
        return x.reshape(-1, g.K)
    rows = len(x) * g.output[0] * g.output[1]
    cols = _columns(ctx, "cols", rows)
    if not kept:
        _launch_windows(g, "im2col", rows * g.channels, x, cols, group)
    return cols


def _columns(ctx: Any, name: str, rows: int) -> Array:
    """Memory for a matrix of windows, (rows, K)."""
    return ctx.buffer(name, (rows, ctx.geometry.K), ctx.x.dtype)


def _launch_windows(
    g: Geometry, kernel: str, threads: int, source: Array, target: Array, group: int
) -> None:
    """im2col or col2im of the group whose first channel is ``group``."""
    launch(
        source.dtype, kernel, threads, source, target, threads, group, g.channels, *g.image,
        *g.window, *g.dilation, *g.corner, *g.output[:2],
    )  # fmt: skip
