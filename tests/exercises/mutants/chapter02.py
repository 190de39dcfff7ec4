"""Wrong answers to the exercises of chapter 2."""

import numpy as np

from minicnn.backends.reference import im2col
from tests.exercises.mutants.table import wrong


@wrong("im2col", says="strides are taken as 1")
def ignores_the_strides(x, window, strides):
    return im2col(x, window, (1, 1))


@wrong("im2col", says="SH and SW are exchanged")
def exchanges_the_strides(x, window, strides):
    return im2col(x, window, strides[::-1])


@wrong("im2col", says="KH and KW are exchanged")
def exchanges_the_sides_of_the_window(x, window, strides):
    return im2col(x, window[::-1], strides)


@wrong("im2col", says="rows and columns inside each window are exchanged")
def transposes_each_window(x, window, strides):
    return im2col(x, window, strides).swapaxes(3, 4)


@wrong("im2col", says="expected     shape (1, 3, 4, 2, 2, 1)")
def flattens_the_windows(x, window, strides):
    cols = im2col(x, window, strides)
    return cols.reshape(*cols.shape[:3], -1)


@wrong("im2col", says="expected     dtype float32")
def always_answers_in_float64(x, window, strides):
    return im2col(x, window, strides).astype(np.float64)


@wrong("im2col", says="images of a batch stay apart")
def copies_the_first_image_everywhere(x, window, strides):
    return im2col(np.broadcast_to(x[:1], x.shape), window, strides)


@wrong("im2col", says="a remainder at the bottom or the right is left out")
def rounds_the_output_size_up(x, window, strides):
    (KH, KW), (SH, SW) = window, strides
    _, H, W, _ = x.shape
    more = ((0, 0), (0, -(H - KH) % SH), (0, -(W - KW) % SW), (0, 0))
    return im2col(np.pad(x, more), window, strides)


@wrong("im2col", says="it changed its argument x")
def shifts_the_image_in_place(x, window, strides):
    cols = im2col(x, window, strides)
    x[...] = 0
    return cols


@wrong("im2col", says="it returned None")
def forgets_to_return(x, window, strides):
    im2col(x, window, strides)


@wrong("im2col", says="it raised IndexError")
def reads_beyond_the_edge(x, window, strides):
    return x[:, x.shape[1]]


def cols_size(x_shape, window, strides):
    return im2col(np.zeros(x_shape), window, strides).size


@wrong("cols_bytes", says="not their bytes")
def counts_entries(x_shape, window, strides, itemsize):
    return cols_size(x_shape, window, strides)


@wrong("cols_bytes", says="the channels are left out")
def leaves_the_channels_out(x_shape, window, strides, itemsize):
    return cols_size((*x_shape[:3], 1), window, strides) * itemsize


@wrong("cols_bytes", says="strides are taken as 1")
def leaves_the_strides_out(x_shape, window, strides, itemsize):
    return cols_size(x_shape, window, (1, 1)) * itemsize


@wrong("cols_bytes", says="the batch is left out")
def leaves_the_batch_out(x_shape, window, strides, itemsize):
    return cols_size((1, *x_shape[1:]), window, strides) * itemsize


@wrong("cols_bytes", says="those at the edge too")
def copies_every_pixel_for_every_place(x_shape, window, strides, itemsize):
    return int(np.prod(x_shape)) * window[0] * window[1] * itemsize


@wrong("cols_bytes", says="the image is counted, not its windows")
def counts_the_image(x_shape, window, strides, itemsize):
    return int(np.prod(x_shape)) * itemsize


@wrong("cols_bytes", says="a whole number")
def counts_in_fractions(x_shape, window, strides, itemsize):
    return cols_size(x_shape, window, strides) * itemsize / 1
