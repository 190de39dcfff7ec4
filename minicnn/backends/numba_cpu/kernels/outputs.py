"""Winograd's algorithm: from products to outputs, and the adjoint. See ``transforms.py``."""

# Numba infers the types of the kernels
# mypy: ignore-errors

from numba import carray

from minicnn.backends.numba_cpu.caching import part
from minicnn.backends.numba_cpu.kernels.local import local, unsigned
from minicnn.backends.numba_cpu.kernels.transforms import BLOCK, block, four

_FOUR, _NINE, _SIXTEEN = 4 * BLOCK, 9 * BLOCK, 16 * BLOCK


@part()
def two(m0, m1, m2, m3):
    """A' m for a kernel of three."""
    return m0 + m1 + m2, m1 - m2 - m3


@part()
def two_adjoint(y0, y1):
    """A y."""
    return y0, y0 + y1, y0 - y1, -y1


@part()
def three(m0, m1, m2, m3):
    """A' m for a kernel of two."""
    return m0 + m1 + m2, m1 - m2, m1 + m2 - m3


@part()
def three_adjoint(y0, y1, y2):
    """A y."""
    ends = y0 + y2
    return y0, ends + y1, ends - y1, -y2


@part()
def transform_outputs(M, t, m, TH, TW, product, r):
    """A' M A of the patches from t on: an image (m TH, m TW, F), in rows r, ... of product."""
    if m == 2:
        two_by_two(M, t, TH, TW, product, r)
    else:
        three_by_three(M, t, TH, TW, product, r)


@part()
def transform_outputs_adjoint(dproduct, r, m, TH, TW, dM, t):
    """dM = A dY A' of the patches from t on."""
    if m == 2:
        two_by_two_adjoint(dproduct, r, TH, TW, dM, t)
    else:
        three_by_three_adjoint(dproduct, r, TH, TW, dM, t)


@part()
def two_by_two(M, t, TH, TW, product, r):
    """``transform_outputs`` for kernels of 3 x 3."""
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
                    a0, a1 = two(*four(M, unsigned(t), at, step))
                    at += next_four
                    b0, b1 = two(*four(M, unsigned(t), at, step))
                    at += next_four
                    c0, c1 = two(*four(M, unsigned(t), at, step))
                    at += next_four
                    d0, d1 = two(*four(M, unsigned(t), at, step))
                    y[0, i], y[2, i] = two(a0, b0, c0, d0)
                    y[1, i], y[3, i] = two(a1, b1, c1, d1)
                for i in range(2):
                    for j in range(2):
                        row = first + unsigned(i) * below + unsigned(j)
                        for e in range(min(BLOCK, F)):
                            product[row, begin + unsigned(e)] = y[2 * i + j, e]
            t += 1


@part()
def two_by_two_adjoint(dproduct, r, TH, TW, dM, t):
    """The adjoint of ``two_by_two``."""
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
                    a0, a1, a2, a3 = two_adjoint(dproduct[row0, f], dproduct[row0 + right, f])
                    b0, b1, b2, b3 = two_adjoint(dproduct[row1, f], dproduct[row1 + right, f])
                    m[0, i], m[4, i], m[8, i], m[12, i] = two_adjoint(a0, b0)
                    m[1, i], m[5, i], m[9, i], m[13, i] = two_adjoint(a1, b1)
                    m[2, i], m[6, i], m[10, i], m[14, i] = two_adjoint(a2, b2)
                    m[3, i], m[7, i], m[11, i], m[15, i] = two_adjoint(a3, b3)
                for k in range(16):
                    at = begin + unsigned(k) * step
                    for e in range(min(BLOCK, F)):
                        dM[unsigned(t), at + unsigned(e)] = m[k, e]
            t += 1


@part()
def three_by_three(M, t, TH, TW, product, r):
    """``transform_outputs`` for kernels of 2 x 2."""
    F = product.shape[1]
    step, next_four, below = unsigned(F), unsigned(4 * F), unsigned(3 * TW)
    y = carray(local(M, _NINE), (9, BLOCK))
    for h in range(0, 3 * TH, 3):
        for w in range(0, 3 * TW, 3):
            first = unsigned(r + h * 3 * TW + w)
            for start in range(0, F, BLOCK):
                begin = block(start, F)
                for i in range(BLOCK):
                    at = begin + unsigned(i)
                    a0, a1, a2 = three(*four(M, unsigned(t), at, step))
                    at += next_four
                    b0, b1, b2 = three(*four(M, unsigned(t), at, step))
                    at += next_four
                    c0, c1, c2 = three(*four(M, unsigned(t), at, step))
                    at += next_four
                    d0, d1, d2 = three(*four(M, unsigned(t), at, step))
                    y[0, i], y[3, i], y[6, i] = three(a0, b0, c0, d0)
                    y[1, i], y[4, i], y[7, i] = three(a1, b1, c1, d1)
                    y[2, i], y[5, i], y[8, i] = three(a2, b2, c2, d2)
                for i in range(3):
                    for j in range(3):
                        row = first + unsigned(i) * below + unsigned(j)
                        for e in range(min(BLOCK, F)):
                            product[row, begin + unsigned(e)] = y[3 * i + j, e]
            t += 1


@part()
def three_by_three_adjoint(dproduct, r, TH, TW, dM, t):
    """The adjoint of ``three_by_three``."""
    F = dproduct.shape[1]
    step, below = unsigned(F), unsigned(3 * TW)
    m = carray(local(dM, _SIXTEEN), (16, BLOCK))
    for h in range(0, 3 * TH, 3):
        for w in range(0, 3 * TW, 3):
            row0 = unsigned(r + h * 3 * TW + w)
            row1, row2 = row0 + below, row0 + below + below
            for start in range(0, F, BLOCK):
                begin = block(start, F)
                for i in range(BLOCK):
                    f = begin + unsigned(i)
                    a0, a1, a2, a3 = three_adjoint(*three_rows(dproduct, row0, f))
                    b0, b1, b2, b3 = three_adjoint(*three_rows(dproduct, row1, f))
                    c0, c1, c2, c3 = three_adjoint(*three_rows(dproduct, row2, f))
                    m[0, i], m[4, i], m[8, i], m[12, i] = three_adjoint(a0, b0, c0)
                    m[1, i], m[5, i], m[9, i], m[13, i] = three_adjoint(a1, b1, c1)
                    m[2, i], m[6, i], m[10, i], m[14, i] = three_adjoint(a2, b2, c2)
                    m[3, i], m[7, i], m[11, i], m[15, i] = three_adjoint(a3, b3, c3)
                for k in range(16):
                    at = begin + unsigned(k) * step
                    for e in range(min(BLOCK, F)):
                        dM[unsigned(t), at + unsigned(e)] = m[k, e]
            t += 1


@part(forceinline=True)
def three_rows(a, row, f):
    """Three numbers below one another."""
    return a[row, f], a[row + unsigned(1), f], a[row + unsigned(2), f]
