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

from minicnn.backends.numba_cpu.caching import cached_njit

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


@cached_njit(parallel=True)
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


@cached_njit(parallel=True)
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


@cached_njit(parallel=True)
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


@cached_njit(parallel=True)
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


# -- convolution by Winograd's algorithm ------------------------------------------------------
# Two neighbouring outputs of a kernel g of three, y0 = d0 g0 + d1 g1 + d2 g2 and
# y1 = d1 g0 + d2 g1 + d3 g2, take four products instead of six:
#     m0 = (d0 - d2) g0,                      m1 = (d1 + d2) (g0 + g1 + g2) / 2,
#     m2 = (d2 - d1) (g0 - g1 + g2) / 2,      m3 = (d1 - d3) g2,
#     y0 = m0 + m1 + m2,                      y1 = m1 - m2 - m3.
# With matrices: y = A' [(G g) * (B' d)]. In two dimensions Y = A' [(G g G') * (B' d B)] A makes
# 2 x 2 outputs from a patch d of 4 x 4, with 16 products instead of 36; for a kernel of two the
# patch is 3 x 3, and 9 products do the work of 16. With C channels, F filters and many patches
# each of these is a product of matrices: M = V U with V = B' d B (patches, C) and U = G g G'
# (C, F). The backward pass is the adjoint of each step, and saves as much.
#
# S is the side of a patch, 3 or 4; "lines" are rows of numbers that are transformed at once.
# Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.


@njit
def kernel_lines(g, u):
    """u = G g: S lines from S - 1."""
    g0, g1 = g[0], g[1]
    u0, u1, u2 = u[0], u[1], u[2]
    if len(u) == 3:
        for e in range(len(u0)):
            u0[e] = g0[e]
            u1[e] = g0[e] + g1[e]
            u2[e] = g1[e]
    else:
        g2, u3 = g[2], u[3]
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
    g0, g1 = g[0], g[1]
    u0, u1, u2 = u[0], u[1], u[2]
    if len(u) == 3:
        for e in range(len(g0)):
            g0[e] = u0[e] + u1[e]
            g1[e] = u1[e] + u2[e]
    else:
        g2, u3 = g[2], u[3]
        half = u.dtype.type(0.5)
        for e in range(len(g0)):
            both = half * (u1[e] + u2[e])
            g0[e] = u0[e] + both
            g1[e] = half * (u1[e] - u2[e])
            g2[e] = both + u3[e]


@njit
def transform_kernel(w, lines, U):
    """U (S, S, C F) = G g G' of the kernels g: w is (KH, KW C F), lines (S, KW C F)."""
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
def input_3(d0, d1, d2, d3):
    """B' d."""
    return d0 - d2, d1 + d2, d2 - d1, d1 - d3


@njit
def input_3_adjoint(v0, v1, v2, v3):
    """B v."""
    return v0, v1 - v2 + v3, v1 + v2 - v0, -v3


@njit
def input_2(d0, d1, d2):
    """B' d for a kernel of two."""
    return d0 - d1, d1, d2 - d1


@njit
def input_2_adjoint(v0, v1, v2):
    """B v."""
    return v0, v1 - v0 - v2, v2


