"""Solutions to the exercises of chapter 3."""

import numpy as np

from minicnn.backends.reference import im2col


def my_overlap(size, window, strides):
    """Every window adds 1 to the pixels it covers."""
    (H, W), (KH, KW), (SH, SW) = size, window, strides
    counts = np.zeros(size)  # (H, W)
    for top in range(0, H - KH + 1, SH):
        for left in range(0, W - KW + 1, SW):
            counts[top : top + KH, left : left + KW] += 1
    return counts


def my_col2im(dcols, x_shape, strides):
    """im2col's copies the other way round, with += for =."""
    _, OH, OW, KH, KW, _ = dcols.shape
    SH, SW = strides
    dx = np.zeros(x_shape, dcols.dtype)
    for i in range(KH):
        for j in range(KW):
            dx[:, i : i + OH * SH : SH, j : j + OW * SW : SW] += dcols[:, :, :, i, j]
    return dx


def my_conv_backward(x, w, dy, strides):
    """dw = rows.T @ dy, db = sum(dy), dx = col2im(dy @ matrix.T)."""
    KH, KW, C, F = w.shape
    cols = im2col(x, (KH, KW), strides)  # (N, OH, OW, KH, KW, C)
    rows, matrix = cols.reshape(-1, KH * KW * C), w.reshape(KH * KW * C, F)
    dy = dy.reshape(-1, F)  # (N OH OW, F)
    dw = (rows.T @ dy).reshape(w.shape)
    dcols = (dy @ matrix.T).reshape(cols.shape)
    return my_col2im(dcols, x.shape, strides), dw, dy.sum(axis=0)
