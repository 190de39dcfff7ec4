"""Convolution and max-pooling of 2 x 2 while the sums are in registers: two windows at a time.

A window of the pooling needs four sums a filter, of which it keeps the largest: nothing else is
written.
"""

# Numba infers the types of the kernels
# mypy: ignore-errors

from numba import carray

from minicnn.backends.numba_cpu.caching import part
from minicnn.backends.numba_cpu.kernels.epilogue import larger, largest_of_four
from minicnn.backends.numba_cpu.kernels.local import local, unsigned

#: filters whose sums, eight of each, fit the registers: no fewer may there be
FILTERS = 32


@part(fastmath={"contract"})  # lets a b + c be one instruction, and nothing else
def pool_row(x, start, steps, taps, w, b, y, winner, row):
    """y[row, p, f] = relu(max + b[f]) of the sums over k of x[place + taps[k]] w[k, f].

    The four places of a window are start + p across, right of it, below, and right below; all are
    unsigned, x is flat. Winners are left out if there is no place for them.
    """
    across, right, below = steps
    columns, F = y.shape[1:]
    zero, place = y.dtype.type(0), winner.dtype.type
    s0, s1 = carray(local(y, FILTERS), FILTERS), carray(local(y, FILTERS), FILTERS)
    s2, s3 = carray(local(y, FILTERS), FILTERS), carray(local(y, FILTERS), FILTERS)
    t0, t1 = carray(local(y, FILTERS), FILTERS), carray(local(y, FILTERS), FILTERS)
    t2, t3 = carray(local(y, FILTERS), FILTERS), carray(local(y, FILTERS), FILTERS)
    for column in range(0, columns, 2):
        p, q = unsigned(column), unsigned(min(column + 1, columns - 1))  # at the end, one twice
        p0, q0 = start + p * across, start + q * across
        p1, p2, p3 = p0 + right, p0 + below, p0 + below + right
        q1, q2, q3 = q0 + right, q0 + below, q0 + below + right
        for first in range(0, F, FILTERS):
            f = unsigned(min(first, F - FILTERS))  # the last filters overlap with those before
            for c in range(FILTERS):
                s0[c] = s1[c] = s2[c] = s3[c] = t0[c] = t1[c] = t2[c] = t3[c] = 0
            for k in range(len(taps)):
                e = taps[k]
                a0, a1, a2, a3 = x[p0 + e], x[p1 + e], x[p2 + e], x[p3 + e]
                b0, b1, b2, b3 = x[q0 + e], x[q1 + e], x[q2 + e], x[q3 + e]
                for c in range(FILTERS):
                    v = w[k, f + unsigned(c)]
                    s0[c] += a0 * v
                    s1[c] += a1 * v
                    s2[c] += a2 * v
                    s3[c] += a3 * v
                    t0[c] += b0 * v
                    t1[c] += b1 * v
                    t2[c] += b2 * v
                    t3[c] += b3 * v
            keep_largest(s0, s1, s2, s3, b, f, zero, place, y, winner, row, p)
            keep_largest(t0, t1, t2, t3, b, f, zero, place, y, winner, row, q)


@part(inline="always")
def keep_largest(v0, v1, v2, v3, b, f, zero, place, y, winner, row, p):
    """y[row, p, f:] = relu(the largest of the four + b), and which of them it was."""
    if winner.shape == y.shape:
        places = carray(local(winner, FILTERS), FILTERS)
        for c in range(FILTERS):
            bias = b[f + unsigned(c)]
            v0[c], places[c] = largest_of_four(
                v0[c] + bias, v1[c] + bias, v2[c] + bias, v3[c] + bias, zero, place
            )
        for c in range(FILTERS):
            winner[row, p, f + unsigned(c)] = places[c]
    else:
        for c in range(FILTERS):
            best = larger(larger(v0[c], v1[c]), larger(v2[c], v3[c])) + b[f + unsigned(c)]
            v0[c] = zero if best <= 0 else best
    for c in range(FILTERS):
        y[row, p, f + unsigned(c)] = v0[c]
