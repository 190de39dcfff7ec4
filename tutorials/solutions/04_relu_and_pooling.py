"""Solutions to the exercises of chapter 4."""

import numpy as np

from minicnn.backends.reference import col2im, im2col


def my_relu_backward(x, dy):
    """The slope is 1 where x > 0, and 0 elsewhere."""
    return dy * (x > 0)


def my_maxpool(x, window, strides):
    """The windows' KH and KW merged into one axis, along which the largest is looked for."""
    cols = im2col(x, window, strides)  # (N, OH, OW, KH, KW, C)
    N, OH, OW, KH, KW, C = cols.shape
    windows = cols.reshape(N, OH, OW, KH * KW, C)
    return windows.max(axis=3), windows.argmax(axis=3)


def my_maxpool_backward(dy, winner, x_shape, window, strides):
    """dy at the winner, 0 elsewhere; then the windows go back."""
    N, OH, OW, C = dy.shape
    KH, KW = window
    dwindows = np.zeros((N, OH, OW, KH * KW, C), dy.dtype)
    np.put_along_axis(dwindows, winner[:, :, :, None], dy[:, :, :, None], axis=3)
    return col2im(dwindows.reshape(N, OH, OW, KH, KW, C), x_shape, strides)
