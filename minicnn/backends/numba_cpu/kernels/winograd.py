"""Convolution by Winograd's algorithm, with ReLU and max-pooling in the same pass.

The algorithm, and what U, V and M are: ``transforms.py``.
"""

from typing import NamedTuple

from numba import get_thread_id, prange

from minicnn.backends.numba_cpu.caching import cached_njit, part
from minicnn.backends.numba_cpu.kernels import epilogue, transforms
from minicnn.backends.numba_cpu.kernels.epilogue import Gradients, Out
from minicnn.backends.numba_cpu.kernels.im2col import clear, pad_adjoint, with_border
from minicnn.backends.numba_cpu.kernels.intrinsics import multiply
from minicnn.backends.spec import Array


class Plan(NamedTuple):
    """What the kernels are told of a convolution: TH x TW patches an image."""

    T: int  # images a tile
    top: int
    left: int
    TH: int
    TW: int
    even: bool  # whether patches make no more outputs than there are


class Kernel(NamedTuple):
    """The kernel w, transformed, and what its gradient needs."""

    U: Array  # (16, C, F), G w G'
    G_w: Array  # (4, 3 C F)
    U_t: Array  # (16, F, C)
    dU: Array  # (16, C, F)


class Scratch(NamedTuple):
    """Memory of the kernels, for every thread."""

    image: Array  # padded so that patches cover it (2 TH + 2, 2 TW + 2, C)
    V: Array  # patches, transformed (T TH TW, 16 C + APART)
    M: Array  # their products (T TH TW, 16 F + APART)
    product: Array  # (4 T TH TW, F)


@part()
def tile_patches(x, n0, n1, plan, image, V):
    """``transform_patches`` of images n0 to n1, one after the other in the rows of V."""
    _, top, left, TH, TW, _ = plan
    C = x.shape[3]
    lines = x.reshape(x.shape[0], x.shape[1], -1)  # (N, H, W C)
    padded = image.reshape(len(image), -1)  # (2 TH + 2, (2 TW + 2) C)
    for n in range(n0, n1):
        d = with_border(lines[n], top, left * C, padded)
        transforms.transform_patches(d, C, TH, TW, V, (n - n0) * TH * TW)


@part()
def transpose(a, b):
    """b (F, C) = a (C, F), on its side."""
    for f in range(len(b)):
        for c in range(len(a)):
            b[f, c] = a[c, f]


@cached_njit(parallel=True)
def winograd_forward(x, w, b, plan, U, G_w, scratch, out):
    """What ``conv_forward`` computes, for one group, no stride and no dilation.

    x is (N, H, W, C), w is (3, 3 C F), U (16, C, F), G_w (4, 3 C F).
    """
    plan, scratch, out = Plan(*plan), Scratch(*scratch), Out(*out)
    T, TH, TW = plan.T, plan.TH, plan.TW
    N, P = x.shape[0], 4 * TH * TW
    _, C, F = U.shape
    for i in prange(4):
        transforms.transform_kernel(w, i, G_w[i], U.reshape(4, 4, C * F)[i])
    for tile in prange((N + T - 1) // T):
        thread = get_thread_id()
        V = scratch.V[thread]  # (T TH TW, 16 C + ...), a patch a row
        M = scratch.M[thread]  # (T TH TW, 16 F + ...)
        product = scratch.product[thread]  # (T P, F)
        n0, n1 = tile * T, min(N, tile * T + T)
        rows = (n1 - n0) * TH * TW
        tile_patches(x, n0, n1, plan, scratch.image[thread], V)
        for k in range(16):
            multiply(V[:rows, k * C : k * C + C], U[k], 0, M[:rows, k * F : k * F + F])
        for n in range(n1 - n0):
            transforms.transform_outputs(M, n * TH * TW, TH, TW, product, n * P)
        epilogue.finish(product, P, 2 * TW, n0, n1, b, out)


@cached_njit(parallel=True)
def winograd_backward(x, dy, plan, chunk, kernel, scratch, out, gradients, dx, need_dx):
    """What ``conv_backward`` computes; U is what the forward pass left there."""
    plan, scratch, out = Plan(*plan), Scratch(*scratch), Out(*out)
    gradients = Gradients(*gradients)
    U, G_w, U_t, dU = Kernel(*kernel)
    T, top, left, TH, TW, even = plan
    N, P = x.shape[0], 4 * TH * TW
    dU_chunks, dw = gradients.dw_chunks, gradients.dw  # (16, chunks, C, F), (3, 3 C F)
    _, C, F = U.shape
    chunks = (N + chunk - 1) // chunk
    if need_dx:
        for k in prange(16):
            transpose(U[k], U_t[k])
    for t in prange(chunks):
        thread = get_thread_id()
        V = scratch.V[thread]  # (T TH TW, 16 C + ...), a patch a row; then dV
        dM = scratch.M[thread]  # (T TH TW, 16 F + ...)
        dproduct = scratch.product[thread]  # (T P, F)
        image = scratch.image[thread]  # (2 TH + 2, 2 TW + 2, C)
        db = gradients.db_chunks[t]  # (F,)
        clear(db)
        for n0 in range(t * chunk, min(N, t * chunk + chunk), T):
            n1 = min(N, n0 + T)
            rows = (n1 - n0) * TH * TW
            if not even:
                clear(dproduct.reshape(-1))
            epilogue.finish_adjoint(dy, n0, n1, out, dproduct, P, 2 * TW, db)
            for n in range(n1 - n0):
                transforms.transform_outputs_adjoint(dproduct, n * P, TH, TW, dM, n * TH * TW)
            tile_patches(x, n0, n1, plan, image, V)
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
                transforms.transform_patches_adjoint(V, (n - n0) * TH * TW, TH, TW, image)
                dlines = dx[n].reshape(dx.shape[1], -1)  # (H, W C)
                pad_adjoint(image.reshape(len(image), -1), top, left * C, dlines)
    for i in prange(4):  # dw = G' dU G
        for j in range(4):
            epilogue.add_chunks(dU_chunks[4 * i + j], chunks, dU[4 * i + j])
        row = dU[4 * i : 4 * i + 4].reshape(4, C * F)
        transforms.kernel_lines_adjoint(row, G_w[i].reshape(3, C * F))
    transforms.kernel_lines_adjoint(G_w, dw)
    epilogue.add_chunks(gradients.db_chunks.reshape(-1, 1, F), chunks, gradients.db.reshape(1, F))
