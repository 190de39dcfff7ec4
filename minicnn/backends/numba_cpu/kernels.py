"""The kernels that multiply matrices: convolution and dense layers.

Why they are fast
    * A thread takes a few images, writes their windows as rows of a matrix in its own buffer (it
      stays in the L2 cache), multiplies with BLAS on that one thread, and applies bias, ReLU and
      pooling while the product is still in the cache. The backward pass builds the rows again:
      cheaper than reading them back from memory.
    * With few channels and no stride the matrix is kept transposed, (K, P): each of its rows is
      then a run of a shifted image, copied at memory speed, and BLAS takes it transposed at no
      cost.
    * ``dw`` is summed inside BLAS (beta = 1), over the images of a chunk. Where the chunks begin
      depends on the shapes alone, and chunks are added in order, so that any number of threads
      gives the same bits.

Numba's cache looks at one file only: everything that these kernels call is in this one.

Sizes: P = OH OW output positions, K = KH KW C // groups entries of a window, T images a tile.
"""

# Numba infers the types of the kernels
# mypy: ignore-errors

import llvmlite.binding
from llvmlite import ir
from numba import get_thread_id, njit, prange, types
from numba.core import cgutils
from numba.extending import get_cython_function_address, intrinsic

# -- BLAS -------------------------------------------------------------------------------------

for letter in "sd":
    llvmlite.binding.add_symbol(
        f"minicnn_{letter}gemm",
        get_cython_function_address("scipy.linalg.cython_blas", f"{letter}gemm"),
    )


@intrinsic
def _gemm(typing, transpose_a, transpose_b, m, n, k, a, lda, b, ldb, beta, c, ldc):
    """BLAS's C = op(A) op(B) + beta C on column-major arrays: the plain Fortran call."""
    real = c.dtype

    def generate(context, builder, signature, arguments):
        def pointer(value):
            return cgutils.alloca_once_value(builder, value)

        def flag(transposed):
            letters = (ir.Constant(ir.IntType(8), ord(letter)) for letter in "TN")
            return pointer(builder.select(transposed, *letters))

        def integer(value):
            return pointer(builder.trunc(value, ir.IntType(32)))

        def data(i):
            return context.make_array(signature.args[i])(context, builder, arguments[i]).data

        ta, tb, m, n, k, _, lda, _, ldb, beta, _, ldc = arguments
        one = ir.Constant(context.get_value_type(real), 1.0)
        call = [
            flag(ta), flag(tb), integer(m), integer(n), integer(k), pointer(one),
            data(5), integer(lda), data(7), integer(ldb), pointer(beta), data(10), integer(ldc),
        ]  # fmt: skip
        name = "minicnn_sgemm" if real == types.float32 else "minicnn_dgemm"
        function = ir.FunctionType(ir.VoidType(), [argument.type for argument in call])
        builder.call(cgutils.get_or_insert_function(builder.module, function, name), call)
        return context.get_dummy_value()

    size = types.intp
    signature = types.void(
        types.boolean, types.boolean, size, size, size, a, size, b, size, real, c, size
    )
    return signature, generate


