"""What follows a product while it is in the cache: bias, ReLU, max-pooling; and the adjoints.

``out`` (``Out``) says which of them are asked for, and where y and the winners go.
"""

from typing import NamedTuple

from numba import carray

from minicnn.backends.numba_cpu.caching import part
from minicnn.backends.numba_cpu.kernels.im2col import clear
from minicnn.backends.numba_cpu.kernels.intrinsics import local, unsigned
from minicnn.backends.spec import Array


class Out(NamedTuple):
    """What follows the product, ReLU and max-pooling, and where its results go."""

    relu: bool
    PH: int  # 0 where there is no pooling
    PW: int
    PSH: int
    PSW: int
    y: Array  # (N, rows, columns, F)
    winner: Array  # as y: a winner's place in its window, or one more where ReLU clipped it


class Gradients(NamedTuple):
    """Where the gradients of the weights go: summed in pieces, then the pieces in order."""

    dw_chunks: Array  # (pieces, K, F); of Winograd's algorithm (16, pieces, C, F)
    db_chunks: Array  # (pieces, F)
    dw: Array  # (K, F); of Winograd's algorithm (3, 3 C F)
    db: Array  # (F,)


@part()
def bias_relu(product, r, W, b, out, n):
    """y = product + b of one image; with ReLU if asked (a NaN is not <= 0, so it stays)."""
    relu, y = out.relu, out.y
    zero = y.dtype.type(0)
    for oh in range(y.shape[1]):
        for ow in range(y.shape[2]):
            row = unsigned(r + oh * W + ow)
            for f in range(y.shape[3]):
                v = product[row, f] + b[f]
                y[n, oh, ow, f] = zero if relu and v <= 0 else v


@part()
def beats(v, best):
    """Whether v takes the place of ``best``: larger, or the first NaN."""
    return (not v <= best) & (best == best)


@part()
def bias_relu_pool(product, r, W, b, out, n):
    """maxpool(relu(product + b)) of one image, whose rows begin at r, W for each line of it.

    The bias comes before the comparison, as in the composition: rounding may make two sums equal
    whose products were not, and then the first of them wins. ReLU can come after it: where the
    largest entry is positive ReLU changes neither it nor the order, elsewhere nobody wins
    (``winner`` is PH PW then), since the derivative of ReLU is 0.
    """
    _, PH, PW, PSH, PSW, y, winner = out
    if PH == PW == 2:
        pool_2x2(product, r, W, b, out, n)
        return
    zero, place = y.dtype.type(0), winner.dtype.type
    for ph in range(y.shape[1]):
        for pw in range(y.shape[2]):
            q = 0
            for i in range(PH):
                for j in range(PW):
                    row = unsigned(r + (ph * PSH + i) * W + pw * PSW + j)
                    for f in range(y.shape[3]):
                        v, best = product[row, f] + b[f], y[n, ph, pw, f]
                        if q == 0 or beats(v, best):
                            y[n, ph, pw, f] = v
                            winner[n, ph, pw, f] = q
                    q += 1
            for f in range(y.shape[3]):
                best = y[n, ph, pw, f]
                y[n, ph, pw, f] = zero if best <= 0 else best
                winner[n, ph, pw, f] = winner[n, ph, pw, f] if best > 0 else place(q)


@part()
def pool_2x2(product, r, W, b, out, n):
    """The same for the usual window: in one pass, sixteen filters at a time (``intrinsics.py``).

    Winners are left out if there is no place for them.
    """
    _, _, _, PSH, PSW, y, winner = out
    F, place, zero, one = y.shape[3], winner.dtype.type, y.dtype.type(0), unsigned(1)
    n, wanted = unsigned(n), winner.shape == y.shape
    largest, places = carray(local(y, 16), 16), carray(local(winner, 16), 16)
    for oh in range(y.shape[1]):
        for ow in range(y.shape[2]):
            ph, pw = unsigned(oh), unsigned(ow)
            row0 = unsigned(r + oh * PSH * W + ow * PSW)
            row2 = row0 + unsigned(W)
            for f0 in range(0, F - 15, 16):
                if wanted:
                    for i in range(16):
                        f = unsigned(f0) + unsigned(i)
                        v0, v1 = product[row0, f] + b[f], product[row0 + one, f] + b[f]
                        v2, v3 = product[row2, f] + b[f], product[row2 + one, f] + b[f]
                        largest[i], places[i] = largest_of_four(v0, v1, v2, v3, zero, place)
                    for i in range(16):
                        winner[n, ph, pw, unsigned(f0) + unsigned(i)] = places[i]
                else:
                    for i in range(16):
                        f = unsigned(f0) + unsigned(i)
                        above = larger(product[row0, f], product[row0 + one, f])
                        below = larger(product[row2, f], product[row2 + one, f])
                        best = larger(above, below) + b[f]  # no order changes by adding
                        largest[i] = zero if best <= 0 else best
                for i in range(16):
                    y[n, ph, pw, unsigned(f0) + unsigned(i)] = largest[i]
            for f in range(F - F % 16, F):
                v0, v1 = product[row0, f] + b[f], product[row0 + one, f] + b[f]
                v2, v3 = product[row2, f] + b[f], product[row2 + one, f] + b[f]
                best, q = largest_of_four(v0, v1, v2, v3, zero, place)
                y[n, ph, pw, f] = best
                if wanted:
                    winner[n, ph, pw, f] = q


