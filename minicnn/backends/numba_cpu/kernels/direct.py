"""Convolution of few channels: neither windows nor products leave the innermost caches.

An image with few channels has short windows: to write them as rows of a matrix, and the product
after them, takes as long as the arithmetic. Here pixels are read where they are, found by adding
offsets, and the product is that of one row of y: the rows of windows that a row of pooling reaches.
Of it six by thirty-two sums at a time are in the processor's registers.

With the usual pooling there is no product at all: a window of it needs four sums a filter, of which
it keeps the largest, while they are in registers.
"""

from typing import NamedTuple

from numba import carray, get_thread_id, prange

from minicnn.backends.numba_cpu.caching import cached_njit, part
from minicnn.backends.numba_cpu.kernels import epilogue
from minicnn.backends.numba_cpu.kernels.epilogue import Gradients, Out, larger, largest_of_four
from minicnn.backends.numba_cpu.kernels.im2col import clear, with_border
from minicnn.backends.numba_cpu.kernels.intrinsics import local, unsigned
from minicnn.backends.spec import Array

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


class Plan(NamedTuple):
    """What the kernels are told: a band is the rows of the image that make a row of y."""

    top: int
    before: int  # the border on the left, times the channels
    rows: int  # of y
    band: int  # rows of the convolution in a band, and its columns
    OW: int
    down: int  # steps in the image, in numbers: from a row of y to the next,
    across: int  # from a column to the next,
    right: int  # and in a window of 2 x 2
    below: int
    places: Array  # where the windows of a band begin, the last repeated to a multiple of 6
    taps: Array  # the entries of a window, likewise


class Scratch(NamedTuple):
    """Memory of the kernels: the first two for every thread."""

    padded: Array  # the image with its border (rows, columns C)
    band: Array  # the product of a band (places, F rounded up to a multiple of 32)
    wide_w: Array  # (K, F rounded up)


@part()
def widen(w, wide_w):
    """w (K, F) as the first columns of wide_w; the others may hold anything."""
    for k in range(w.shape[0]):
        for f in range(w.shape[1]):
            wide_w[k, f] = w[k, f]


@cached_njit(parallel=True)
def direct_forward(x, w, b, plan, scratch, out):
    """What ``conv_forward`` computes, for one group.

    x is (N, H, W C), w is (K, F). y and winner are (N rows, 1, columns, F), each row an image of
    its own. ``wide_w`` and the product have a multiple of 32 columns for the F filters.
    """
    plan, scratch, out = Plan(*plan), Scratch(*scratch), Out(*out)
    N, K, rows, P = x.shape[0], w.shape[0], plan.rows, plan.band * plan.OW
    widen(w, scratch.wide_w)
    for n in prange(N):
        thread = get_thread_id()
        product = scratch.band[thread]
        image = with_border(x[n], plan.top, plan.before, scratch.padded[thread]).reshape(-1)
        for row in range(n * rows, n * rows + rows):
            base = unsigned((row - n * rows) * plan.down)
            clear(product.reshape(-1))
            add_windows_product(image, base, plan.places, plan.taps[:K], scratch.wide_w, product)
            epilogue.finish(product, P, plan.OW, row, row + 1, b, out)


@cached_njit(parallel=True)
def direct_pool_forward(x, w, b, plan, padded, out):
    """The same with ReLU and max-pooling of 2 x 2, two entries of a row of y at a time.

    y and winner are (N rows, columns, F).
    """
    plan, out = Plan(*plan), Out(*out)
    y, winner = out.y, out.winner
    rows, taps = plan.rows, plan.taps[: len(w)]
    steps = unsigned(plan.across), unsigned(plan.right), unsigned(plan.below)
    for n in prange(x.shape[0]):
        image = with_border(x[n], plan.top, plan.before, padded[get_thread_id()]).reshape(-1)
        for row in range(rows):
            start, entry = unsigned(row * plan.down), unsigned(n * rows + row)
            pool_row(image, start, steps, taps, w, b, y, winner, entry)


@cached_njit(parallel=True)
def direct_backward(x, dy, plan, chunk, scratch, out, gradients):
    """dw (K, F) and db (F,) from dy, and y and winner of ``direct_forward``.

    A chunk is ``chunk`` images.
    """
    plan, scratch, out = Plan(*plan), Scratch(*scratch), Out(*out)
    gradients = Gradients(*gradients)
    N, F, rows, P = x.shape[0], gradients.dw.shape[1], plan.rows, plan.band * plan.OW
    chunks = (N + chunk - 1) // chunk
    for t in prange(chunks):
        thread = get_thread_id()
        dproduct = scratch.band[thread]
        dw, db = gradients.dw_chunks[t], gradients.db_chunks[t]
        clear(dw.reshape(-1))
        clear(db)
        for n in range(t * chunk, min(N, t * chunk + chunk)):
            image = with_border(x[n], plan.top, plan.before, scratch.padded[thread]).reshape(-1)
            for row in range(n * rows, n * rows + rows):
                epilogue.finish_adjoint(dy, row, row + 1, out, dproduct, P, plan.OW, db)
                base = unsigned((row - n * rows) * plan.down)
                add_windows_product(image, base, plan.taps, plan.places[:P], dproduct, dw)
    epilogue.add_chunks(gradients.dw_chunks, chunks, gradients.dw)
    epilogue.add_chunks(gradients.db_chunks.reshape(-1, 1, F), chunks, gradients.db.reshape(1, F))
