"""Convolution with few input channels: shapes and buffers for kernels/direct.cu."""

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu.arguments import is_wide
from minicnn.backends.cupy_gpu.bias import SUM_BLOCK, blocks
from minicnn.backends.cupy_gpu.geometry import NO_POOL, Geometry
from minicnn.backends.cupy_gpu.runtime import launch_grid
from minicnn.backends.spec import Array

#: threads of a block of the forward kernels, and WEIGHTS in kernels/direct.cu
THREADS, WEIGHTS = 128, 14
#: lines of outputs that one split of dw sums at least, and how many splits there are at most
LINES_A_SPLIT, MOST_SPLITS = 4, 128


def forward(
    x: Array, w: Array, b: Array | None, relu: bool, y: Array, winner: Array | None, g: Geometry
) -> None:
    """y = x * w + b, then ReLU if asked, then max-pooling if ``g`` has it: one kernel."""
    OH, OW, F = g.output
    YH, YW, _ = g.y
    lines = len(x) * YH
    sizes = *g.image, *g.window, *g.corner
    if g.pool == NO_POOL:
        launch_grid(
            x.dtype, "direct_conv", (lines,), (THREADS,), x, w, b, y, relu, *sizes, OH, OW, F
        )
    else:
        launch_grid(
            x.dtype, "direct_conv_relu_maxpool", (lines,), (THREADS,),
            x, w, b, y, winner, is_wide(winner), *sizes, OW, *g.pool, YH, YW, F,
        )  # fmt: skip


def gradient(
    ctx: Context, dy: Array, dw: Array, db: Array | None, y: Array | None, winner: Array | None,
    g: Geometry,
) -> None:  # fmt: skip
    """Fill ``dw`` (KH, KW, C, F) and ``db`` (F,): the sums of some lines, then their sum.

    ``y`` where ReLU follows the convolution, ``winner`` where ReLU and pooling do, else None.
    """
    x = ctx.x
    _, OW, F = g.output
    YH, YW, _ = g.y
    lines = len(x) * YH
    splits = min(MOST_SPLITS, max(1, -(-lines // LINES_A_SPLIT)))
    partial = ctx.buffer("partial", (splits, g.K + 1, F), x.dtype)
    launch_grid(
        x.dtype, "direct_conv_gradient", (splits, blocks(F), -(-g.K // WEIGHTS)), SUM_BLOCK,
        x, dy, y, winner, is_wide(winner), partial, lines, -(-lines // splits),
        *g.image, *g.window, *g.corner, OW, *g.pool_window, YH, YW, F,
    )  # fmt: skip
    launch_grid(
        x.dtype, "add_partials", (blocks((g.K + 1) * F),), SUM_BLOCK,
        partial, dw, db, splits, g.K * F, F,
    )  # fmt: skip
