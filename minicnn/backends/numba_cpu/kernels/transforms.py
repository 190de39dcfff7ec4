"""Winograd's algorithm: the transforms of kernels, patches and outputs, and their adjoints.

Two neighbouring outputs of a kernel g of three, y0 = d0 g0 + d1 g1 + d2 g2 and
y1 = d1 g0 + d2 g1 + d3 g2, take four products instead of six:
    m0 = (d0 - d2) g0,                      m1 = (d1 + d2) (g0 + g1 + g2) / 2,
    m2 = (d2 - d1) (g0 - g1 + g2) / 2,      m3 = (d1 - d3) g2,
    y0 = m0 + m1 + m2,                      y1 = m1 - m2 - m3.
With matrices: y = A' [(G g) * (B' d)]. In two dimensions Y = A' [(G g G') * (B' d B)] A makes
2 x 2 outputs from a patch d of 4 x 4, with 16 products instead of 36. With C channels, F filters
and many patches each of these is a product of matrices: M = V U with V = B' d B (patches, C) and
U = G g G' (C, F). The backward pass is the adjoint of each step, and saves as much.

"Lines" are rows of numbers that are transformed at once.
Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.
"""

# Numba infers the types of the kernels
# mypy: ignore-errors

from numba import njit

from minicnn.backends.numba_cpu.kernels.im2col import clear


@njit
def kernel_lines(g, u):
    """u = G g: four lines from three."""
    g0, g1, g2 = g[0], g[1], g[2]
    u0, u1, u2, u3 = u[0], u[1], u[2], u[3]
    half = u.dtype.type(0.5)
    for e in range(len(u0)):
        ends = g0[e] + g2[e]
        u0[e] = g0[e]
        u1[e] = half * (ends + g1[e])
        u2[e] = half * (ends - g1[e])
        u3[e] = g2[e]


@njit
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


@njit
def transform_kernel(w, lines, U):
    """U (4, 4, C F) = G g G' of the kernels g: w is (3, 3 C F), lines (4, 3 C F)."""
    kernel_lines(w, lines)
    for i in range(len(U)):
        kernel_lines(lines[i].reshape(len(w), U.shape[2]), U[i])


@njit
def transform_kernel_adjoint(dU, lines, dw):
    """dw = G' dU G."""
    for i in range(len(dU)):
        kernel_lines_adjoint(dU[i], lines[i].reshape(len(dw), dU.shape[2]))
    kernel_lines_adjoint(lines, dw)


@njit
def inputs(d0, d1, d2, d3):
    """B' d."""
    return d0 - d2, d1 + d2, d2 - d1, d1 - d3


@njit
def inputs_adjoint(v0, v1, v2, v3):
    """B v."""
    return v0, v1 - v2 + v3, v1 + v2 - v0, -v3


@njit
def transform_patches(image, TH, TW, strips, V, t):
    """V (4, 4, patches C) = B' d B of the patches d of a padded image; its first is the t-th.

    ``strips`` (4, 2, columns / 2, C) holds B' d for one row of patches: columns of even number,
    then those of odd number, so that neighbouring patches are neighbours in memory.
    """
    C = strips.shape[3]
    for th in range(TH):
        h = 2 * th
        for w in range(2 * TW + 2):
            k, q = w % 2, w // 2
            for c in range(C):
                v0, v1, v2, v3 = inputs(
                    image[h, w, c], image[h + 1, w, c], image[h + 2, w, c], image[h + 3, w, c]
                )
                strips[0, k, q, c] = v0
                strips[1, k, q, c] = v1
                strips[2, k, q, c] = v2
                strips[3, k, q, c] = v3
        for i in range(4):
            even, odd = strips[i, 0].reshape(-1), strips[i, 1].reshape(-1)
            next_even, next_odd = even[C:], odd[C:]
            v0, v1 = V[i, 0, t * C :], V[i, 1, t * C :]
            v2, v3 = V[i, 2, t * C :], V[i, 3, t * C :]
            for e in range(TW * C):
                v0[e], v1[e], v2[e], v3[e] = inputs(even[e], odd[e], next_even[e], next_odd[e])
        t += TW


