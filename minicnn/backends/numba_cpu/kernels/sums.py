"""Sums of products of shifted pixels, six by thirty-two of them in the processor's registers.

A matrix product that never builds its windows: their entries are pixels, found by adding offsets.
"""

# Numba infers the types of the kernels
# mypy: ignore-errors

from numba import carray

from minicnn.backends.numba_cpu.caching import part
from minicnn.backends.numba_cpu.kernels.local import local, unsigned

#: sums that are made at once: of so many rows, and so many columns
ROWS, COLUMNS = 6, 32


@part(fastmath={"contract"})  # lets a b + c be one instruction, and nothing else
def add_products(x, base, rows, r, inner, m, c0, total):
    """total[r + i, c0 + c] += sum over k of x[base + rows[r + i] + inner[k]] m[k, c0 + c]

    for six i and 32 c; x is flat, all indices are unsigned.
    """
    sum0, sum1 = carray(local(total, COLUMNS), COLUMNS), carray(local(total, COLUMNS), COLUMNS)
    sum2, sum3 = carray(local(total, COLUMNS), COLUMNS), carray(local(total, COLUMNS), COLUMNS)
    sum4, sum5 = carray(local(total, COLUMNS), COLUMNS), carray(local(total, COLUMNS), COLUMNS)
    r1, r2, r3 = r + unsigned(1), r + unsigned(2), r + unsigned(3)
    r4, r5 = r + unsigned(4), r + unsigned(5)
    for c in range(COLUMNS):
        at = c0 + unsigned(c)
        sum0[c], sum1[c], sum2[c] = total[r, at], total[r1, at], total[r2, at]
        sum3[c], sum4[c], sum5[c] = total[r3, at], total[r4, at], total[r5, at]
    at0, at1, at2 = base + rows[r], base + rows[r1], base + rows[r2]
    at3, at4, at5 = base + rows[r3], base + rows[r4], base + rows[r5]
    for k in range(len(inner)):
        e = inner[k]
        x0, x1, x2 = x[at0 + e], x[at1 + e], x[at2 + e]
        x3, x4, x5 = x[at3 + e], x[at4 + e], x[at5 + e]
        for c in range(COLUMNS):
            v = m[k, c0 + unsigned(c)]
            sum0[c] += x0 * v
            sum1[c] += x1 * v
            sum2[c] += x2 * v
            sum3[c] += x3 * v
            sum4[c] += x4 * v
            sum5[c] += x5 * v
    for c in range(COLUMNS):  # a loop each: six rows of one array might overlap
        total[r, c0 + unsigned(c)] = sum0[c]
    for c in range(COLUMNS):
        total[r1, c0 + unsigned(c)] = sum1[c]
    for c in range(COLUMNS):
        total[r2, c0 + unsigned(c)] = sum2[c]
    for c in range(COLUMNS):
        total[r3, c0 + unsigned(c)] = sum3[c]
    for c in range(COLUMNS):
        total[r4, c0 + unsigned(c)] = sum4[c]
    for c in range(COLUMNS):
        total[r5, c0 + unsigned(c)] = sum5[c]


@part()
def add_windows_product(x, base, rows, inner, m, total):
    """total (R, C) += windows @ m (K, C), where windows[r, k] = x[base + rows[r] + inner[k]].

    The windows are never built. With ``rows`` and ``inner`` exchanged it is their transpose that
    is multiplied. R is a multiple of 6 and C of 32.
    """
    for c in range(0, total.shape[1], COLUMNS):
        for r in range(0, len(rows), ROWS):
            add_products(x, base, rows, unsigned(r), inner, m, unsigned(c), total)
