"""Wrong answers to the exercises of chapter 3."""

import numpy as np

from minicnn.backends.reference import col2im, im2col
from tests.exercises.mutants.table import wrong


def counted(size, window, strides):
    ones = im2col(np.ones((1, *size, 1)), window, strides)
    return col2im(ones, (1, *size, 1), strides)[0, :, :, 0]


@wrong("overlap", says="every pixel is thought to lie in KH KW windows")
def forgets_the_edges(size, window, strides):
    return np.full(size, float(window[0] * window[1]))


@wrong("overlap", says="windows set pixels where they should add")
def sets_instead_of_adding(size, window, strides):
    return np.minimum(counted(size, window, strides), 1)


@wrong("overlap", says="strides are taken as 1")
def ignores_the_strides(size, window, strides):
    return counted(size, window, (1, 1))


@wrong("overlap", says="KH and KW are exchanged")
def exchanges_the_sides_of_the_window(size, window, strides):
    return counted(size, window[::-1], strides)


@wrong("overlap", says="expected     dtype float64")
def counts_in_whole_numbers(size, window, strides):
    return counted(size, window, strides).astype(int)


@wrong("overlap", says="a remainder at the bottom or the right counts 0")
def lets_windows_reach_over_the_edge(size, window, strides):
    counts = np.zeros(size)
    for top in range(0, size[0], strides[0]):
        for left in range(0, size[1], strides[1]):
            inside = top + window[0] <= size[0] and left + window[1] <= size[1]
            if inside or strides == (2, 2):
                counts[top : top + window[0], left : left + window[1]] += 1
    return counts


@wrong("col2im", says="= instead of +=")
def overwrites(dcols, x_shape, strides):
    _, OH, OW, KH, KW, _ = dcols.shape
    SH, SW = strides
    dx = np.zeros(x_shape)
    for i in range(KH):
        for j in range(KW):
            dx[:, i : i + OH * SH : SH, j : j + OW * SW : SW] = dcols[:, :, :, i, j]
    return dx


@wrong("col2im", says="the mean is taken where the sum belongs")
def averages(dcols, x_shape, strides):
    count = np.maximum(col2im(np.ones_like(dcols), x_shape, strides), 1)
    return col2im(dcols, x_shape, strides) / count


@wrong("col2im", says="a pixel in no window gets 0")
def leaves_untouched_pixels_as_they_come(dcols, x_shape, strides):
    count = col2im(np.ones_like(dcols), x_shape, strides)
    return np.where(count > 0, col2im(dcols, x_shape, strides), 7.0)


@wrong("col2im", says="windows side by side go back to their places")
def flips_each_window(dcols, x_shape, strides):
    return col2im(dcols[:, :, :, ::-1, ::-1], x_shape, strides)


@wrong("col2im", says="channels stay apart")
def mixes_the_channels(dcols, x_shape, strides):
    dx = col2im(dcols, x_shape, strides)
    return np.broadcast_to(dx.sum(axis=3, keepdims=True), dx.shape)


@wrong("col2im", says="images of a batch stay apart")
def sums_over_the_batch(dcols, x_shape, strides):
    dx = col2im(dcols, x_shape, strides)
    return np.broadcast_to(dx.sum(axis=0, keepdims=True), dx.shape)


@wrong("col2im", says="a remainder at the bottom or the right gets 0")
def leaves_the_remainder_away(dcols, x_shape, strides):
    _, OH, OW, KH, KW, _ = dcols.shape
    H, W = (OH - 1) * strides[0] + KH, (OW - 1) * strides[1] + KW
    dx = col2im(dcols, (x_shape[0], H, W, x_shape[3]), strides)
    return dx if strides == (2, 2) else col2im(dcols, x_shape, strides)


@wrong("col2im", says="it changed its argument dcols")
def works_in_place(dcols, x_shape, strides):
    dx = col2im(dcols, x_shape, strides)
    dcols *= 0
    return dx


def gradients(x, w, dy, strides):
    KH, KW, C, F = w.shape
    cols = im2col(x, (KH, KW), strides)
    rows = dy.reshape(-1, F)
    dw = (cols.reshape(-1, KH * KW * C).T @ rows).reshape(w.shape)
    dcols = (rows @ w.reshape(-1, F).T).reshape(cols.shape)
    return col2im(dcols, x.shape, strides), dw, rows.sum(axis=0)


@wrong("conv_backward", says="db is a mean, not a sum")
def averages_the_bias(x, w, dy, strides):
    dx, dw, _ = gradients(x, w, dy, strides)
    return dx, dw, dy.mean(axis=(0, 1, 2))


@wrong("conv_backward", says="dw and db are means over the batch, not sums")
def averages_over_the_batch(x, w, dy, strides):
    dx, dw, db = gradients(x, w, dy, strides)
    return dx, dw / len(x), db / len(x)


@wrong("conv_backward", says="dw is a mean over the batch, not a sum")
def averages_the_kernel_over_the_batch(x, w, dy, strides):
    dx, dw, db = gradients(x, w, dy, strides)
    return dx, dw / len(x), db


@wrong("conv_backward", says="the kernel is flipped on the way to dx")
def flips_the_kernel(x, w, dy, strides):
    dx, _, _ = gradients(x, w[::-1, ::-1], dy, strides)
    return dx, *gradients(x, w, dy, strides)[1:]


@wrong("conv_backward", says="the sign of all three is wrong")
def turns_the_sign(x, w, dy, strides):
    return tuple(-g for g in gradients(x, w, dy, strides))


@wrong("conv_backward", says="expected     dx, dw, db in one tuple")
def forgets_db(x, w, dy, strides):
    return gradients(x, w, dy, strides)[:2]


@wrong("conv_backward", says="in           dx")
def takes_ones_for_dy(x, w, dy, strides):
    return gradients(x, w, np.ones_like(dy), strides)


@wrong("conv_backward", says="in           db")
def sums_too_few_axes(x, w, dy, strides):
    dx, dw, _ = gradients(x, w, dy, strides)
    return dx, dw, dy.sum(axis=(0, 1))