@njit
def transform_patches(image, TH, TW, strips, V, t):
    """V (S, S, patches C) = B' d B of the patches d of a padded image; its first is the t-th.

    ``strips`` (S, 2, columns / 2, C) holds B' d for one row of patches: columns of even number,
    then those of odd number, so that neighbouring patches are neighbours in memory.
    """
    S, _, _, C = strips.shape
    for th in range(TH):
        h = 2 * th
        for w in range(2 * TW + S - 2):
            k, q = w % 2, w // 2
            if S == 3:
                for c in range(C):
                    strips[0, k, q, c], strips[1, k, q, c], strips[2, k, q, c] = input_2(
                        image[h, w, c], image[h + 1, w, c], image[h + 2, w, c]
                    )
            else:
                for c in range(C):
                    (
                        strips[0, k, q, c], strips[1, k, q, c],
                        strips[2, k, q, c], strips[3, k, q, c],
                    ) = input_3(
                        image[h, w, c], image[h + 1, w, c], image[h + 2, w, c], image[h + 3, w, c]
                    )  # fmt: skip
        for i in range(S):
            even, odd = strips[i, 0].reshape(-1), strips[i, 1].reshape(-1)
            next_even, next_odd = even[C:], odd[C:]
            v0, v1, v2 = V[i, 0, t * C :], V[i, 1, t * C :], V[i, 2, t * C :]
            v3 = V[i, S - 1, t * C :]
            if S == 3:
                for e in range(TW * C):
                    v0[e], v1[e], v2[e] = input_2(even[e], odd[e], next_even[e])
            else:
                for e in range(TW * C):
                    v0[e], v1[e], v2[e], v3[e] = input_3(even[e], odd[e], next_even[e], next_odd[e])
        t += TW


@njit
def transform_patches_adjoint(dV, t, TH, TW, strips, dimage):
    """dimage += the adjoint of ``transform_patches``."""
    S, _, _, C = strips.shape
    for th in range(TH):
        h = 2 * th
        for i in range(S):
            even, odd = strips[i, 0].reshape(-1), strips[i, 1].reshape(-1)
            next_even, next_odd = even[C:], odd[C:]
            v0, v1, v2 = dV[i, 0, t * C :], dV[i, 1, t * C :], dV[i, 2, t * C :]
            v3 = dV[i, S - 1, t * C :]
            clear(next_even[(TW - 1) * C :])
            clear(next_odd[(TW - 1) * C :])
            # a column is in two patches: first as their d0 or d1, then as their d2 or d3
            if S == 3:
                for e in range(TW * C):
                    even[e], odd[e], _ = input_2_adjoint(v0[e], v1[e], v2[e])
                for e in range(TW * C):
                    next_even[e] += v2[e]
            else:
                for e in range(TW * C):
                    even[e], odd[e], _, _ = input_3_adjoint(v0[e], v1[e], v2[e], v3[e])
                for e in range(TW * C):
                    _, _, d2, d3 = input_3_adjoint(v0[e], v1[e], v2[e], v3[e])
                    next_even[e] += d2
                    next_odd[e] += d3
        for w in range(2 * TW + S - 2):
            k, q = w % 2, w // 2
            if S == 3:
                for c in range(C):
                    d0, d1, d2 = input_2_adjoint(
                        strips[0, k, q, c], strips[1, k, q, c], strips[2, k, q, c]
                    )
                    dimage[h, w, c] += d0
                    dimage[h + 1, w, c] += d1
                    dimage[h + 2, w, c] += d2
            else:
                for c in range(C):
                    d0, d1, d2, d3 = input_3_adjoint(
                        strips[0, k, q, c], strips[1, k, q, c],
                        strips[2, k, q, c], strips[3, k, q, c],
                    )  # fmt: skip
                    dimage[h, w, c] += d0
                    dimage[h + 1, w, c] += d1
                    dimage[h + 2, w, c] += d2
                    dimage[h + 3, w, c] += d3
        t += TW


