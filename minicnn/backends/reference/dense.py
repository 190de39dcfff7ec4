"""The fully connected layer: one matrix product."""

from minicnn.backends.context import Context
from minicnn.backends.spec import Array


def dense_forward(ctx: Context, x: Array, w: Array, b: Array | None) -> Array:
    """y = x @ w + b.  x (..., D), w (D, U), b (U,)  ->  y (..., U)."""
    D, U = w.shape
    rows = x.reshape(-1, D)  # (N, D): every leading axis taken as one
    y = rows @ w  # (N, U)
    if b is not None:
        y += b
    ctx.save(rows=rows, x_shape=x.shape)
    return y.reshape(*x.shape[:-1], U)


def dense_backward(ctx: Context, dy: Array, w: Array, dw: Array, db: Array | None) -> Array | None:
    """Fill ``dw`` (D, U) and ``db`` (U,); return dx (..., D), or None when nobody needs it.

    y = x @ w + b   gives   dw = x.T @ dy,   db = sum(dy),   dx = dy @ w.T
    """
    dy = dy.reshape(-1, w.shape[1])  # (N, U)
    dw[...] = ctx.rows.T @ dy
    if db is not None:
        db[...] = dy.sum(axis=0)
    return (dy @ w.T).reshape(ctx.x_shape) if ctx.need_dx else None