@njit
def transform_patches_adjoint(dV, t, TH, TW, strips, dimage):
    """dimage += the adjoint of ``transform_patches``."""
    C = strips.shape[3]
    for th in range(TH):
        h = 2 * th
        for i in range(4):
            even, odd = strips[i, 0].reshape(-1), strips[i, 1].reshape(-1)
            next_even, next_odd = even[C:], odd[C:]
            v0, v1 = dV[i, 0, t * C :], dV[i, 1, t * C :]
            v2, v3 = dV[i, 2, t * C :], dV[i, 3, t * C :]
            clear(next_even[(TW - 1) * C :])
            clear(next_odd[(TW - 1) * C :])
            # a column is in two patches: first as their d0 or d1, then as their d2 or d3
            for e in range(TW * C):
                even[e], odd[e], _, _ = inputs_adjoint(v0[e], v1[e], v2[e], v3[e])
            for e in range(TW * C):
                _, _, d2, d3 = inputs_adjoint(v0[e], v1[e], v2[e], v3[e])
                next_even[e] += d2
                next_odd[e] += d3
        for w in range(2 * TW + 2):
            k, q = w % 2, w // 2
            for c in range(C):
                d0, d1, d2, d3 = inputs_adjoint(
                    strips[0, k, q, c], strips[1, k, q, c], strips[2, k, q, c], strips[3, k, q, c]
                )
                dimage[h, w, c] += d0
                dimage[h + 1, w, c] += d1
                dimage[h + 2, w, c] += d2
                dimage[h + 3, w, c] += d3
        t += TW


@njit
def transform_outputs(M, t, OH, OW, lines, product, r):
    """Rows r, r + 1, ... of product (rows, F) = A' M A of one image, whose first patch is t.

    ``lines`` (2, 4, TW, F) holds A' M for one row of patches.
    """
    _, _, TW, F = lines.shape
    for h in range(0, OH, 2):
        for j in range(4):
            m0, m1 = M[0, j, t * F :], M[1, j, t * F :]
            m2, m3 = M[2, j, t * F :], M[3, j, t * F :]
            y0, y1 = lines[0, j].reshape(-1), lines[1, j].reshape(-1)
            for e in range(TW * F):
                y0[e], y1[e] = m0[e] + m1[e] + m2[e], m1[e] - m2[e] - m3[e]
        for k in range(min(2, OH - h)):
            for tw in range(TW):
                p = r + (h + k) * OW + 2 * tw
                for f in range(F):
                    product[p, f] = lines[k, 0, tw, f] + lines[k, 1, tw, f] + lines[k, 2, tw, f]
                if 2 * tw + 1 == OW:  # the second column of a last patch
                    continue
                for f in range(F):
                    product[p + 1, f] = lines[k, 1, tw, f] - lines[k, 2, tw, f] - lines[k, 3, tw, f]
        t += TW


@njit
def transform_outputs_adjoint(dproduct, r, OH, OW, lines, dM, t):
    """dM = A dY A'; what lies beyond an odd size is 0."""
    _, _, TW, F = lines.shape
    zero = dproduct.dtype.type(0)
    for h in range(0, OH, 2):
        for k in range(2):
            if h + k == OH:
                clear(lines[k].reshape(-1))
                continue
            for tw in range(TW):
                p = r + (h + k) * OW + 2 * tw
                one = 2 * tw + 1 == OW
                q = p if one else p + 1
                for f in range(F):
                    y0, y1 = dproduct[p, f], zero if one else dproduct[q, f]
                    lines[k, 0, tw, f] = y0
                    lines[k, 1, tw, f] = y0 + y1
                    lines[k, 2, tw, f] = y0 - y1
                    lines[k, 3, tw, f] = -y1
        for j in range(4):
            m0, m1 = dM[0, j, t * F :], dM[1, j, t * F :]
            m2, m3 = dM[2, j, t * F :], dM[3, j, t * F :]
            y0s, y1s = lines[0, j].reshape(-1), lines[1, j].reshape(-1)
            for e in range(TW * F):
                m0[e], m1[e] = y0s[e], y0s[e] + y1s[e]
                m2[e], m3[e] = y0s[e] - y1s[e], -y1s[e]
        t += TW
