"""Convolution of few channels: neither windows nor products leave the innermost caches.

An image with few channels has short windows: to write them as rows of a matrix, and the product
after them, takes as long as the arithmetic. Here pixels are read where they are (``sums.py``), and
the product is that of one row of y: the rows of windows that a row of pooling reaches. With the
usual pooling there is no product at all (``windows.py``).
"""

# Numba infers the types of the kernels
# mypy: ignore-errors

from numba import get_thread_id, prange

from minicnn.backends.numba_cpu.caching import cached_njit, part
from minicnn.backends.numba_cpu.kernels.borders import with_border
from minicnn.backends.numba_cpu.kernels.epilogue import add_chunks, finish, finish_adjoint
from minicnn.backends.numba_cpu.kernels.im2col import clear
from minicnn.backends.numba_cpu.kernels.local import unsigned
from minicnn.backends.numba_cpu.kernels.sums import add_windows_product
from minicnn.backends.numba_cpu.kernels.windows import pool_row


@part()
def widen(w, wide_w):
    """w (K, F) as the first columns of wide_w; the others may hold anything."""
    for k in range(w.shape[0]):
        for f in range(w.shape[1]):
            wide_w[k, f] = w[k, f]


@cached_njit(parallel=True)
def direct_forward(
    x, w, b, C, step, geometry, places, taps, relu, pool, padded_, product_, wide_w, y, winner
):  # fmt: skip
    """What ``conv_forward`` computes, for one group.

    ``geometry`` is that of the bands of the image that make a row of y each, ``step`` numbers after
    one another; ``places`` are where the windows of a band begin, ``taps`` the entries of a window.
    y and winner are (N rows, 1, columns, F), each row an image of its own. ``wide_w`` and the
    product have a multiple of 32 columns for the F filters.
    """
    top, left, rows, band, OW = geometry
    N, K, P = x.shape[0], w.shape[0], band * OW
    widen(w, wide_w)
    for n in prange(N):
        thread = get_thread_id()
        product = product_[thread]
        image = with_border(x[n], top, left * C, padded_[thread]).reshape(-1)
        for row in range(n * rows, n * rows + rows):
            base = unsigned((row - n * rows) * step)
            clear(product.reshape(-1))
            add_windows_product(image, base, places, taps[:K], wide_w, product)
            finish(product, P, OW, row, row + 1, b, relu, pool, y, winner)


@cached_njit(parallel=True)
def direct_pool_forward(x, w, b, C, geometry, steps, taps, padded_, y, winner):
    """The same with ReLU and max-pooling of 2 x 2, two entries of a row of y at a time.

    ``steps`` in the image lead from a row of y to the next, from a column to the next, and in a
    window to the right and below. y and winner are (N rows, columns, F).
    """
    top, left, rows, _, _ = geometry
    down, across, right, below = steps
    steps = unsigned(across), unsigned(right), unsigned(below)
    for n in prange(x.shape[0]):
        image = with_border(x[n], top, left * C, padded_[get_thread_id()]).reshape(-1)
        for row in range(rows):
            start, entry = unsigned(row * down), unsigned(n * rows + row)
            pool_row(image, start, steps, taps, w, b, y, winner, entry)


@cached_njit(parallel=True)
def direct_backward(
    x, dy, y, winner, C, step, chunk, geometry, places, taps, relu, pool, padded_, dproduct_,
    dw_chunks, db_chunks, dw, db,
):  # fmt: skip
    """dw (K, F) and db (F,) from dy, y and winner of ``direct_forward``.

    A chunk is ``chunk`` images.
    """
    top, left, rows, band, OW = geometry
    N, F, P = x.shape[0], dw.shape[1], band * OW
    chunks = (N + chunk - 1) // chunk
    for t in prange(chunks):
        thread = get_thread_id()
        dproduct = dproduct_[thread]
        clear(dw_chunks[t].reshape(-1))
        clear(db_chunks[t])
        for n in range(t * chunk, min(N, t * chunk + chunk)):
            image = with_border(x[n], top, left * C, padded_[thread]).reshape(-1)
            for row in range(n * rows, n * rows + rows):
                finish_adjoint(
                    dy, y, winner, row, row + 1, relu, pool, dproduct, P, OW, db_chunks[t]
                )
                base = unsigned((row - n * rows) * step)
                add_windows_product(image, base, taps, places[:P], dproduct, dw_chunks[t])
    add_chunks(dw_chunks, chunks, dw)
    add_chunks(db_chunks.reshape(-1, 1, F), chunks, db.reshape(1, F))
