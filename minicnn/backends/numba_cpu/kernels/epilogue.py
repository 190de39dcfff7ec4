"""What follows a product while it is in the cache: bias, ReLU, max-pooling; and the adjoints."""

# Numba infers the types of the kernels
# mypy: ignore-errors

from numba import njit

from minicnn.backends.numba_cpu.kernels.im2col import clear


@njit
def add_bias(y, r0, r1, b, relu):
    """y + b in place, rows r0 to r1; with ReLU if asked (a NaN is not <= 0, so it stays)."""
    zero = y.dtype.type(0)
    for r in range(r0, r1):
        for f in range(y.shape[1]):
            v = y[r, f] + b[f]
            y[r, f] = zero if relu and v <= 0 else v


@njit
def beats(v, best):
    """Whether v takes the place of ``best``: larger, or the first NaN."""
    return (v > best) | ((v != v) & (best == best))


@njit
def bias_relu_pool(product, r, b, pool, OW, y, winner, n):
    """maxpool(relu(product + b)) of one image, whose rows begin at r.

    The bias comes before the comparison, as in the composition: rounding may make two sums equal
    whose products were not, and then the first of them wins. ReLU can come after it: where the
    largest entry is positive ReLU changes neither it nor the order, elsewhere nobody wins
    (``winner`` is PH PW then), since the derivative of ReLU is 0.
    """
    PH, PW, PSH, PSW = pool
    zero = y.dtype.type(0)
    place = winner.dtype.type
    for ph in range(y.shape[1]):
        for pw in range(y.shape[2]):
            first = r + ph * PSH * OW + pw * PSW
            if PH == 2 and PW == 2:  # the usual window, in one pass with the best in a register
                for f in range(y.shape[3]):
                    best, q = product[first, f] + b[f], place(0)
                    v = product[first + 1, f] + b[f]
                    best, q = (v, place(1)) if beats(v, best) else (best, q)
                    v = product[first + OW, f] + b[f]
                    best, q = (v, place(2)) if beats(v, best) else (best, q)
                    v = product[first + OW + 1, f] + b[f]
                    best, q = (v, place(3)) if beats(v, best) else (best, q)
                    y[n, ph, pw, f] = zero if best <= 0 else best
                    winner[n, ph, pw, f] = q if best > 0 else place(4)
                continue
            for f in range(y.shape[3]):
                y[n, ph, pw, f] = product[first, f] + b[f]
                winner[n, ph, pw, f] = 0
            for q in range(1, PH * PW):
                row = first + q // PW * OW + q % PW
                for f in range(y.shape[3]):
                    v, best = product[row, f] + b[f], y[n, ph, pw, f]
                    if beats(v, best):
                        y[n, ph, pw, f] = v
                        winner[n, ph, pw, f] = q
            for f in range(y.shape[3]):
                best = y[n, ph, pw, f]
                y[n, ph, pw, f] = zero if best <= 0 else best
                winner[n, ph, pw, f] = winner[n, ph, pw, f] if best > 0 else place(PH * PW)


@njit
def spread(dy, winner, n, pool, dproduct, r, OW, db):
    """The adjoint: each dy goes to the row of its winner, every other entry becomes 0.

    db += the sum of what went anywhere.
    """
    PH, PW, PSH, PSW = pool
    zero = dy.dtype.type(0)
    if PSH > PH or PSW > PW:  # rows between the windows
        dproduct[r : r + ((dy.shape[1] - 1) * PSH + PH) * OW] = 0
    for ph in range(dy.shape[1]):
        for pw in range(dy.shape[2]):
            for q in range(PH * PW):
                row = r + (ph * PSH + q // PW) * OW + pw * PSW + q % PW
                for f in range(dy.shape[3]):
                    dproduct[row, f] = dy[n, ph, pw, f] if winner[n, ph, pw, f] == q else zero
            for f in range(dy.shape[3]):
                db[f] += dy[n, ph, pw, f] if winner[n, ph, pw, f] < PH * PW else zero


@njit
def mask(dy, y, dproduct, rows):
    """The adjoint of ReLU: dy where y > 0, else 0."""
    zero = dy.dtype.type(0)
    for r in range(rows):
        for f in range(dy.shape[1]):
            dproduct[r, f] = dy[r, f] if y[r, f] > 0 else zero


@njit
def add_rows(dproduct, rows, db):
    """db += the sum of the rows."""
    for r in range(rows):
        for f in range(db.shape[0]):
            db[f] += dproduct[r, f]


@njit
def finish(product, n0, n1, b, OW, relu, pool, y, winner):
    """y of images n0 to n1 from their product: bias, then ReLU, then max-pooling, as asked.

    Without pooling ``product`` is a part of y itself.
    """
    if pool[0] > 0:
        P = len(product) // (n1 - n0)
        for n in range(n0, n1):
            bias_relu_pool(product, (n - n0) * P, b, pool, OW, y, winner, n)
    else:
        add_bias(product, 0, len(product), b, relu)


@njit
def finish_adjoint(dy, y, winner, n0, n1, P, OW, relu, pool, dproduct, db):
    """The gradient of the product of images n0 to n1, in ``dproduct`` or dy itself.

    db += its sum.
    """
    if pool[0] > 0:
        for n in range(n0, n1):
            spread(dy, winner, n, pool, dproduct, (n - n0) * P, OW, db)
        return dproduct
    F = dproduct.shape[1]
    rows = dy.reshape(-1, F)[n0 * P : n1 * P]
    if relu:
        mask(rows, y.reshape(-1, F)[n0 * P : n1 * P], dproduct, len(rows))
        rows = dproduct[: len(rows)]
    add_rows(rows, len(rows), db)
    return rows


@njit
def add_chunks(chunks, row, count, total):
    """total (n,) = one row of the first ``count`` chunks (chunks, rows, n), summed in order."""
    clear(total)
    for k in range(count):
        for e in range(len(total)):
            total[e] += chunks[k, row, e]
