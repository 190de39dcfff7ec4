"""Convolution with few input channels: shapes and buffers for kernels/direct.cu."""

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu.arguments import is_wide
from minicnn.backends.cupy_gpu.bias import SUM_BLOCK, blocks
from minicnn.backends.cupy_gpu.runtime import launch_grid
from minicnn.backends.cupy_gpu.signatures import defined
from minicnn.backends.spec import Array

#: threads of a block of the forward kernels, and entries of dw that one of the gradient's sums
THREADS, WEIGHTS = 128, defined("WEIGHTS")
#: lines of outputs that one split of dw sums at least, and how many splits there are at most
LINES_A_SPLIT, MOST_SPLITS = 4, 128


def forward(ctx: Context, w: Array, b: Array | None) -> None:
    """ctx.y = x * w + b, then ReLU if asked, then max-pooling if there is any: one kernel."""
    x, y, winner, g = ctx.x, ctx.y, ctx.winner, ctx.geometry
    OH, OW, F = g.output
    grid, sizes = (len(x) * g.y[0],), (*g.image, *g.window, *g.corner)
    if g.pool is None:
        launch_grid(
            x.dtype, "direct_conv", grid, (THREADS,), x, w, b, y, ctx.relu, *sizes, OH, OW, F
        )
    else:
        launch_grid(
            x.dtype, "direct_conv_relu_maxpool", grid, (THREADS,),
            x, w, b, y, winner, is_wide(winner), *sizes, OW, *g.pool, *g.y,
        )  # fmt: skip


def gradient(ctx: Context, dy: Array, dw: Array, db: Array | None) -> None:
    """Fill ``dw`` (KH, KW, C, F) and ``db`` (F,): the sums of some lines, then their sum."""
    x, winner, g = ctx.x, ctx.winner, ctx.geometry
    y = ctx.y if ctx.relu and winner is None else None  # what says where ReLU clipped
    _, OW, F = g.output
    lines = len(x) * g.y[0]
    splits = min(MOST_SPLITS, max(1, -(-lines // LINES_A_SPLIT)))
    partial = ctx.buffer("partial", (splits, g.K + 1, F), x.dtype)
    launch_grid(
        x.dtype, "direct_conv_gradient", (splits, blocks(F), -(-g.K // WEIGHTS)), SUM_BLOCK,
        x, dy, y, winner, is_wide(winner), partial, lines, -(-lines // splits),
        *g.image, *g.window, *g.corner, OW, *g.pool_window, *g.y,
    )  # fmt: skip
    launch_grid(
        x.dtype, "add_partials", (blocks((g.K + 1) * F),), SUM_BLOCK,
        partial, dw, db, splits, g.K * F, F,
    )  # fmt: skip
