"""Batch normalisation: rows of channels, a chunk of rows a block.

Where the chunks begin depends on the shapes alone and their sums are added in order, so that
every run gives the same bits.
"""

import cupy

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu.arguments import contiguous, converted, entrywise
from minicnn.backends.cupy_gpu.runtime import BLOCK, launch, launch_grid
from minicnn.backends.spec import Array

#: chunks that the rows are cut into at most: enough blocks to fill a GPU, few sums to add
CHUNKS = 256
#: rows that a thread takes at least
ROWS = 8


def batchnorm_forward(
    ctx: Context, x: Array, gamma: Array | None, beta: Array | None, axis: int, epsilon: float
) -> tuple[Array, Array, Array]:
    """(y, mean (C,), variance (C,)) with the statistics of this batch."""
    rows = _rows(ctx, "x", x, axis)  # (R, C)
    R, C = rows.shape
    mean, variance = ctx.buffer("mean", (C,), x.dtype), ctx.buffer("variance", (C,), x.dtype)
    grid, block, chunk = _geometry(R, C)
    parts = ctx.buffer("parts", (grid[1], 2, C), "float64")
    launch_grid(x.dtype, "batchnorm_sums", grid, block, rows, parts, R, C, chunk)
    launch_grid(
        x.dtype, "batchnorm_statistics", grid[:1], block,
        rows, parts, mean, variance, R, C, grid[1],
    )  # fmt: skip
    y = _normalized(ctx, rows, x, gamma, beta, (mean, variance, epsilon), axis)
    return y, mean, variance


def batchnorm_backward(
    ctx: Context, dy: Array, gamma: Array | None, dgamma: Array | None, dbeta: Array | None
) -> Array | None:
    """dx = gamma / sqrt(variance + epsilon) (dy - mean(dy) - x_hat mean(dy x_hat))."""
    return _backward(ctx, dy, gamma, dgamma, dbeta, of_batch=True)


def normalize_forward(
    ctx: Context, x: Array, gamma: Array | None, beta: Array | None, mean: Array, variance: Array,
    axis: int, epsilon: float,
) -> Array:  # fmt: skip
    """y = gamma x_hat + beta,   x_hat = (x - mean) / sqrt(variance + epsilon)."""
    mean = converted(ctx, "mean", mean, x.dtype)
    variance = converted(ctx, "variance", variance, x.dtype)
    rows = _rows(ctx, "x", x, axis)  # (R, C)
    return _normalized(ctx, rows, x, gamma, beta, (mean, variance, epsilon), axis)


def normalize_backward(
    ctx: Context, dy: Array, gamma: Array | None, dgamma: Array | None, dbeta: Array | None
) -> Array | None:
    """dgamma = sum(dy x_hat),   dbeta = sum(dy),   dx = dy gamma / sqrt(variance + epsilon)."""
    return _backward(ctx, dy, gamma, dgamma, dbeta, of_batch=False)


def moving_average(average: Array, value: Array, momentum: float) -> None:
    """average = momentum average + (1 - momentum) value."""
    C = average.size
    launch(average.dtype, "moving_average", C, average, value, momentum, 1 - momentum, C)


def rescale_forward(ctx: Context, x: Array, scale: float, offset: float) -> Array:
    """y = x scale + offset."""
    ctx.save(scale=scale)
    return entrywise(ctx, "rescale", "y", x, scale, offset)


def rescale_backward(ctx: Context, dy: Array) -> Array:
    """dx = dy scale."""
    return entrywise(ctx, "rescale", "dx", dy, ctx.scale, 0.0)


def _normalized(
    ctx: Context, rows: Array, x: Array, gamma: Array | None, beta: Array | None,
    statistics: tuple[Array, Array, float], axis: int,
) -> Array:  # fmt: skip
    y = ctx.buffer("y", cupy.moveaxis(x, axis, -1).shape, x.dtype)
    R, C = rows.shape
    grid, block, chunk = _geometry(R, C)
    launch_grid(x.dtype, "normalize", grid, block, rows, gamma, beta, *statistics, y, R, C, chunk)
    ctx.save(rows=rows, statistics=statistics, axis=axis)
    return cupy.moveaxis(y, -1, axis)


def _backward(
    ctx: Context, dy: Array, gamma: Array | None, dgamma: Array | None, dbeta: Array | None,
    of_batch: bool,
) -> Array | None:  # fmt: skip
    rows = _rows(ctx, "dy", dy, ctx.axis)  # (R, C)
    R, C = rows.shape
    grid, block, chunk = _geometry(R, C)
    sums = None
    if of_batch or dgamma is not None or dbeta is not None:
        parts = ctx.buffer("parts", (grid[1], 2, C), "float64")
        sums = ctx.buffer("sums", (2, C), "float64")  # of dy, and of dy x_hat
        launch_grid(
            dy.dtype, "normalize_sums", grid, block,
            ctx.rows, rows, *ctx.statistics, parts, R, C, chunk,
        )  # fmt: skip
        launch_grid(
            dy.dtype, "normalize_weight_gradients", grid[:1], block,
            parts, dgamma, dbeta, sums, C, grid[1],
        )  # fmt: skip
    if not ctx.need_dx:
        return None
    dx = ctx.buffer("dx", cupy.moveaxis(dy, ctx.axis, -1).shape, dy.dtype)
    launch_grid(
        dy.dtype, "normalize_backward", grid, block,
        ctx.rows, rows, gamma, *ctx.statistics, sums if of_batch else None, dx, R, C, chunk,
    )  # fmt: skip
    return cupy.moveaxis(dx, -1, ctx.axis)


def _rows(ctx: Context, name: str, x: Array, axis: int) -> Array:
    """(R, C), contiguous: a copy only if the channels are not last already."""
    return contiguous(ctx, name, cupy.moveaxis(x, axis, -1)).reshape(-1, x.shape[axis])


def _geometry(R: int, C: int) -> tuple[tuple[int, int], tuple[int, int], int]:
    """Blocks, threads of a block, rows of a chunk."""
    lanes = min(32, 1 << max(C - 1, 0).bit_length())
    along = BLOCK // lanes
    chunk = max(ROWS * along, -(-R // CHUNKS))
    return (-(-C // lanes), max(1, -(-R // chunk))), (lanes, along), chunk
