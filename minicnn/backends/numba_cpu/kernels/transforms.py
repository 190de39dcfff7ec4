"""Winograd's algorithm: the transforms of kernels, patches and outputs, and their adjoints.

Two neighbouring outputs of a kernel g of three, y0 = d0 g0 + d1 g1 + d2 g2 and
y1 = d1 g0 + d2 g1 + d3 g2, take four products instead of six:
    m0 = (d0 - d2) g0,                      m1 = (d1 + d2) (g0 + g1 + g2) / 2,
    m2 = (d2 - d1) (g0 - g1 + g2) / 2,      m3 = (d1 - d3) g2,
    y0 = m0 + m1 + m2,                      y1 = m1 - m2 - m3.
With matrices: y = A' [(G g) * (B' d)]. In two dimensions Y = A' [(G g G') * (B' d B)] A makes
2 x 2 outputs from a patch d of 4 x 4, with 16 products instead of 36.

Where a picture is flat, d0 = d1 = d2 = d3, both outputs are m1, to the bit: a pooling window of
these 2 x 2 outputs sees the tie that it would see without the algorithm, and its first entry wins.
(Three outputs of a kernel of two would take four products, too, but they straddle such windows.)

With C channels, F filters and many patches each of these is a product of matrices: M = V U with
V = B' d B (patches, C) and U = G g G' (C, F). The backward pass is the adjoint of each step, and
saves as much. The sixteen matrices stand side by side: a row of V (patches, 16 C) is a patch,
matrix i j of it begins at (4 i + j) C, and sixteen channels at a time are transformed in registers
(``intrinsics.py``).
Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.
"""

from numba import carray

from minicnn.backends.numba_cpu.caching import part
from minicnn.backends.numba_cpu.kernels.intrinsics import local, unsigned

#: channels or filters that are transformed at once: no fewer may there be
BLOCK = 16
_SIXTEEN = 16 * BLOCK


@part()
def kernel_line(g, i, u):
    """u = line i of G g: of the four that three lines make."""
    half = u.dtype.type(0.5)
    for e in range(len(u)):
        if i == 0:
            u[e] = g[0, e]
        elif i == 1:
            u[e] = half * (g[0, e] + g[2, e] + g[1, e])
        elif i == 2:
            u[e] = half * (g[0, e] + g[2, e] - g[1, e])
        else:
            u[e] = g[2, e]


@part()
def kernel_lines_adjoint(u, g):
    """g = G' u."""
    g0, g1, g2 = g[0], g[1], g[2]
    u0, u1, u2, u3 = u[0], u[1], u[2], u[3]
    half = u.dtype.type(0.5)
    for e in range(len(g0)):
        both = half * (u1[e] + u2[e])
        g0[e] = u0[e] + both
        g1[e] = half * (u1[e] - u2[e])
        g2[e] = both + u3[e]


@part()
def transform_kernel(w, i, line, U):
    """U (4, C F), row i of G g G' of the kernels g: w is (3, 3 C F), line (3 C F,)."""
    kernel_line(w, i, line)
    for j in range(len(U)):
        kernel_line(line.reshape(3, U.shape[1]), j, U[j])


@part()
def block(start, size):
    """Where sixteen of ``size`` numbers begin: the last sixteen overlap with those before."""
    return unsigned(min(start, size - BLOCK))


@part(forceinline=True)
def four(a, row, at, step):
    """Four numbers of a row."""
    return a[row, at], a[row, at + step], a[row, at + step + step], a[row, at + step + step + step]


@part()
def inputs(d0, d1, d2, d3):
    """B' d."""
    return d0 - d2, d1 + d2, d2 - d1, d1 - d3


@part()
def inputs_adjoint(v0, v1, v2, v3):
    """B v."""
    return v0, v1 - v2 + v3, v1 + v2 - v0, -v3


@part()
def transform_patches(image, C, TH, TW, V, t):
    """Rows t, t + 1, ... of V (patches, 16 C + ...) = B' d B of the patches d of an image.

    The image is (2 TH + 2, (2 TW + 2) C), or larger.
    """
    v, step = carray(local(V, _SIXTEEN), (16, BLOCK)), unsigned(C)
    for h in range(0, 2 * TH, 2):
        h0, h1, h2, h3 = unsigned(h), unsigned(h + 1), unsigned(h + 2), unsigned(h + 3)
        for w in range(0, 2 * TW, 2):
            for start in range(0, C, BLOCK):
                begin = block(start, C)
                for i in range(BLOCK):
                    at = unsigned(w * C) + begin + unsigned(i)
                    a0, a1, a2, a3 = inputs(*four(image, h0, at, step))
                    b0, b1, b2, b3 = inputs(*four(image, h1, at, step))
                    c0, c1, c2, c3 = inputs(*four(image, h2, at, step))
                    d0, d1, d2, d3 = inputs(*four(image, h3, at, step))
                    v[0, i], v[4, i], v[8, i], v[12, i] = inputs(a0, b0, c0, d0)
                    v[1, i], v[5, i], v[9, i], v[13, i] = inputs(a1, b1, c1, d1)
                    v[2, i], v[6, i], v[10, i], v[14, i] = inputs(a2, b2, c2, d2)
                    v[3, i], v[7, i], v[11, i], v[15, i] = inputs(a3, b3, c3, d3)
                for k in range(16):
                    at = begin + unsigned(k) * step
                    for e in range(min(BLOCK, C)):
                        V[unsigned(t), at + unsigned(e)] = v[k, e]
            t += 1


