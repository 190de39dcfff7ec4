"""Average pooling: im2col, then the mean of those entries of each window that are in the image."""

from typing import Any

import numpy as np

from minicnn.backends.reference.conv import col2im, im2col
from minicnn.backends.spec import Array, Pads, Pair


def avgpool2d_forward(ctx: Any, x: Array, pool_size: Pair, strides: Pair, pads: Pads) -> Array:
    """Mean of each window, padding left out. (N, H, W, C)  ->  (N, OH, OW, C)."""
    borders = ((0, 0), *pads, (0, 0))
    x_pad = np.pad(x, borders)  # (N, H', W', C)
    cols = im2col(x_pad, pool_size, strides)  # (N, OH, OW, KH, KW, C)
    image = np.pad(np.ones((1, *x.shape[1:3], 1), x.dtype), borders)  # 1 in the image, 0 outside
    count = im2col(image, pool_size, strides).sum(axis=(3, 4))  # (1, OH, OW, 1)
    ctx.save(count=count, cols_shape=cols.shape, x_pad_shape=x_pad.shape)
    ctx.save(strides=strides, pads=pads)
    return cols.sum(axis=(3, 4)) / count


def avgpool2d_backward(ctx: Any, dy: Array) -> Array:
    """y = sum(window) / count   gives   dwindow = dy / count everywhere,   dx = col2im(dwindow)."""
    share = (dy / ctx.count)[:, :, :, None, None]  # (N, OH, OW, 1, 1, C)
    dwindows = np.broadcast_to(share, ctx.cols_shape)  # (N, OH, OW, KH, KW, C)
    dx_pad = col2im(dwindows, ctx.x_pad_shape, ctx.strides)
    (top, bottom), (left, right) = ctx.pads
    _, H_pad, W_pad, _ = dx_pad.shape
    return dx_pad[:, top : H_pad - bottom, left : W_pad - right]
