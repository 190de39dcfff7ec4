"""The bias and its gradient, with ReLU in the same pass where it follows."""

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu.runtime import DType, launch, launch_grid
from minicnn.backends.spec import Array

#: block of the kernels that sum rows: 32 columns, and SUM_LANES (kernels/bias.cu) lanes of rows
SUM_BLOCK = (32, 16)
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
    F = dy.shape[-1]
    rows = dy.size // F
    dproduct = None if y is None else ctx.buffer("dproduct", dy.shape, dy.dtype)
    splits, rows_a_split, partial = split_rows(ctx, rows, F, dy.dtype, db)
    launch_grid(
        dy.dtype, "bias_gradient", (blocks(F), splits), SUM_BLOCK,
        dy, y, scale, dproduct, partial, rows, F, rows_a_split,
    )  # fmt: skip
    add_splits(splits, partial, db)
    return dy if dproduct is None else dproduct


def split_rows(
    ctx: Context, rows: int, F: int, dtype: DType, db: Array | None
) -> tuple[int, int, Array | None]:
    """How ``rows`` rows of F are summed: (splits, rows a split, where the sums of splits go).

    One split writes to ``db`` itself; the sums of several are added by ``add_splits``.
    """
    splits = 1 if rows <= FEW_ROWS else min(MOST_SPLITS, -(-rows // ROWS_A_SPLIT))
    partial = db
    if db is not None and splits > 1:
        partial = ctx.buffer("partial", (splits, F), dtype)
    return splits, -(-rows // splits), partial


def add_splits(splits: int, partial: Array | None, db: Array | None) -> None:
    """db (F,) = sum of ``partial`` (splits, F)."""
    if db is not None and splits > 1:
        (F,) = db.shape
        launch_grid(
            db.dtype, "add_partials", (blocks(F),), SUM_BLOCK, partial, None, db, splits, 0, F
        )


def blocks(columns: int) -> int:
    """Blocks of SUM_BLOCK that so many columns take."""
    return -(-columns // SUM_BLOCK[0])
