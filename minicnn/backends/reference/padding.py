"""Zeros around an image."""

import numpy as np

from minicnn.backends.context import Context
from minicnn.backends.spec import Array, Pads


def pad2d_forward(ctx: Context, x: Array, pads: Pads) -> Array:
    """(N, H, W, C)  ->  (N, top + H + bottom, left + W + right, C)."""
    ctx.save(x_shape=x.shape, pads=pads)
    return np.pad(x, ((0, 0), *pads, (0, 0)))


def pad2d_backward(ctx: Context, dy: Array) -> Array:
    """The adjoint of padding is cropping."""
    (top, _), (left, _) = ctx.pads
    _, H, W, _ = ctx.x_shape
    return dy[:, top : top + H, left : left + W]
