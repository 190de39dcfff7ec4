"""Winograd's algorithm with patches of 6 x 6: fewer products, more rounding. For prediction.

What ``transforms.py`` does with four products for two outputs works for any number of them: two
polynomials are multiplied by their values at a few points. With 0, 1, -1, 2, -2 and infinity six
products make size = 7 - K outputs of a kernel of K: 4 x 4 of 3 x 3 (36 products instead of 144)
or 5 x 5 of 2 x 2 (36 instead of 100). B' is the same for both, G takes the values of the kernel's
polynomial, and row i of A' holds the i-th powers of the points.

The powers make rounding some ten times larger, relative to the largest output of a patch; equal
outputs differ in their last bits, and a NaN or an overflow spoils a whole patch. So nothing that
compares outputs with one another, as the backward pass of max-pooling does, is built on them; and
where one is not finite the caller computes all of them in another way.
Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.
"""

from typing import NamedTuple

from numba import carray, get_thread_id, prange

from minicnn.backends.numba_cpu.caching import cached_njit, part
from minicnn.backends.numba_cpu.kernels.epilogue import Out, finish
from minicnn.backends.numba_cpu.kernels.im2col import with_border
from minicnn.backends.numba_cpu.kernels.intrinsics import local, multiply, unsigned
from minicnn.backends.numba_cpu.kernels.transforms import BLOCK, block
from minicnn.backends.numba_cpu.kernels.winograd import Scratch

#: rows and columns of a patch, and its pixels
SIDE = 6
PIXELS = SIDE * SIDE
_ENTRIES = PIXELS * BLOCK


class Plan(NamedTuple):
    """What the kernel is told of a convolution: TH x TW patches an image."""

    T: int  # images a tile
    top: int
    left: int
    TH: int
    TW: int
    size: int  # outputs of a patch, size x size


@part()
def kernel_lines(g, u):
    """u (6, n) = G g (K, n): the polynomials with coefficients g at 0, 1, -1, 2, -2 and infinity.

    They are scaled so that B' and A' have whole numbers.
    """
    a, b = u.dtype.type(1 / 4), u.dtype.type(1 / 6)
    c, d = u.dtype.type(1 / 12), u.dtype.type(1 / 24)
    last = len(g) - 1
    for e in range(u.shape[1]):
        g0, g1, g2 = g[0, e], g[1, e], g[2, e] if last == 2 else u.dtype.type(0)
        u[0, e] = a * g0
        u[1, e] = -b * (g0 + g2 + g1)
        u[2, e] = -b * (g0 + g2 - g1)
        u[3, e] = d * g0 + b * g2 + c * g1
        u[4, e] = d * g0 + b * g2 - c * g1
        u[5, e] = g[last, e]


@part(forceinline=True)
def six(a, row, at, step):
    """Six numbers of a row."""
    two = step + step
    four = two + two
    return (
        a[row, at], a[row, at + step], a[row, at + two], a[row, at + two + step],
        a[row, at + four], a[row, at + four + step],
    )  # fmt: skip


@part(fastmath={"contract"})
def inputs(d0, d1, d2, d3, d4, d5, two, four, five):
    """B' d."""
    ends, odd = d4 - four * d2, d3 - four * d1
    even, steep = d4 - d2, two * (d3 - d1)
    return (
        four * d0 - five * d2 + d4, ends + odd, ends - odd, even + steep, even - steep,
        four * d1 - five * d3 + d5,
    )  # fmt: skip


@part(fastmath={"contract"})
def outputs(m0, m1, m2, m3, m4, m5, two, four, size):
    """A' m: five outputs; of ``size`` 4 the fifth means nothing."""
    near, far = m1 + m2, m3 + m4
    near_odd, far_odd = m1 - m2, m3 - m4
    y3 = near_odd + four * (two * far_odd)
    return (
        m0 + near + far, near_odd + two * far_odd, near + four * far,
        y3 + m5 if size == 4 else y3, near + four * (four * far) + m5,
    )  # fmt: skip


