"""Convolution by Winograd's algorithm, with ReLU and max-pooling in the same pass.

The algorithm, and what U, V and M are: ``transforms.py``.
"""

# Numba infers the types of the kernels
# mypy: ignore-errors

from numba import get_thread_id, njit, prange

from minicnn.backends.numba_cpu.caching import cached_njit
from minicnn.backends.numba_cpu.kernels.blas import multiply
from minicnn.backends.numba_cpu.kernels.borders import pad, pad_adjoint
from minicnn.backends.numba_cpu.kernels.epilogue import add_chunks, finish, finish_adjoint
from minicnn.backends.numba_cpu.kernels.im2col import clear
from minicnn.backends.numba_cpu.kernels.transforms import (
    transform_kernel,
    transform_kernel_adjoint,
    transform_outputs,
    transform_outputs_adjoint,
    transform_patches,
    transform_patches_adjoint,
)


@njit
def lines_of(x):
    """(N, H, W, C)  ->  (N, H, W C)."""
    return x.reshape(x.shape[0], x.shape[1], -1)


@njit
def tile_patches(x, n0, n1, geometry, image, strips, V):
    """``transform_patches`` of images n0 to n1; one that needs no padding is read in place."""
    top, left, TH, TW = geometry[:4]
    C = x.shape[3]
    inside = len(image) <= x.shape[1] and image.shape[1] <= x.shape[2]
    for n in range(n0, n1):
        t = (n - n0) * TH * TW
        patched = x[n]
        if top > 0 or left > 0 or not inside:
            pad(lines_of(x), n, top, left * C, image.reshape(len(image), -1))
            patched = image
        transform_patches(patched, TH, TW, strips, V, t)


@cached_njit(parallel=True)
def winograd_forward(
    x, w, b, T, geometry, relu, pool, U, kernel_lines_, image_, strips_, V_, M_, lines_, product_,
    y, winner,
):  # fmt: skip
    """What ``conv_forward`` computes, for one group, no stride and no dilation."""
    _, _, TH, TW, OH, OW = geometry
    N, P = x.shape[0], OH * OW
    _, _, C, F = U.shape
    transform_kernel(w, kernel_lines_, U.reshape(4, 4, C * F))
    for tile in prange((N + T - 1) // T):
        thread = get_thread_id()
        V, M = V_[thread], M_[thread]
        n0, n1 = tile * T, min(N, tile * T + T)
        rows = (n1 - n0) * TH * TW
        tile_patches(x, n0, n1, geometry, image_[thread], strips_[thread], V.reshape(4, 4, -1))
        for i in range(4):
            for j in range(4):
                multiply(V[i, j, :rows], U[i, j], 0, M[i, j, :rows])
        product = product_[thread, : (n1 - n0) * P]
        if pool[0] == 0:
            product = y.reshape(-1, F)[n0 * P : n1 * P]
        for n in range(n0, n1):
            t, r = (n - n0) * TH * TW, (n - n0) * P
            transform_outputs(M.reshape(4, 4, -1), t, OH, OW, lines_[thread], product, r)
        finish(product, n0, n1, b, OW, relu, pool, y, winner)


@cached_njit(parallel=True)
def winograd_backward(
    x, dy, y, winner, T, chunk, geometry, relu, pool, U, kernel_lines_, image_, strips_, V_, M_,
    lines_, dproduct_, dU_chunks, db_chunks, dU, dw, db, dx, need_dx,
):  # fmt: skip
    """What ``conv_backward`` computes; U is what the forward pass left there."""
    top, left, TH, TW, OH, OW = geometry
    N, P = x.shape[0], OH * OW
    _, _, C, F = U.shape
    chunks = (N + chunk - 1) // chunk
    for k in prange(chunks):
        thread = get_thread_id()
        V, dM, lines = V_[thread], M_[thread], lines_[thread]
        image, strips = image_[thread], strips_[thread]
        clear(db_chunks[k])
        for n0 in range(k * chunk, min(N, k * chunk + chunk), T):
            n1 = min(N, n0 + T)
            rows = (n1 - n0) * TH * TW
            dproduct = finish_adjoint(
                dy, y, winner, n0, n1, P, OW, relu, pool, dproduct_[thread], db_chunks[k]
            )
            for n in range(n0, n1):
                t, r = (n - n0) * TH * TW, (n - n0) * P
                transform_outputs_adjoint(dproduct, r, OH, OW, lines, dM.reshape(4, 4, -1), t)
            tile_patches(x, n0, n1, geometry, image, strips, V.reshape(4, 4, -1))
            beta = 0 if n0 == k * chunk else 1
            for i in range(4):
                for j in range(4):
                    multiply(V[i, j, :rows].T, dM[i, j, :rows], beta, dU_chunks[k, i, j])
            if not need_dx:
                continue
            for i in range(4):
                for j in range(4):
                    multiply(dM[i, j, :rows], U[i, j].T, 0, V[i, j, :rows])
            for n in range(n0, n1):
                t = (n - n0) * TH * TW
                clear(image.reshape(-1))
                transform_patches_adjoint(V.reshape(4, 4, -1), t, TH, TW, strips, image)
                pad_adjoint(image.reshape(len(image), -1), top, left * C, lines_of(dx), n)
    for i in prange(16):
        add_chunks(dU_chunks.reshape(-1, 16, C * F), i, chunks, dU.reshape(16, C * F)[i])
    transform_kernel_adjoint(dU.reshape(4, 4, C * F), kernel_lines_, dw)
    add_chunks(db_chunks.reshape(-1, 1, F), 0, chunks, db)
