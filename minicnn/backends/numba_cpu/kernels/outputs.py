"""Winograd's algorithm: from products to outputs, and the adjoint. See ``transforms.py``."""

# Numba infers the types of the kernels
# mypy: ignore-errors

from numba import carray

from minicnn.backends.numba_cpu.caching import part
from minicnn.backends.numba_cpu.kernels.local import local, unsigned
from minicnn.backends.numba_cpu.kernels.transforms import BLOCK, block, four

_FOUR, _SIXTEEN = 4 * BLOCK, 16 * BLOCK


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