@njit
def transform_outputs(M, t, OH, OW, lines, product, r):
    """Rows r, r + 1, ... of product (rows, F) = A' M A of one image, whose first patch is t.

    ``lines`` (2, S, TW, F) holds A' M for one row of patches.
    """
    _, S, TW, F = lines.shape
    for h in range(0, OH, 2):
        for j in range(S):
            m0, m1, m2 = M[0, j, t * F :], M[1, j, t * F :], M[2, j, t * F :]
            m3 = M[S - 1, j, t * F :]
            y0, y1 = lines[0, j].reshape(-1), lines[1, j].reshape(-1)
            if S == 3:
                for e in range(TW * F):
                    y0[e], y1[e] = m0[e] + m1[e], m1[e] + m2[e]
            else:
                for e in range(TW * F):
                    y0[e], y1[e] = m0[e] + m1[e] + m2[e], m1[e] - m2[e] - m3[e]
        for k in range(min(2, OH - h)):
            for tw in range(TW):
                p = r + (h + k) * OW + 2 * tw
                if S == 3:
                    for f in range(F):
                        product[p, f] = lines[k, 0, tw, f] + lines[k, 1, tw, f]
                else:
                    for f in range(F):
                        product[p, f] = lines[k, 0, tw, f] + lines[k, 1, tw, f] + lines[k, 2, tw, f]
                if 2 * tw + 1 == OW:  # the second column of a last patch
                    continue
                if S == 3:
                    for f in range(F):
                        product[p + 1, f] = lines[k, 1, tw, f] + lines[k, 2, tw, f]
                else:
                    for f in range(F):
                        product[p + 1, f] = (
                            lines[k, 1, tw, f] - lines[k, 2, tw, f] - lines[k, 3, tw, f]
                        )
        t += TW


@njit
def transform_outputs_adjoint(dproduct, r, OH, OW, lines, dM, t):
    """dM = A dY A'; what lies beyond an odd size is 0."""
    _, S, TW, F = lines.shape
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
                    lines[k, 2, tw, f] = y1 if S == 3 else y0 - y1
                    lines[k, S - 1, tw, f] = y1 if S == 3 else -y1
        for j in range(S):
            m0, m1, m2 = dM[0, j, t * F :], dM[1, j, t * F :], dM[2, j, t * F :]
            m3 = dM[S - 1, j, t * F :]
            y0s, y1s = lines[0, j].reshape(-1), lines[1, j].reshape(-1)
            if S == 3:
                for e in range(TW * F):
                    m0[e], m1[e], m2[e] = y0s[e], y0s[e] + y1s[e], y1s[e]
            else:
                for e in range(TW * F):
                    m0[e], m1[e] = y0s[e], y0s[e] + y1s[e]
                    m2[e], m3[e] = y0s[e] - y1s[e], -y1s[e]
        t += TW


@njit
def pad(x, n, top, left, image):
    """image (rows, columns, C) = image n of x with zeros around it, cut where it is too long."""
    rows, columns, C = image.shape
    clear(image.reshape(-1))
    for h in range(top, min(rows, top + x.shape[1])):
        for w in range(left, min(columns, left + x.shape[2])):
            for c in range(C):
                image[h, w, c] = x[n, h - top, w - left, c]


@njit
def pad_adjoint(dimage, top, left, dx, n):
    """dx of image n = what is inside the padding; 0 where the image was cut."""
    rows, columns, C = dimage.shape
    clear(dx[n].reshape(-1))
    for h in range(top, min(rows, top + dx.shape[1])):
        for w in range(left, min(columns, left + dx.shape[2])):
            for c in range(C):
                dx[n, h - top, w - left, c] = dimage[h, w, c]


@njit
def tile_patches(x, n0, n1, geometry, image, strips, V):
    """``transform_patches`` of images n0 to n1; one that needs no padding is read in place."""
    top, left, TH, TW = geometry[:4]
    inside = len(image) <= x.shape[1] and image.shape[1] <= x.shape[2]
    for n in range(n0, n1):
        t = (n - n0) * TH * TW
        if top == 0 and left == 0 and inside:
            transform_patches(x[n], TH, TW, strips, V, t)
        else:
            pad(x, n, top, left, image)
            transform_patches(image, TH, TW, strips, V, t)