@part()
def larger(a, b):
    """The larger one, or the first NaN."""
    return a if (a >= b) | (a != a) else b


@part()
def largest_of_four(v0, v1, v2, v3, zero, place):
    """(the largest, or 0 if it is less; its place, 4 where ReLU clips)."""
    best, q = v0, place(0)
    best, q = (v1, place(1)) if beats(v1, best) else (best, q)
    best, q = (v2, place(2)) if beats(v2, best) else (best, q)
    best, q = (v3, place(3)) if beats(v3, best) else (best, q)
    return (zero if best <= 0 else best), (q if best > 0 else place(4))


@part()
def spread(dy, out, n, dproduct, r, W, db):
    """The adjoint: each dy goes to the row of its winner, every other entry becomes 0.

    db += the sum of what went anywhere.
    """
    _, PH, PW, PSH, PSW, _, winner = out
    zero = dy.dtype.type(0)
    if PSH > PH or PSW > PW:  # rows between the windows
        dproduct[r : r + ((dy.shape[1] - 1) * PSH + PH) * W] = 0
    for ph in range(dy.shape[1]):
        for pw in range(dy.shape[2]):
            q = 0
            for i in range(PH):
                for j in range(PW):
                    row = unsigned(r + (ph * PSH + i) * W + pw * PSW + j)
                    for f in range(dy.shape[3]):
                        dproduct[row, f] = dy[n, ph, pw, f] if winner[n, ph, pw, f] == q else zero
                    q += 1
            for f in range(dy.shape[3]):
                db[f] += dy[n, ph, pw, f] if winner[n, ph, pw, f] < q else zero


@part()
def mask(dy, out, n, dproduct, r, W, db):
    """The adjoint of bias and ReLU: dy where y > 0, else 0. db += its sum."""
    relu, y = out.relu, out.y
    zero = dy.dtype.type(0)
    for oh in range(dy.shape[1]):
        for ow in range(dy.shape[2]):
            row = unsigned(r + oh * W + ow)
            for f in range(dy.shape[3]):
                passes = not relu or y[n, oh, ow, f] > 0
                dproduct[row, f] = dy[n, oh, ow, f] if passes else zero
            for f in range(dy.shape[3]):
                db[f] += dproduct[row, f]


@part()
def finish(product, P, W, n0, n1, b, out):
    """y of images n0 to n1: bias, then ReLU, then max-pooling, as asked.

    The product of an image has P rows, W for each line of it: as many as y needs, or more.
    """
    for n in range(n0, n1):
        if out.PH > 0:
            bias_relu_pool(product, (n - n0) * P, W, b, out, n)
        else:
            bias_relu(product, (n - n0) * P, W, b, out, n)


@part()
def finish_adjoint(dy, n0, n1, out, dproduct, P, W, db):
    """dproduct of images n0 to n1, all rows that they reach. db += its sum."""
    for n in range(n0, n1):
        if out.PH > 0:
            spread(dy, out, n, dproduct, (n - n0) * P, W, db)
        else:
            mask(dy, out, n, dproduct, (n - n0) * P, W, db)


@part()
def add_chunks(chunks, count, total):
    """total (R, n) = the first ``count`` of chunks (chunks, R, n), summed in order."""
    clear(total.reshape(-1))
    for k in range(count):
        for r in range(len(total)):
            for e in range(total.shape[1]):
                total[r, e] += chunks[k, r, e]