@part()
def transform_patches_adjoint(dV, t, TH, TW, dimage):
    """dimage (2 TH + 2, 2 TW + 2, C) += the adjoint of ``transform_patches``."""
    C = dimage.shape[2]
    v, step, next_four = carray(local(dV, _SIXTEEN), (16, BLOCK)), unsigned(C), unsigned(4 * C)
    zero = dV.dtype.type(0)
    for h in range(0, 2 * TH, 2):
        for w in range(0, 2 * TW, 2):
            row = unsigned(t)
            for start in range(0, C, BLOCK):
                begin = block(start, C)
                for i in range(BLOCK):
                    at = begin + unsigned(i)
                    a0, a1, a2, a3 = inputs_adjoint(*four(dV, row, at, step))
                    at += next_four
                    b0, b1, b2, b3 = inputs_adjoint(*four(dV, row, at, step))
                    at += next_four
                    c0, c1, c2, c3 = inputs_adjoint(*four(dV, row, at, step))
                    at += next_four
                    d0, d1, d2, d3 = inputs_adjoint(*four(dV, row, at, step))
                    v[0, i], v[4, i], v[8, i], v[12, i] = inputs_adjoint(a0, b0, c0, d0)
                    v[1, i], v[5, i], v[9, i], v[13, i] = inputs_adjoint(a1, b1, c1, d1)
                    v[2, i], v[6, i], v[10, i], v[14, i] = inputs_adjoint(a2, b2, c2, d2)
                    v[3, i], v[7, i], v[11, i], v[15, i] = inputs_adjoint(a3, b3, c3, d3)
                for k in range(16):
                    for i in range(start - int(begin)):  # added with the block before
                        v[k, i] = zero
                for i in range(4):
                    for j in range(4):
                        at_h, at_w, k = unsigned(h + i), unsigned(w + j), unsigned(4 * i + j)
                        for e in range(min(BLOCK, C)):
                            dimage[at_h, at_w, begin + unsigned(e)] += v[k, e]
            t += 1


# -- from products to outputs -------------------------------------------------------------------

_FOUR = 4 * BLOCK


@part()
def outputs(m0, m1, m2, m3):
    """A' m."""
    return m0 + m1 + m2, m1 - m2 - m3


@part()
def outputs_adjoint(y0, y1):
    """A y."""
    return y0, y0 + y1, y0 - y1, -y1


@part()
def transform_outputs(M, t, TH, TW, product, r):
    """A' M A of the patches from t on: an image (2 TH, 2 TW, F), in rows r, ... of product."""
    F = product.shape[1]
    step, next_four, below = unsigned(F), unsigned(4 * F), unsigned(2 * TW)
    y = carray(local(M, _FOUR), (4, BLOCK))
    for h in range(0, 2 * TH, 2):
        for w in range(0, 2 * TW, 2):
            first = unsigned(r + h * 2 * TW + w)
            for start in range(0, F, BLOCK):
                begin = block(start, F)
                for i in range(BLOCK):
                    at = begin + unsigned(i)
                    a0, a1 = outputs(*four(M, unsigned(t), at, step))
                    at += next_four
                    b0, b1 = outputs(*four(M, unsigned(t), at, step))
                    at += next_four
                    c0, c1 = outputs(*four(M, unsigned(t), at, step))
                    at += next_four
                    d0, d1 = outputs(*four(M, unsigned(t), at, step))
                    y[0, i], y[2, i] = outputs(a0, b0, c0, d0)
                    y[1, i], y[3, i] = outputs(a1, b1, c1, d1)
                for i in range(2):
                    for j in range(2):
                        row = first + unsigned(i) * below + unsigned(j)
                        for e in range(min(BLOCK, F)):
                            product[row, begin + unsigned(e)] = y[2 * i + j, e]
            t += 1


@part()
def transform_outputs_adjoint(dproduct, r, TH, TW, dM, t):
    """dM = A dY A' of the patches from t on."""
    F = dproduct.shape[1]
    step, right, below = unsigned(F), unsigned(1), unsigned(2 * TW)
    m = carray(local(dM, _SIXTEEN), (16, BLOCK))
    for h in range(0, 2 * TH, 2):
        for w in range(0, 2 * TW, 2):
            row0 = unsigned(r + h * 2 * TW + w)
            row1 = row0 + below
            for start in range(0, F, BLOCK):
                begin = block(start, F)
                for i in range(BLOCK):
                    f = begin + unsigned(i)
                    a0, a1, a2, a3 = outputs_adjoint(dproduct[row0, f], dproduct[row0 + right, f])
                    b0, b1, b2, b3 = outputs_adjoint(dproduct[row1, f], dproduct[row1 + right, f])
                    m[0, i], m[4, i], m[8, i], m[12, i] = outputs_adjoint(a0, b0)
                    m[1, i], m[5, i], m[9, i], m[13, i] = outputs_adjoint(a1, b1)
                    m[2, i], m[6, i], m[10, i], m[14, i] = outputs_adjoint(a2, b2)
                    m[3, i], m[7, i], m[11, i], m[15, i] = outputs_adjoint(a3, b3)
                for k in range(16):
                    at = begin + unsigned(k) * step
                    for e in range(min(BLOCK, F)):
                        dM[unsigned(t), at + unsigned(e)] = m[k, e]
            t += 1