@njit
def multiply(a, b, beta, c):
    """c = a @ b + beta c.  Each of a and b has unit stride along one axis, c along the last."""
    M, K = a.shape
    N = b.shape[1]
    item = c.itemsize
    a_down, a_right = a.strides[0] // item, a.strides[1] // item
    b_down, b_right = b.strides[0] // item, b.strides[1] // item
    # BLAS counts columns first, so that our row-major a is its A': it computes c' = b' a'
    ta, tb = a_right != 1, b_right != 1
    lda = max(a_right, M) if ta else max(a_down, K)
    ldb = max(b_right, K) if tb else max(b_down, N)
    _gemm(tb, ta, N, M, K, b, ldb, a, lda, c.dtype.type(beta), c, max(c.strides[0] // item, N))


# -- im2col and its adjoint -------------------------------------------------------------------
# x and dx are (N, H, W C): a run of neighbouring pixels is a run of memory. Loops run from 0 over
# slices, which lets the compiler use vector instructions: an index like k + e might be negative,
# and then Python counts from the end.


@njit
def clear(a):
    """a (n,) = 0. In a parallel kernel itself, a[:] = 0 would be made parallel, too."""
    for i in range(a.shape[0]):
        a[i] = 0


@njit(error_model="numpy")
def inside(start, size, step, length):
    """The i in [0, size) whose start + i step is in [0, length): from the first to the second."""
    return max(0, -(start // step)), max(0, min(size, -((start - length) // step)))


@njit
def im2col(x, n, C, c0, CG, geometry, cols, r):
    """Windows of image n, channels c0 to c0 + CG, become rows r, r + 1, ... of cols (rows, K)."""
    KH, KW, SH, SW, DH, DW, top, left, OH, OW = geometry
    H, W = x.shape[1], x.shape[2] // C
    for oh in range(OH):
        h0 = oh * SH - top
        i0, i1 = inside(h0, KH, DH, H)
        for ow in range(OW):
            w0 = ow * SW - left
            one_run = CG == C and DW == 1 and w0 >= 0 and w0 + KW <= W
            if i0 > 0 or i1 < KH or not one_run:
                clear(cols[r])
            for i in range(i0, i1):
                row, h = cols[r, i * KW * CG :], h0 + i * DH
                if one_run:
                    pixels = x[n, h, w0 * C :]
                    for e in range(KW * CG):
                        row[e] = pixels[e]
                    continue
                j0, j1 = inside(w0, KW, DW, W)
                for j in range(j0, j1):
                    to, pixel = row[j * CG :], x[n, h, (w0 + j * DW) * C + c0 :]
                    for c in range(CG):
                        to[c] = pixel[c]
            r += 1


@njit
def col2im(dcols, r, dx, n, C, c0, CG, geometry):
    """The adjoint of ``im2col``: every row is added back where it came from."""
    KH, KW, SH, SW, DH, DW, top, left, OH, OW = geometry
    H, W = dx.shape[1], dx.shape[2] // C
    for oh in range(OH):
        h0 = oh * SH - top
        i0, i1 = inside(h0, KH, DH, H)
        for ow in range(OW):
            w0 = ow * SW - left
            one_run = CG == C and DW == 1 and w0 >= 0 and w0 + KW <= W
            for i in range(i0, i1):
                row, h = dcols[r, i * KW * CG :], h0 + i * DH
                if one_run:
                    pixels = dx[n, h, w0 * C :]
                    for e in range(KW * CG):
                        pixels[e] += row[e]
                    continue
                j0, j1 = inside(w0, KW, DW, W)
                for j in range(j0, j1):
                    add, pixel = row[j * CG :], dx[n, h, (w0 + j * DW) * C + c0 :]
                    for c in range(CG):
                        pixel[c] += add[c]
            r += 1


@njit
def im2col_t(x, n, C, c0, CG, geometry, planes, cols, p):
    """The same for SW = 1, transposed: windows become columns p, p + 1, ... of cols (K, columns).

    ``planes`` (CG, top + H + bottom, left + W + right) takes the image, padded, channel first.
    """
    KH, KW, SH, _, DH, DW, top, left, OH, OW = geometry
    H, W = x.shape[1], x.shape[2] // C
    planes[:] = 0
    for c in range(CG):
        for h in range(H):
            to, pixels = planes[c, top + h, left:], x[n, h, c0 + c :]
            for w in range(W):
                to[w] = pixels[w * C]
    for i in range(KH):
        for j in range(KW):
            for c in range(CG):
                k = (i * KW + j) * CG + c
                for oh in range(OH):
                    row, pixels = cols[k, p + oh * OW :], planes[c, oh * SH + i * DH, j * DW :]
                    for ow in range(OW):
                        row[ow] = pixels[ow]


@njit
def col2im_t(dcols, p, planes, dx, n, C, c0, CG, geometry):
    """The adjoint of ``im2col_t``."""
    KH, KW, SH, _, DH, DW, top, left, OH, OW = geometry
    H, W = dx.shape[1], dx.shape[2] // C
    planes[:] = 0
    for i in range(KH):
        for j in range(KW):
            for c in range(CG):
                k = (i * KW + j) * CG + c
                for oh in range(OH):
                    row, pixels = dcols[k, p + oh * OW :], planes[c, oh * SH + i * DH, j * DW :]
                    for ow in range(OW):
                        pixels[ow] += row[ow]
    for c in range(CG):
        for h in range(H):
            pixels, row = dx[n, h, c0 + c :], planes[c, top + h, left:]
            for w in range(W):
                pixels[w * C] = row[w]


# -- what follows the product -----------------------------------------------------------------


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


# -- convolution ------------------------------------------------------------------------------


@njit
def tile_windows(x, n0, n1, C, g, groups, geometry, transposed, planes, cols):
    """The windows of images n0 to n1, channel group g, as rows: ``cols``, or its transpose."""
    P, CG = geometry[8] * geometry[9], C // groups
    for n in range(n0, n1):
        if transposed:
            im2col_t(x, n, C, g * CG, CG, geometry, planes, cols, (n - n0) * P)
        else:
            im2col(x, n, C, g * CG, CG, geometry, cols, (n - n0) * P)
    rows = (n1 - n0) * P
    return cols.T[:rows] if transposed else cols[:rows, :]


@njit(cache=True, parallel=True)
def conv_forward(
    x, w, b, C, groups, T, geometry, transposed, relu, pool, cols_, planes_, product_, y, winner
):  # fmt: skip
    """y (N, OH, OW, F) = x * w + b, then ReLU, then max-pooling, as asked.

    w is (K, F); pool is (0, 0, 0, 0) for none. Names with a final _ hold one part for each thread.
    """
    N, F = x.shape[0], w.shape[1]
    P, FG = geometry[8] * geometry[9], F // groups
    pooling = pool[0] > 0
    for tile in prange((N + T - 1) // T):
        thread = get_thread_id()
        product = product_[thread]
        n0, n1 = tile * T, min(N, tile * T + T)
        rows = (n1 - n0) * P
        if not pooling:
            product = y.reshape(-1, F)[n0 * P : n1 * P]
        for g in range(groups):
            f = slice(g * FG, (g + 1) * FG)
            windows = tile_windows(
                x, n0, n1, C, g, groups, geometry, transposed, planes_[thread], cols_[thread]
            )
            multiply(windows, w[:, f], 0, product[:rows, f])
        if pooling:
            for n in range(n0, n1):
                bias_relu_pool(product, (n - n0) * P, b, pool, geometry[9], y, winner, n)
        else:
            add_bias(product, 0, rows, b, relu)


@njit(cache=True, parallel=True)
def conv_backward(
    x, w, dy, y, winner, C, groups, T, chunk, geometry, transposed, relu, pool,
    cols_, planes_, dproduct_, dw_chunks, db_chunks, dw, db, dx, need_dx,
):  # fmt: skip
    """dw (K, F), db (F,) and dx (N, H, W C) from dy, y and winner of ``conv_forward``.

    A chunk is ``chunk`` images, a multiple of T.
    """
    N, F = x.shape[0], w.shape[1]
    P, CG, FG = geometry[8] * geometry[9], C // groups, F // groups
    chunks = (N + chunk - 1) // chunk
    for t in prange(chunks):
        thread = get_thread_id()
        cols, dproduct = cols_[thread], dproduct_[thread]
        clear(db_chunks[t])
        for n0 in range(t * chunk, min(N, t * chunk + chunk), T):
            n1 = min(N, n0 + T)
            rows = (n1 - n0) * P
            if pool[0] > 0:
                for n in range(n0, n1):
                    spread(dy, winner, n, pool, dproduct, (n - n0) * P, geometry[9], db_chunks[t])
            else:
                dy_rows = dy.reshape(-1, F)[n0 * P : n1 * P]
                if relu:
                    mask(dy_rows, y.reshape(-1, F)[n0 * P : n1 * P], dproduct, rows)
                else:
                    dproduct = dy_rows
                add_rows(dproduct, rows, db_chunks[t])
            if need_dx:
                clear(dx[n0:n1].reshape(-1))
            for g in range(groups):
                f = slice(g * FG, (g + 1) * FG)
                d = dproduct[:rows, f]
                windows = tile_windows(
                    x, n0, n1, C, g, groups, geometry, transposed, planes_[thread], cols
                )
                beta = 0 if n0 == t * chunk else 1
                multiply(windows.T, d, beta, dw_chunks[t, :, f])
                if not need_dx:
                    continue
                if transposed:
                    multiply(w[:, f], d.T, 0, windows.T)
                else:
                    multiply(d, w[:, f].T, 0, windows)
                for n in range(n0, n1):
                    r = (n - n0) * P
                    if transposed:
                        col2im_t(cols, r, planes_[thread], dx, n, C, g * CG, CG, geometry)
                    else:
                        col2im(cols, r, dx, n, C, g * CG, CG, geometry)
    for k in prange(dw.shape[0]):
        clear(dw[k])
        for t in range(chunks):
            for f in range(F):
                dw[k, f] += dw_chunks[t, k, f]
    clear(db)
    for t in range(chunks):
        for f in range(F):
            db[f] += db_chunks[t, f]


# -- dense ------------------------------------------------------------------------------------


@njit(cache=True, parallel=True)
def dense_forward(x, w, b, relu, partial, blocks, y):
    """y (N, U) = x @ w + b, then ReLU if asked.

    The sum over D is cut into slices, one product each (``partial`` (slices, N, U)), so that every
    entry of w is read by one thread only; with many rows these are cut into blocks as well.
    """
    slices, N, U = partial.shape
    D = x.shape[1]
    zero = y.dtype.type(0)
    for task in prange(slices * blocks):
        s, block = task % slices, task // slices
        d = slice(D * s // slices, D * (s + 1) // slices)
        n = slice(N * block // blocks, N * (block + 1) // blocks)
        multiply(x[n, d], w[d], 0, partial[s, n])
    for n in prange(N):
        for u in range(U):
            y[n, u] = partial[0, n, u]
        for s in range(1, slices):
            for u in range(U):
                y[n, u] += partial[s, n, u]
        for u in range(U):
            v = y[n, u] + b[u]
            y[n, u] = zero if relu and v <= 0 else v


@njit(cache=True, parallel=True)
def dense_backward(x, w, dy, y, relu, scale, dproduct, dw, db, dx, need_dx, blocks):
    """dw (D, U), db (U,) and dx (N, D) from dy (N, U).

    With ``relu`` dy counts, times ``scale``, where y > 0: there ReLU passed it and dropout kept it.
    """
    N, D = x.shape
    U = w.shape[1]
    strip = 64
    zero = dy.dtype.type(0)
    for t in prange((U + strip - 1) // strip):
        u0, u1 = t * strip, min(U, t * strip + strip)
        for u in range(u0, u1):
            db[u] = 0
        for n in range(N):
            for u in range(u0, u1):
                d = dy[n, u]
                if relu:
                    d = d * scale if y[n, u] > 0 else zero
                dproduct[n, u] = d
                db[u] += d
    for t in prange(blocks):
        d = slice(D * t // blocks, D * (t + 1) // blocks)
        multiply(x[:, d].T, dproduct, 0, dw[d])
        if need_dx:
            multiply(dproduct, w[d].T, 0, dx[:, d])
