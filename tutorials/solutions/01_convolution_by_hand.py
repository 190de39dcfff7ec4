"""Solutions to the exercises of chapter 1."""

import numpy as np


def my_output_size(size, window, stride, before, after):
    """The first window, and a step for each stride that is left."""
    return (size + before + after - window) // stride + 1


def my_convolve(x, w, b, strides):
    """Four loops over the outputs; NumPy sums the products of one window."""
    N, H, W, _ = x.shape
    KH, KW, _, F = w.shape
    SH, SW = strides
    OH, OW = (H - KH) // SH + 1, (W - KW) // SW + 1
    y = np.empty((N, OH, OW, F), x.dtype)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, oh * SH : oh * SH + KH, ow * SW : ow * SW + KW, :]  # (KH, KW, C)
                for f in range(F):
                    y[n, oh, ow, f] = b[f] + (window * w[:, :, :, f]).sum()
    return y


def my_vertical_edge():
    """Right column minus left column."""
    return np.array([[-1.0, 0, 1], [-1, 0, 1], [-1, 0, 1]])
