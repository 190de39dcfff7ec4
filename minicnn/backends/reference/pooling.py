"""Pooling: im2col, then the largest entry of each window, or the mean of those in the image.

And padding as an operation of its own: zeros around an image.
"""

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.reference.conv import col2im, im2col
from minicnn.backends.spec import Array, Pads, Pair


def maxpool2d_forward(ctx: Context, x: Array, pool_size: Pair, strides: Pair, pads: Pads) -> Array:
    """Largest entry of each window. (N, H, W, C)  ->  (N, OH, OW, C).

    A NaN beats every number, on a tie the first entry wins (row by row), and padding never does.
    """
    borders = ((0, 0), *pads, (0, 0))
    x_pad = np.pad(x, borders, constant_values=-np.inf)  # (N, H', W', C)
    cols = im2col(x_pad, pool_size, strides)  # (N, OH, OW, KH, KW, C)
    N, OH, OW, KH, KW, C = cols.shape
    windows = cols.reshape(N, OH, OW, KH * KW, C)

    # What lies inside the image, so that padding loses even to an entry that is -inf itself.
    image = np.pad(np.ones((1, *x.shape[1:3], 1), bool), borders)  # (1, H', W', 1)
    inside = im2col(image, pool_size, strides).reshape(1, OH, OW, KH * KW, 1)

    largest = windows.max(axis=3, keepdims=True)  # (N, OH, OW, 1, C), NaN where the window has one
    may_win = inside & ((windows == largest) | np.isnan(windows))  # (N, OH, OW, KH KW, C)
    winner = may_win.argmax(axis=3, keepdims=True)  # (N, OH, OW, 1, C), the first that may
    ctx.save(
        winner=winner, cols_shape=cols.shape, x_pad_shape=x_pad.shape, strides=strides, pads=pads
    )
    return np.take_along_axis(windows, winner, axis=3)[:, :, :, 0]


def maxpool2d_backward(ctx: Context, dy: Array) -> Array:
    """dx (N, H, W, C): each dy goes to the winner of its window; where windows overlap they add.

    y = windows[winner]   gives   dwindows = dy at the winner, 0 elsewhere,   dx = col2im(dwindows).
    """
    N, OH, OW, KH, KW, C = ctx.cols_shape
    dwindows = np.zeros((N, OH, OW, KH * KW, C), dy.dtype)
    np.put_along_axis(dwindows, ctx.winner, dy[:, :, :, None], axis=3)
    dx_pad = col2im(dwindows.reshape(ctx.cols_shape), ctx.x_pad_shape, ctx.strides)
    (top, bottom), (left, right) = ctx.pads
    _, H_pad, W_pad, _ = dx_pad.shape
    return dx_pad[:, top : H_pad - bottom, left : W_pad - right]


def avgpool2d_forward(ctx: Context, x: Array, pool_size: Pair, strides: Pair, pads: Pads) -> Array:
    """Mean of each window, padding left out. (N, H, W, C)  ->  (N, OH, OW, C)."""
    borders = ((0, 0), *pads, (0, 0))
    x_pad = np.pad(x, borders)  # (N, H', W', C)
    cols = im2col(x_pad, pool_size, strides)  # (N, OH, OW, KH, KW, C)
    image = np.pad(np.ones((1, *x.shape[1:3], 1), x.dtype), borders)  # 1 in the image, 0 outside
    count = im2col(image, pool_size, strides).sum(axis=(3, 4))  # (1, OH, OW, 1)
    ctx.save(
        count=count, cols_shape=cols.shape, x_pad_shape=x_pad.shape, strides=strides, pads=pads
    )
    return cols.sum(axis=(3, 4)) / count


def avgpool2d_backward(ctx: Context, dy: Array) -> Array:
    """y = sum(window) / count   gives   dwindow = dy / count everywhere,   dx = col2im(dwindow)."""
    share = (dy / ctx.count)[:, :, :, None, None]  # (N, OH, OW, 1, 1, C)
    dwindows = np.broadcast_to(share, ctx.cols_shape)  # (N, OH, OW, KH, KW, C)
    dx_pad = col2im(dwindows, ctx.x_pad_shape, ctx.strides)
    (top, bottom), (left, right) = ctx.pads
    _, H_pad, W_pad, _ = dx_pad.shape
    return dx_pad[:, top : H_pad - bottom, left : W_pad - right]


def pad2d_forward(ctx: Context, x: Array, pads: Pads) -> Array:
    """(N, H, W, C)  ->  (N, top + H + bottom, left + W + right, C)."""
    ctx.save(x_shape=x.shape, pads=pads)
    return np.pad(x, ((0, 0), *pads, (0, 0)))


def pad2d_backward(ctx: Context, dy: Array) -> Array:
    """The adjoint of padding is cropping."""
    (top, _), (left, _) = ctx.pads
    _, H, W, _ = ctx.x_shape
    return dy[:, top : top + H, left : left + W]
