"""Solutions to the exercises of chapter 2."""

import numpy as np


def my_im2col(x, window, strides):
    """Place by place: KH KW copies with steps."""
    N, H, W, C = x.shape
    (KH, KW), (SH, SW) = window, strides
    OH, OW = (H - KH) // SH + 1, (W - KW) // SW + 1
    cols = np.empty((N, OH, OW, KH, KW, C), x.dtype)
    for i in range(KH):
        for j in range(KW):
            cols[:, :, :, i, j] = x[:, i : i + OH * SH : SH, j : j + OW * SW : SW]
    return cols


def my_matmul_convolve(x, w, b, strides):
    """One window a row, one filter a column, one product."""
    KH, KW, C, F = w.shape
    cols = my_im2col(x, (KH, KW), strides)  # (N, OH, OW, KH, KW, C)
    N, OH, OW = cols.shape[:3]
    rows = cols.reshape(N * OH * OW, KH * KW * C)
    return (rows @ w.reshape(KH * KW * C, F) + b).reshape(N, OH, OW, F)


def my_cols_bytes(x_shape, window, strides, itemsize):
    """Entries of cols times the size of one."""
    N, H, W, C = x_shape
    (KH, KW), (SH, SW) = window, strides
    OH, OW = (H - KH) // SH + 1, (W - KW) // SW + 1
    return N * OH * OW * KH * KW * C * itemsize
