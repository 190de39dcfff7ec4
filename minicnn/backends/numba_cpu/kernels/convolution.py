"""Convolution as a product of windows and w, with ReLU and max-pooling in the same pass."""

from typing import NamedTuple

from numba import get_thread_id, prange

from minicnn.backends.numba_cpu.caching import cached_njit, part
from minicnn.backends.numba_cpu.kernels import epilogue
from minicnn.backends.numba_cpu.kernels.epilogue import Gradients, Out
from minicnn.backends.numba_cpu.kernels.im2col import clear, col2im, col2im_t, im2col, im2col_t
from minicnn.backends.numba_cpu.kernels.intrinsics import multiply
from minicnn.backends.spec import Array


class Plan(NamedTuple):
    """What the kernels are told of a convolution."""

    C: int
    groups: int
    T: int  # images a tile
    KH: int
    KW: int
    SH: int
    SW: int
    DH: int
    DW: int
    top: int
    left: int
    OH: int
    OW: int
    transposed: bool  # the column matrix, see ``kernels/``


class Scratch(NamedTuple):
    """Memory of the kernels, for every thread."""

    cols: Array  # (T P, K), or transposed
    planes: Array  # the padded image, channel first (C // groups, H + ..., W + ...)
    product: Array  # (T P, F)


@part()
def tile_windows(x, n0, n1, g, plan, planes, cols):
    """The windows of images n0 to n1, channel group g, as rows: ``cols``, or its transpose."""
    P, c0 = plan.OH * plan.OW, g * (plan.C // plan.groups)
    for n in range(n0, n1):
        if plan.transposed:
            im2col_t(x, n, c0, plan, planes, cols, (n - n0) * P)
        else:
            im2col(x, n, c0, plan, cols, (n - n0) * P)
    rows = (n1 - n0) * P
    return cols.T[:rows] if plan.transposed else cols[:rows, :]


@cached_njit(parallel=True)
def conv_forward(x, w, b, plan, scratch, out):
    """y (N, OH, OW, F) = x * w + b, then ReLU, then max-pooling, as asked.

    x is (N, H, W C), w is (K, F).
    """
    plan, scratch, out = Plan(*plan), Scratch(*scratch), Out(*out)
    N, F = x.shape[0], w.shape[1]
    T, P, FG = plan.T, plan.OH * plan.OW, F // plan.groups
    for tile in prange((N + T - 1) // T):
        thread = get_thread_id()
        n0, n1 = tile * T, min(N, tile * T + T)
        product = scratch.product[thread, : (n1 - n0) * P]
        for g in range(plan.groups):
            f = slice(g * FG, (g + 1) * FG)
            windows = tile_windows(x, n0, n1, g, plan, scratch.planes[thread], scratch.cols[thread])
            multiply(windows, w[:, f], 0, product[:, f])
        epilogue.finish(product, P, plan.OW, n0, n1, b, out)


@cached_njit(parallel=True)
def conv_backward(x, w, dy, plan, chunk, scratch, out, gradients, dx, need_dx):
    """dw (K, F), db (F,) and dx (N, H, W C) from dy, and y and winner of ``conv_forward``.

    A chunk is ``chunk`` images, a multiple of T.
    """
    plan, scratch, out = Plan(*plan), Scratch(*scratch), Out(*out)
    gradients = Gradients(*gradients)
    N, F = x.shape[0], w.shape[1]
    T, P, CG, FG = plan.T, plan.OH * plan.OW, plan.C // plan.groups, F // plan.groups
    chunks = (N + chunk - 1) // chunk
    for t in prange(chunks):
        thread = get_thread_id()
        cols, planes, dproduct = (
            scratch.cols[thread], scratch.planes[thread], scratch.product[thread],
        )  # fmt: skip
        db = gradients.db_chunks[t]
        clear(db)
        for n0 in range(t * chunk, min(N, t * chunk + chunk), T):
            n1 = min(N, n0 + T)
            rows = (n1 - n0) * P
            epilogue.finish_adjoint(dy, n0, n1, out, dproduct, P, plan.OW, db)
            if need_dx:
                clear(dx[n0:n1].reshape(-1))
            for g in range(plan.groups):
                f = slice(g * FG, (g + 1) * FG)
                d = dproduct[:rows, f]
                windows = tile_windows(x, n0, n1, g, plan, planes, cols)
                beta = 0 if n0 == t * chunk else 1
                multiply(windows.T, d, beta, gradients.dw_chunks[t, :, f])
                if not need_dx:
                    continue
                if plan.transposed:
                    multiply(w[:, f], d.T, 0, windows.T)
                else:
                    multiply(d, w[:, f].T, 0, windows)
                for n in range(n0, n1):
                    r = (n - n0) * P
                    if plan.transposed:
                        col2im_t(cols, r, planes, dx, n, g * CG, plan)
                    else:
                        col2im(cols, r, dx, n, g * CG, plan)
    epilogue.add_chunks(gradients.dw_chunks, chunks, gradients.dw)
    epilogue.add_chunks(gradients.db_chunks.reshape(-1, 1, F), chunks, gradients.db.reshape(1, F))
