"""Convolution as a product of windows and w, with ReLU and max-pooling in the same pass."""

# Numba infers the types of the kernels
# mypy: ignore-errors

from numba import get_thread_id, prange

from minicnn.backends.numba_cpu.caching import cached_njit, part
from minicnn.backends.numba_cpu.kernels.epilogue import add_chunks, finish, finish_adjoint
from minicnn.backends.numba_cpu.kernels.im2col import clear, col2im, col2im_t, im2col, im2col_t
from minicnn.backends.numba_cpu.kernels.intrinsics import multiply


@part()
def tile_windows(x, n0, n1, C, g, groups, geometry, transposed, planes, cols):
    """The windows of images n0 to n1, channel group g, as rows: ``cols``, or its transpose."""
    P, CG = geometry[8] * geometry[9], C // groups
    for n in range(n0, n1):
        if transposed:
            im2col_t(x, n, C, g * CG, CG, geometry, planes, cols, (n - n0) * P)
        else:
            im2col(x, n, C, g * CG, CG, geometry, cols, (n - n0) * P)
    rows = (n1 - n0) * P
    return cols.T[:rows] if transposed else cols[:rows, :]


@cached_njit(parallel=True)
def conv_forward(
    x, w, b, C, groups, T, geometry, transposed, relu, pool, cols_, planes_, product_, y, winner
):  # fmt: skip
    """y (N, OH, OW, F) = x * w + b, then ReLU, then max-pooling, as asked.

    w is (K, F); pool is (0, 0, 0, 0) for none. Names with a final _ hold one part for each thread.
    """
    N, F = x.shape[0], w.shape[1]
    P, FG = geometry[8] * geometry[9], F // groups
    for tile in prange((N + T - 1) // T):
        thread = get_thread_id()
        n0, n1 = tile * T, min(N, tile * T + T)
        product = product_[thread, : (n1 - n0) * P]
        for g in range(groups):
            f = slice(g * FG, (g + 1) * FG)
            windows = tile_windows(
                x, n0, n1, C, g, groups, geometry, transposed, planes_[thread], cols_[thread]
            )
            multiply(windows, w[:, f], 0, product[:, f])
        finish(product, P, geometry[9], n0, n1, b, relu, pool, y, winner)


@cached_njit(parallel=True)
def conv_backward(
    x, w, dy, y, winner, C, groups, T, chunk, geometry, transposed, relu, pool,
    cols_, planes_, dproduct_, dw_chunks, db_chunks, dw, db, dx, need_dx,
):  # fmt: skip
    """dw (K, F), db (F,) and dx (N, H, W C) from dy, y and winner of ``conv_forward``.

    A chunk is ``chunk`` images, a multiple of T.
    """
    N, F = x.shape[0], w.shape[1]
    P, CG, FG = geometry[8] * geometry[9], C // groups, F // groups
    chunks = (N + chunk - 1) // chunk
    for t in prange(chunks):
        thread = get_thread_id()
        cols, dproduct = cols_[thread], dproduct_[thread]
        clear(db_chunks[t])
        for n0 in range(t * chunk, min(N, t * chunk + chunk), T):
            n1 = min(N, n0 + T)
            rows = (n1 - n0) * P
            finish_adjoint(
                dy, y, winner, n0, n1, relu, pool, dproduct, P, geometry[9], db_chunks[t]
            )
            if need_dx:
                clear(dx[n0:n1].reshape(-1))
            for g in range(groups):
                f = slice(g * FG, (g + 1) * FG)
                d = dproduct[:rows, f]
                windows = tile_windows(
                    x, n0, n1, C, g, groups, geometry, transposed, planes_[thread], cols
                )
                beta = 0 if n0 == t * chunk else 1
                multiply(windows.T, d, beta, dw_chunks[t, :, f])
                if not need_dx:
                    continue
                if transposed:
                    multiply(w[:, f], d.T, 0, windows.T)
                else:
                    multiply(d, w[:, f].T, 0, windows)
                for n in range(n0, n1):
                    r = (n - n0) * P
                    if transposed:
                        col2im_t(cols, r, planes_[thread], dx, n, C, g * CG, CG, geometry)
                    else:
                        col2im(cols, r, dx, n, C, g * CG, CG, geometry)
    add_chunks(dw_chunks, chunks, dw)
    add_chunks(db_chunks.reshape(-1, 1, F), chunks, db.reshape(1, F))
