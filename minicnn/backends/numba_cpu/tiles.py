"""What all ways to compute a convolution share: sizes, buffers, and how ``dw`` is summed."""

from typing import Any

import numba

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu.runtime import contiguous
from minicnn.backends.spec import Array, Pads, Pair

#: images with fewer channels than this have short windows, for which there are ways of their own
FEW_CHANNELS = 8

#: PH, PW, PSH, PSW of a max-pooling; these where there is none
Pool = tuple[int, int, int, int]
NO_POOL: Pool = (0, 0, 0, 0)

#: pieces that ``dw`` is summed in, at least and at most, and entries that all of them should have
FEWEST, MOST, ENTRIES = 4, 16, 1 << 22


def convolved(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], strides: Pair, pads: Pads, dilation: Pair
) -> tuple[int, int, int, int]:
    """(rows and columns of the image with its border), (those of the convolution)."""
    (top, bottom), (left, right) = pads
    H, W = x_shape[0] + top + bottom, x_shape[1] + left + right
    OH = (H - (w_shape[0] - 1) * dilation[0] - 1) // strides[0] + 1
    OW = (W - (w_shape[1] - 1) * dilation[1] - 1) // strides[1] + 1
    return H, W, OH, OW


def pooled(OH: int, OW: int, pool: Pool) -> tuple[int, int, int, int]:
    """(rows and columns of y), (rows and columns that the convolution must compute).

    A remainder that no window of the pooling reaches is not computed.
    """
    if pool == NO_POOL:
        return OH, OW, OH, OW
    PH, PW, PSH, PSW = pool
    rows, columns = (OH - PH) // PSH + 1, (OW - PW) // PSW + 1
    return rows, columns, (rows - 1) * PSH + PH, (columns - 1) * PSW + PW


def pieces_of(entries: int) -> int:
    """How many pieces a gradient of so many entries is summed in."""
    return max(FEWEST, min(MOST, ENTRIES // entries))


def chunk_of(N: int, T: int, pieces: int) -> int:
    """Images that one piece sums, a multiple of the T images of a tile."""
    tiles = -(-N // T)
    return T * max(1, -(-tiles // pieces))


def outputs(ctx: Context, shape: tuple[int, ...], pool: Pool, dtype: Any) -> tuple[Array, Array]:
    """Buffers for y and, with pooling, the winners: left out, of shape 1, where nobody reads them.

    A winner is its place in the window, or one more where ReLU clipped it.
    """
    marks = "uint8" if pool[0] * pool[1] < 256 else "int32"
    unread = pool == NO_POOL or (ctx.forward_only and pool[:2] == (2, 2))
    return (
        ctx.buffer("y", shape, dtype),
        ctx.buffer("winner", (1, 1, 1, 1) if unread else shape, marks),
    )


def lines(x: Array) -> Array:
    """(N, H, W, C)  ->  (N, H, W C)."""
    N, H, W, C = x.shape
    return x.reshape(N, H, W * C)


def matrix(ctx: Context, w: Array) -> Array:
    """(KH, KW, C, F)  ->  (K, F)."""
    return contiguous(ctx, "w", w).reshape(-1, w.shape[-1])


def scratch(ctx: Context, dtype: Any, **shapes: tuple[int, ...]) -> list[Array]:
    """A buffer of each name and shape for every thread."""
    threads = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    return [ctx.buffer(name, (threads, *shape), dtype) for name, shape in shapes.items()]
