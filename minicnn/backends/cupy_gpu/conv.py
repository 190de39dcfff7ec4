"""Convolution: im2col, one cuBLAS product, and what follows it in one pass.

    forward   cols = im2col(x),   y = cols @ w,   then bias, ReLU and max-pooling (kernels/fused.cu)
    backward  dw = cols.T @ dproduct,   dcols = dproduct @ w.T,   dx = col2im(dcols)

With few input channels (kernels/direct.cu) forward and dw go straight from the image.
"""

from collections.abc import Iterator

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu import bias, direct
from minicnn.backends.cupy_gpu.arguments import contiguous, is_wide, winner_buffer
from minicnn.backends.cupy_gpu.blas import gemm
from minicnn.backends.cupy_gpu.geometry import Geometry, Pool, geometry_of
from minicnn.backends.cupy_gpu.runtime import launch
from minicnn.backends.spec import Array, Pads, Pair


def conv2d_forward(
    ctx: Context, x: Array, w: Array, b: Array | None,
    strides: Pair, pads: Pads, dilation: Pair, groups: int,
) -> Array:  # fmt: skip
    """y = cols @ w + b."""
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


def _forward(
    ctx: Context, x: Array, w: Array, b: Array | None,
    strides: Pair, pads: Pads, dilation: Pair, groups: int, relu: bool, pool: Pool | None = None,
) -> Array:  # fmt: skip
    """Convolution, then ReLU and max-pooling as asked: all forward operations of this kind."""
    x, w = contiguous(ctx, "x", x), contiguous(ctx, "w", w)
    g = geometry_of(x.shape[1:], w.shape, strides, pads, dilation, groups, pool)
    y = ctx.buffer("y", (len(x), *g.y), x.dtype)  # (N, YH, YW, F)
    winner = winner_buffer(ctx, y.shape, pool[:2]) if pool else None
    ctx.save(x=x, y=y, winner=winner, relu=relu, geometry=g)
    if g.is_direct:
        direct.forward(ctx, w, b)
    elif pool is None:
        _multiply(ctx, w, y)
        bias.add_bias(y, b, relu)
    else:
        product = ctx.buffer("product", (len(x), *g.output), x.dtype)
        _multiply(ctx, w, product)
        launch(
            x.dtype, "bias_relu_maxpool", y.size,
            product, b, y, winner, is_wide(winner), y.size, *g.output[:2], *pool, *g.y,
        )  # fmt: skip
    return y


def conv2d_backward(ctx: Context, dy: Array, w: Array, dw: Array, db: Array | None) -> Array | None:
    """dw = cols.T @ dy,   db = sum(dy),   dcols = dy @ w.T,   dx = col2im(dcols).

    The adjoint of ``_forward``: where ReLU and max-pooling follow, dy goes back through them first.
    """
    g, dy = ctx.geometry, contiguous(ctx, "dy", dy)
    y = ctx.y if ctx.relu and ctx.winner is None else None
    if g.is_direct:
        direct.gradient(ctx, dy, dw, db)
        if not ctx.need_dx:
            return None
    left = (None, None) if g.is_direct else (dw, db)  # of the weights' gradients
    pooled = ctx.winner is not None
    dproduct = _unpooled(ctx, dy, left[1]) if pooled else bias.bias_gradient(ctx, dy, left[1], y)
    return _multiply_back(ctx, dproduct, contiguous(ctx, "w", w), left[0])


# what forward has kept says whether dy is masked where y was clipped, or goes to the winners
conv2d_relu_backward = conv2d_relu_maxpool2d_backward = conv2d_backward


def _unpooled(ctx: Context, dy: Array, db: Array | None) -> Array:
    """dproduct (N, OH, OW, F): dy (N, YH, YW, F) at the winners, 0 elsewhere; and its sum, db."""
    g, winner = ctx.geometry, ctx.winner
    # forward has read what it multiplied; the gradient of that takes its place
    dproduct = ctx.buffer("product", (len(dy), *g.output), dy.dtype)
    arguments = winner, is_wide(winner), dproduct
    sizes = *g.output[:2], *g.pool, *g.y
    bias.sum_rows(ctx, "bias_relu_maxpool_gradient", dy, db, arguments, sizes)
    return dproduct


def _multiply(ctx: Context, w: Array, product: Array) -> None:
    """product (N, OH, OW, F) = cols @ w."""
    w, product = w.reshape(ctx.geometry.K, -1), product.reshape(-1, product.shape[-1])
    for images, group, rows, filters in _parts(ctx):
        gemm(_windows(ctx, images, group), w[:, filters], product[rows, filters])


def _multiply_back(ctx: Context, dproduct: Array, w: Array, dw: Array | None) -> Array | None:
    """Fill ``dw`` if there is one; return dx (N, H, W, C) if somebody needs it."""
    g, x = ctx.geometry, ctx.x
    w, dproduct = w.reshape(g.K, -1), dproduct.reshape(-1, dproduct.shape[-1])
    dx = ctx.buffer("dx", x.shape, x.dtype) if ctx.need_dx else None
    # forward's matrix is still there if it was the only one
    kept = g.groups == 1 and len(x) <= g.images_a_part(x.itemsize) and not g.is_direct
    for images, group, rows, filters in _parts(ctx):
        d = dproduct[rows, filters]  # (rows, F // groups)
        if dw is not None:
            cols, part = _windows(ctx, images, group, kept), dw.reshape(g.K, -1)[:, filters]
            gemm(cols, d, part, transpose_a=True, accumulate=images.start > 0)
        if dx is not None and g.cols_is_x:
            gemm(d, w[:, filters], dx[images].reshape(-1, g.K), transpose_b=True)
        elif dx is not None:
            dcols = ctx.buffer("dcols", (len(d), g.K), x.dtype)
            gemm(d, w[:, filters], dcols, transpose_b=True)
            pixels = dx[images].size // g.groups
            _launch_windows(g, "col2im", pixels, dcols, dx[images], group)
    return dx


def _parts(ctx: Context) -> Iterator[tuple[slice, int, slice, slice]]:
    """What goes through im2col at once: some images and a group of their channels, told by its
    first; then the rows and the filters that it takes up in the product.
    """
    g, x = ctx.geometry, ctx.x
    step, P, size = g.images_a_part(x.itemsize), g.output[0] * g.output[1], g.y[2] // g.groups
    for n in range(0, max(1, len(x)), step):  # an empty batch, too, makes dw = 0
        end = min(n + step, len(x))
        for i in range(g.groups):
            filters = slice(i * size, (i + 1) * size)
            yield slice(n, end), i * g.channels, slice(n * P, end * P), filters


def _windows(ctx: Context, images: slice, group: int, kept: bool = False) -> Array:
    """The matrix of im2col for some images and the group whose first channel is ``group``."""
    g, x = ctx.geometry, ctx.x[images]
    if g.cols_is_x:
        return x.reshape(-1, g.K)
    rows = len(x) * g.output[0] * g.output[1]
    cols = ctx.buffer("cols", (rows, g.K), x.dtype)
    if not kept:
        _launch_windows(g, "im2col", rows * g.channels, x, cols, group)
    return cols


def _launch_windows(
    g: Geometry, kernel: str, threads: int, source: Array, target: Array, group: int
) -> None:
    """im2col or col2im of the group whose first channel is ``group``."""
    launch(
        source.dtype, kernel, threads, source, target, threads, group, g.channels, *g.image,
        *g.window, *g.dilation, *g.corner, *g.output[:2],
    )  # fmt: skip
