"""Convolution by Winograd's algorithm, with ReLU and max-pooling in the same pass.

The algorithm, and what U, V and M are: ``transforms.py``.
"""

# Numba infers the types of the kernels
# mypy: ignore-errors

from numba import get_thread_id, prange

from minicnn.backends.numba_cpu.caching import cached_njit, part
from minicnn.backends.numba_cpu.kernels.epilogue import add_chunks, finish, finish_adjoint
from minicnn.backends.numba_cpu.kernels.im2col import clear, pad_adjoint, with_border
from minicnn.backends.numba_cpu.kernels.intrinsics import multiply
from minicnn.backends.numba_cpu.kernels.transforms import (
    kernel_lines_adjoint,
    transform_kernel,
    transform_outputs,
    transform_outputs_adjoint,
    transform_patches,
    transform_patches_adjoint,
)


@part()
def lines_of(x):
    """(N, H, W, C)  ->  (N, H, W C)."""
    return x.reshape(x.shape[0], x.shape[1], -1)


@part()
def tile_patches(x, n0, n1, geometry, image, V):
    """``transform_patches`` of images n0 to n1."""
    top, left, TH, TW = geometry
    C = x.shape[3]
    lines, padded = lines_of(x), image.reshape(len(image), -1)
    for n in range(n0, n1):
        d = with_border(lines[n], top, left * C, padded)
        transform_patches(d, C, TH, TW, V, (n - n0) * TH * TW)


@part()
def transpose(a, b):
    """b (F, C) = a (C, F), on its side."""
    for f in range(len(b)):
        for c in range(len(a)):
            b[f, c] = a[c, f]


@cached_njit(parallel=True)
def winograd_forward(
    x, w, b, T, geometry, relu, pool, U, kernel_lines, image_, V_, M_, product_, y, winner
):  # fmt: skip
    """What ``conv_forward`` computes, for one group, no stride and no dilation."""
    _, _, TH, TW = geometry
    N, P = x.shape[0], 4 * TH * TW
    _, C, F = U.shape
    for i in prange(4):
        transform_kernel(w, i, kernel_lines[i], U.reshape(4, 4, C * F)[i])
    for tile in prange((N + T - 1) // T):
        thread = get_thread_id()
        V, M, product = V_[thread], M_[thread], product_[thread]
        n0, n1 = tile * T, min(N, tile * T + T)
        rows = (n1 - n0) * TH * TW
        tile_patches(x, n0, n1, geometry, image_[thread], V)
        for k in range(16):
            multiply(V[:rows, k * C : k * C + C], U[k], 0, M[:rows, k * F : k * F + F])
        for n in range(n1 - n0):
            transform_outputs(M, n * TH * TW, TH, TW, product, n * P)
        finish(product, P, 2 * TW, n0, n1, b, relu, pool, y, winner)


@cached_njit(parallel=True)
def winograd_backward(
    x, dy, y, winner, T, chunk, geometry, even, relu, pool, U, kernel_lines, image_, V_, M_,
    dproduct_, U_t, dU_chunks, db_chunks, dU, dw, db, dx, need_dx,
):  # fmt: skip
    """What ``conv_backward`` computes; U is what the forward pass left there.

    ``even`` says whether patches make no more outputs than there are.
    """
    top, left, TH, TW = geometry
    N, P = x.shape[0], 4 * TH * TW
    _, C, F = U.shape
    chunks = (N + chunk - 1) // chunk
    if need_dx:
        for k in prange(16):
            transpose(U[k], U_t[k])
    for t in prange(chunks):
        thread = get_thread_id()
        V, dM, dproduct, image = V_[thread], M_[thread], dproduct_[thread], image_[thread]
        clear(db_chunks[t])
        for n0 in range(t * chunk, min(N, t * chunk + chunk), T):
            n1 = min(N, n0 + T)
            rows = (n1 - n0) * TH * TW
            if not even:
                clear(dproduct.reshape(-1))
            finish_adjoint(dy, y, winner, n0, n1, relu, pool, dproduct, P, 2 * TW, db_chunks[t])
            for n in range(n1 - n0):
                transform_outputs_adjoint(dproduct, n * P, TH, TW, dM, n * TH * TW)
            tile_patches(x, n0, n1, geometry, image, V)
            beta = 0 if n0 == t * chunk else 1
            for k in range(16):
                v, d = V[:rows, k * C : k * C + C], dM[:rows, k * F : k * F + F]
                multiply(v.T, d, beta, dU_chunks[k, t])
                if need_dx:
                    multiply(d, U_t[k], 0, v)
            if not need_dx:
                continue
            for n in range(n0, n1):
                clear(image.reshape(-1))
                transform_patches_adjoint(V, (n - n0) * TH * TW, TH, TW, image)
                pad_adjoint(image.reshape(len(image), -1), top, left * C, lines_of(dx)[n])
    for i in prange(4):  # dw = G' dU G
        for j in range(4):
            add_chunks(dU_chunks[4 * i + j], chunks, dU[4 * i + j])
        row = dU[4 * i : 4 * i + 4].reshape(4, C * F)
        kernel_lines_adjoint(row, kernel_lines[i].reshape(3, C * F))
    kernel_lines_adjoint(kernel_lines, dw)
    add_chunks(db_chunks.reshape(-1, 1, F), chunks, db.reshape(1, F))
