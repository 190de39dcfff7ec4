"""What all ways to compute a convolution share: sizes, buffers, and how ``dw`` is summed.

What belongs together goes to a kernel as one tuple, which the kernel makes the record that it is:
Numba takes a plain tuple in a fraction of the time that it takes a named one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numba
import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu.kernels.epilogue import Out
from minicnn.backends.numba_cpu.runtime import contiguous
from minicnn.backends.spec import Array, Pads, Pair

P = TypeVar("P")

#: images with fewer channels than this have short windows, for which there are ways of their own
FEW_CHANNELS = 8

#: PH, PW, PSH, PSW of a max-pooling; these where there is none
Pool = tuple[int, int, int, int]
NO_POOL: Pool = (0, 0, 0, 0)

#: pieces that ``dw`` is summed in, at least and at most, and entries that all of them should have
FEWEST, MOST, ENTRIES = 4, 16, 1 << 22


@dataclass(frozen=True)
class Shapes(Generic[P]):
    """What follows from the shapes alone, the number of images aside."""

    plan: P  # what the kernels are told
    y: tuple[int, int, int]  # without N
    scratch: dict[str, tuple[int, ...]]  # the fields of the kernels' ``Scratch``, in order
    chunks: tuple[int, ...]  # the pieces that dw is summed in
    work: int  # scalar operations an image
    pays: bool = True  # whether this way has so much fewer products that it is worth its price


def sizes(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...],
    strides: Pair, pads: Pads, dilation: Pair, pool: Pool,
) -> tuple[Pair, Pair, Pair]:  # fmt: skip
    """Rows and columns of the image with its border, of y, and of what the convolution computes.

    A remainder that no window of the pooling reaches is not computed.
    """
    (top, bottom), (left, right) = pads
    H, W = x_shape[0] + top + bottom, x_shape[1] + left + right
    OH = (H - (w_shape[0] - 1) * dilation[0] - 1) // strides[0] + 1
    OW = (W - (w_shape[1] - 1) * dilation[1] - 1) // strides[1] + 1
    if pool == NO_POOL:
        return (H, W), (OH, OW), (OH, OW)
    PH, PW, PSH, PSW = pool
    rows, columns = (OH - PH) // PSH + 1, (OW - PW) // PSW + 1
    return (H, W), (rows, columns), ((rows - 1) * PSH + PH, (columns - 1) * PSW + PW)


def pieces_of(entries: int) -> int:
    """How many pieces a gradient of so many entries is summed in."""
    return max(FEWEST, min(MOST, ENTRIES // entries))


def chunk_of(N: int, T: int, pieces: int) -> int:
    """Images that one piece sums, a multiple of the T images of a tile."""
    tiles = -(-N // T)
    return T * max(1, -(-tiles // pieces))


def outputs(ctx: Context, shape: tuple[int, ...], relu: bool, pool: Pool, dtype: np.dtype) -> Out:
    """Buffers for y and, with pooling, the winners: of shape 1 where nobody reads them."""
    marks = "uint8" if pool[0] * pool[1] < 256 else "int32"
    unread = pool == NO_POOL or (ctx.forward_only and pool[:2] == (2, 2))
    winner = ctx.buffer("winner", (1, 1, 1, 1) if unread else shape, marks)
    return Out(relu, *pool, ctx.buffer("y", shape, dtype), winner)


def gradients(
    ctx: Context, chunks: tuple[int, ...], dw: Array, rows: int, db: Array | None
) -> tuple[Array, ...]:
    """``Gradients``: ``dw`` as a matrix of so many rows, ``db``, and what their pieces go to."""
    pieces, F, dtype = chunks[-3], dw.shape[-1], dw.dtype
    return (
        ctx.buffer("dw_chunks", chunks, dtype), ctx.buffer("db_chunks", (pieces, F), dtype),
        dw.reshape(rows, -1), ctx.buffer("no_db", (F,), dtype) if db is None else db,
    )  # fmt: skip


def lines(x: Array) -> Array:
    """(N, H, W, C)  ->  (N, H, W C)."""
    N, H, W, C = x.shape
    return x.reshape(N, H, W * C)


def matrix(ctx: Context, w: Array) -> Array:
    """(KH, KW, C, F)  ->  (K, F)."""
    return contiguous(ctx, "w", w).reshape(-1, w.shape[-1])


def scratch(
    ctx: Context, dtype: np.dtype, shapes: Mapping[str, tuple[int, ...]]
) -> tuple[Array, ...]:
    """For every thread a buffer of each name and shape: the fields of a ``Scratch``, in order."""
    threads = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    return tuple([ctx.buffer(name, (threads, *shape), dtype) for name, shape in shapes.items()])
