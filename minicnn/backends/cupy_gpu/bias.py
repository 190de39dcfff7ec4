"""The bias and its gradient, with ReLU in the same pass where it follows."""

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu.runtime import launch, launch_grid
from minicnn.backends.cupy_gpu.signatures import defined
from minicnn.backends.spec import Array

#: block of the kernels that sum rows: columns, and lanes of rows
SUM_BLOCK = (32, defined("SUM_LANES"))
#: rows that are summed in one pass; more are split, each split has some rows, and there are not
#: more splits than this
FEW_ROWS, ROWS_A_SPLIT, MOST_SPLITS = 256, 64, 256


def add_bias(y: Array, b: Array | None, relu: bool) -> None:
    """y (..., F) = y + b, then ReLU if asked, in place."""
    if b is not None or relu:
        launch(y.dtype, "add_bias", y.size, y, b, y.size, y.shape[-1], relu)


def bias_gradient(
    ctx: Context, dy: Array, db: Array | None, y: Array | None = None, scale: float = 1.0
) -> Array:
    """Fill ``db`` (F,); return dproduct, the gradient of what the bias was added to.

    dy, y (..., F). Without ``y`` dproduct is dy; with it, dy scale where y > 0 and 0 elsewhere,
    the adjoint of ReLU. db = sum(dproduct) over all axes but the last.
    """
    if y is None and db is None:
        return dy
    dproduct = None if y is None else ctx.buffer("dproduct", dy.shape, dy.dtype)
    sum_rows(ctx, "bias_gradient", dy, db, (y, scale, dproduct), dy.shape[-1:])
    return dy if dproduct is None else dproduct


def sum_rows(
    ctx: Context, kernel: str, dy: Array, db: Array | None, arguments: tuple[object, ...],
    sizes: tuple[int, ...],
) -> None:  # fmt: skip
    """Run ``kernel``, which makes more of dy (..., F), and fill ``db`` (F,) with the sums it takes.

    Few rows are one split, whose sums go to ``db`` itself; those of several are added up behind.
    The kernel takes dy, ``arguments``, the sums, the rows, the rows a split, and ``sizes``.
    """
    F = dy.shape[-1]
    rows = dy.size // F
    splits = 1 if rows <= FEW_ROWS else min(MOST_SPLITS, -(-rows // ROWS_A_SPLIT))
    sums = db
    if db is not None and splits > 1:
        sums = ctx.buffer("partial", (splits, F), dy.dtype)
    launch_grid(
        dy.dtype, kernel, (blocks(F), splits), SUM_BLOCK,
        dy, *arguments, sums, rows, -(-rows // splits), *sizes,
    )  # fmt: skip
    if sums is not db:
        launch_grid(dy.dtype, "add_partials", (blocks(F),), SUM_BLOCK, sums, None, db, splits, 0, F)


def blocks(columns: int) -> int:
    """Blocks of SUM_BLOCK that so many columns take."""
    return -(-columns // SUM_BLOCK[0])