@cached_njit(parallel=True)
def winograd_forward(
    x, w, b, T, geometry, relu, pool, U, kernel_lines_, image_, strips_, V_, M_, lines_, product_,
    y, winner,
):  # fmt: skip
    """What ``conv_forward`` computes, for one group, no stride and no dilation."""
    _, _, TH, TW, OH, OW = geometry
    N, P = x.shape[0], OH * OW
    S, _, C, F = U.shape
    pooling = pool[0] > 0
    transform_kernel(w, kernel_lines_, U.reshape(S, S, C * F))
    for tile in prange((N + T - 1) // T):
        thread = get_thread_id()
        product, V, M = product_[thread], V_[thread], M_[thread]
        n0, n1 = tile * T, min(N, tile * T + T)
        rows = (n1 - n0) * TH * TW
        tile_patches(x, n0, n1, geometry, image_[thread], strips_[thread], V.reshape(S, S, -1))
        for i in range(S):
            for j in range(S):
                multiply(V[i, j, :rows], U[i, j], 0, M[i, j, :rows])
        if not pooling:
            product = y.reshape(-1, F)[n0 * P : n1 * P]
        for n in range(n0, n1):
            t, r = (n - n0) * TH * TW, (n - n0) * P
            transform_outputs(M.reshape(S, S, -1), t, OH, OW, lines_[thread], product, r)
            if pooling:
                bias_relu_pool(product, r, b, pool, OW, y, winner, n)
            else:
                add_bias(product, r, r + P, b, relu)


@cached_njit(parallel=True)
def winograd_backward(
    x, dy, y, winner, T, chunk, geometry, relu, pool, U, kernel_lines_, image_, strips_, V_, M_,
    lines_, dproduct_, dU_chunks, db_chunks, dw, db, dx, need_dx,
):  # fmt: skip
    """What ``conv_backward`` computes; U is what the forward pass left there."""
    top, left, TH, TW, OH, OW = geometry
    N, P = x.shape[0], OH * OW
    S, _, C, F = U.shape
    chunks = (N + chunk - 1) // chunk
    for k in prange(chunks):
        thread = get_thread_id()
        V, dM, lines, dproduct = V_[thread], M_[thread], lines_[thread], dproduct_[thread]
        image, strips = image_[thread], strips_[thread]
        clear(db_chunks[k])
        for n0 in range(k * chunk, min(N, k * chunk + chunk), T):
            n1 = min(N, n0 + T)
            rows = (n1 - n0) * TH * TW
            if pool[0] > 0:
                for n in range(n0, n1):
                    spread(dy, winner, n, pool, dproduct, (n - n0) * P, OW, db_chunks[k])
            else:
                dy_rows = dy.reshape(-1, F)[n0 * P : n1 * P]
                if relu:
                    mask(dy_rows, y.reshape(-1, F)[n0 * P : n1 * P], dproduct, len(dy_rows))
                else:
                    dproduct = dy_rows
                add_rows(dproduct, len(dy_rows), db_chunks[k])
            for n in range(n0, n1):
                t, r = (n - n0) * TH * TW, (n - n0) * P
                transform_outputs_adjoint(dproduct, r, OH, OW, lines, dM.reshape(S, S, -1), t)
            tile_patches(x, n0, n1, geometry, image, strips, V.reshape(S, S, -1))
            beta = 0 if n0 == k * chunk else 1
            for i in range(S):
                for j in range(S):
                    multiply(V[i, j, :rows].T, dM[i, j, :rows], beta, dU_chunks[k, i, j])
            if not need_dx:
                continue
            for i in range(S):
                for j in range(S):
                    multiply(dM[i, j, :rows], U[i, j].T, 0, V[i, j, :rows])
            for n in range(n0, n1):
                t = (n - n0) * TH * TW
                clear(image.reshape(-1))
                transform_patches_adjoint(V.reshape(S, S, -1), t, TH, TW, strips, image)
                pad_adjoint(image, top, left, dx, n)
    for i in prange(S * S):
        total = dU_chunks[0].reshape(S * S, C * F)[i]
        if chunks == 0:  # no images
            clear(total)
        for k in range(1, chunks):
            part = dU_chunks[k].reshape(S * S, C * F)[i]
            for e in range(C * F):
                total[e] += part[e]
    transform_kernel_adjoint(dU_chunks[0].reshape(S, S, C * F), kernel_lines_, dw)
    clear(db)
    for k in range(chunks):
        for f in range(F):
            db[f] += db_chunks[k, f]