@part()
def transform_patches(image, C, plan, V, t):
    """Rows t, t + 1, ... of V (patches, 36 C + ...) = B' d B of the patches d of an image.

    The image is (size TH + K - 1, (size TW + K - 1) C), or larger.
    """
    TH, TW, size = plan.TH, plan.TW, plan.size
    two, four, five = V.dtype.type(2), V.dtype.type(4), V.dtype.type(5)
    a = carray(local(V, _ENTRIES), (SIDE, SIDE, BLOCK))
    v = carray(local(V, _ENTRIES), (PIXELS, BLOCK))
    step = unsigned(C)
    for h in range(0, TH * size, size):
        for w in range(0, TW * size, size):
            for start in range(0, C, BLOCK):
                begin = block(start, C)
                for k in range(SIDE):
                    row = unsigned(h + k)
                    for i in range(BLOCK):
                        at = unsigned(w * C) + begin + unsigned(i)
                        d0, d1, d2, d3, d4, d5 = six(image, row, at, step)
                        a[k, 0, i], a[k, 1, i], a[k, 2, i], a[k, 3, i], a[k, 4, i], a[k, 5, i] = (
                            inputs(d0, d1, d2, d3, d4, d5, two, four, five)
                        )
                for k in range(SIDE):
                    for i in range(BLOCK):
                        v0, v1, v2, v3, v4, v5 = inputs(
                            a[0, k, i], a[1, k, i], a[2, k, i], a[3, k, i], a[4, k, i], a[5, k, i],
                            two, four, five,
                        )  # fmt: skip
                        v[k, i], v[6 + k, i], v[12 + k, i] = v0, v1, v2
                        v[18 + k, i], v[24 + k, i], v[30 + k, i] = v3, v4, v5
                for k in range(PIXELS):
                    at = begin + unsigned(k) * step
                    for e in range(min(BLOCK, C)):
                        V[unsigned(t), at + unsigned(e)] = v[k, e]
            t += 1


@part()
def transform_outputs(M, patches, plan, product):
    """A' M A of the patches: images (TH size, TW size, F), a row of product for each entry.

    Returns false if a product, or an output in the corner of its patch, is not finite: these four
    together take in every product of the patch.
    """
    TW, size = plan.TW, plan.size
    F, W, last = product.shape[1], TW * size, size - 1
    zero, two, four = M.dtype.type(0), M.dtype.type(2), M.dtype.type(4)
    a = carray(local(M, _ENTRIES), (SIDE, SIDE, BLOCK))
    y = carray(local(M, _ENTRIES), (SIDE, SIDE, BLOCK))
    corners = carray(local(M, BLOCK), BLOCK)
    for i in range(BLOCK):
        corners[i] = zero
    step = unsigned(F)
    for t in range(patches):
        first = (t // TW * size) * W + t % TW * size
        for start in range(0, F, BLOCK):
            begin = block(start, F)
            for k in range(SIDE):
                for i in range(BLOCK):
                    at = unsigned(k * SIDE * F) + begin + unsigned(i)
                    m0, m1, m2, m3, m4, m5 = six(M, unsigned(t), at, step)
                    a[k, 0, i], a[k, 1, i], a[k, 2, i], a[k, 3, i], a[k, 4, i] = outputs(
                        m0, m1, m2, m3, m4, m5, two, four, size
                    )
            for k in range(size):
                for i in range(BLOCK):
                    y[0, k, i], y[1, k, i], y[2, k, i], y[3, k, i], y[4, k, i] = outputs(
                        a[0, k, i], a[1, k, i], a[2, k, i], a[3, k, i], a[4, k, i], a[5, k, i],
                        two, four, size,
                    )  # fmt: skip
            for i in range(BLOCK):
                corners[i] += y[0, 0, i] + y[0, last, i] + y[last, 0, i] + y[last, last, i]
            for j in range(size):
                for k in range(size):
                    row = unsigned(first + j * W + k)
                    for e in range(min(BLOCK, F)):
                        product[row, begin + unsigned(e)] = y[j, k, e]
    total = zero
    for i in range(BLOCK):
        total += corners[i]
    return total - total == zero


@cached_njit(parallel=True)
def winograd_6x6_forward(x, w, b, plan, U, G_w, scratch, finite, out):
    """What ``conv_forward`` computes, for one group, no stride, no dilation, K = 2 or 3.

    x is (N, H, W C), w is (K, K C F), U (36, C, F), G_w (6, K C F); finite[t] is what
    ``transform_outputs`` says of tile t.
    """
    plan, scratch, out = Plan(*plan), Scratch(*scratch), Out(*out)
    T, top, left, TH, TW, size = plan
    N, K = x.shape[0], w.shape[0]
    _, C, F = U.shape
    P = size * TH * size * TW
    kernel_lines(w, G_w)
    for i in prange(SIDE):
        kernel_lines(G_w[i].reshape(K, C * F), U.reshape(SIDE, SIDE, C * F)[i])
    for tile in prange((N + T - 1) // T):
        thread = get_thread_id()
        V = scratch.V[thread]  # (T TH TW, 36 C + ...), a patch a row
        M = scratch.M[thread]  # (T TH TW, 36 F + ...)
        product = scratch.product[thread]  # (T P, F)
        n0, n1 = tile * T, min(N, tile * T + T)
        rows = (n1 - n0) * TH * TW
        for n in range(n0, n1):
            d = with_border(x[n], top, left * C, scratch.image[thread])
            transform_patches(d, C, plan, V, (n - n0) * TH * TW)
        for k in range(PIXELS):
            multiply(V[:rows, k * C : k * C + C], U[k], 0, M[:rows, k * F : k * F + F])
        finite[tile] = transform_outputs(M, rows, plan, product)
        finish(product, P, TW * size, n0, n1, b, out)
