"""Convolution as one matrix product: im2col lays the windows out as rows.

Because the channel axis is last in the image and the filter axis is last in the kernel,
``cols`` flattened to two axes times ``w`` flattened to two axes *is* the output: nothing is
transposed. Words and sizes are those of ``minicnn/backends/spec.py``.
"""

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.spec import Array, Pads, Pair


def im2col(x: Array, window: Pair, strides: Pair, dilation: Pair = (1, 1)) -> Array:
    """Copy every window of a padded image out. (N, H, W, C)  ->  (N, OH, OW, KH, KW, C).

    cols[n,oh,ow,i,j,c] = x[n, oh SH + i DH, ow SW + j DW, c].
    A remainder at the bottom or the right that no window reaches is left out.
    """
    N, H, W, C = x.shape
    (KH, KW), (SH, SW), (DH, DW) = window, strides, dilation
    OH = (H - (KH - 1) * DH - 1) // SH + 1
    OW = (W - (KW - 1) * DW - 1) // SW + 1
    cols = np.empty((N, OH, OW, KH, KW, C), x.dtype)
    for i in range(KH):  # KH KW strided copies; no loop over pixels
        for j in range(KW):
            top, left = i * DH, j * DW
            cols[:, :, :, i, j] = x[:, top : top + OH * SH : SH, left : left + OW * SW : SW]
    return cols


def col2im(dcols: Array, x_shape: tuple[int, ...], strides: Pair, dilation: Pair = (1, 1)) -> Array:
    """Add every window back where it came from. (N, OH, OW, KH, KW, C)  ->  (N, H, W, C).

    The adjoint of :func:`im2col`: <im2col(x), c> = <x, col2im(c)> for all x and c. A pixel in
    several windows gets their sum; a pixel in none gets 0.
    """
    _, OH, OW, KH, KW, _ = dcols.shape
    (SH, SW), (DH, DW) = strides, dilation
    dx = np.zeros(x_shape, dcols.dtype)  # (N, H, W, C)
    for i in range(KH):
        for j in range(KW):
            top, left = i * DH, j * DW
            dx[:, top : top + OH * SH : SH, left : left + OW * SW : SW] += dcols[:, :, :, i, j]
    return dx


def conv2d_forward(
    ctx: Context, x: Array, w: Array, b: Array | None, strides: Pair, pads: Pads, dilation: Pair,
    groups: int,
) -> Array:  # fmt: skip
    """y = cols @ w + b.  x (N, H, W, C), w (KH, KW, C // groups, F)  ->  y (N, OH, OW, F)."""
    KH, KW, CG, F = w.shape  # a filter sees CG channels, all of them if there is one group
    FG = F // groups
    x_pad = np.pad(x, ((0, 0), *pads, (0, 0)))  # (N, top + H + bottom, left + W + right, C)
    cols = im2col(x_pad, (KH, KW), strides, dilation)  # (N, OH, OW, KH, KW, C)
    N, OH, OW = cols.shape[:3]
    y = np.empty((N * OH * OW, F), x.dtype)
    for g in range(groups):
        c, f = slice(g * CG, (g + 1) * CG), slice(g * FG, (g + 1) * FG)
        rows = cols[..., c].reshape(N * OH * OW, KH * KW * CG)  # one window a row
        y[:, f] = rows @ w[..., f].reshape(KH * KW * CG, FG)  # one filter a column
    if b is not None:
        y += b
    ctx.save(
        cols=cols, x_pad_shape=x_pad.shape,
        strides=strides, pads=pads, dilation=dilation, groups=groups,
    )  # fmt: skip
    return y.reshape(N, OH, OW, F)


def conv2d_backward(ctx: Context, dy: Array, w: Array, dw: Array, db: Array | None) -> Array | None:
    """Fill ``dw`` and ``db``; return dx (N, H, W, C), or None when nobody needs it.

    y = cols @ w + b   gives   dw = cols.T @ dy,   db = sum(dy),   dcols = dy @ w.T,
    and dx = col2im(dcols) without the padding.
    """
    N, OH, OW = ctx.cols.shape[:3]
    KH, KW, CG, F = w.shape
    FG = F // ctx.groups
    dy = dy.reshape(N * OH * OW, F)
    if db is not None:
        db[...] = dy.sum(axis=0)  # (F,)
    dcols = np.empty_like(ctx.cols)  # (N, OH, OW, KH, KW, C)
    for g in range(ctx.groups):
        c, f = slice(g * CG, (g + 1) * CG), slice(g * FG, (g + 1) * FG)
        rows = ctx.cols[..., c].reshape(N * OH * OW, KH * KW * CG)
        dw[..., f] = (rows.T @ dy[:, f]).reshape(KH, KW, CG, FG)
        if ctx.need_dx:
            drows = dy[:, f] @ w[..., f].reshape(KH * KW * CG, FG).T  # (N OH OW, KH KW CG)
            dcols[..., c] = drows.reshape(N, OH, OW, KH, KW, CG)
    if not ctx.need_dx:
        return None
    dx_pad = col2im(dcols, ctx.x_pad_shape, ctx.strides, ctx.dilation)
    (top, bottom), (left, right) = ctx.pads
    _, H_pad, W_pad, _ = dx_pad.shape
    return dx_pad[:, top : H_pad - bottom, left : W_pad - right]
