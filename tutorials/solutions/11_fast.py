"""Solutions to the exercises of chapter 11."""

import math


def my_conv_cost(x_shape, w_shape):
    """Two operations a product; four bytes a number, every array once."""
    N, H, W, _ = x_shape
    KH, KW, C, F = w_shape
    y_shape = (N, H - KH + 1, W - KW + 1, F)
    operations = 2 * math.prod(y_shape) * KH * KW * C
    return operations, 4 * (math.prod(x_shape) + math.prod(w_shape) + math.prod(y_shape))


def my_roofline(operations, moved, peak, bandwidth):
    """The lower of two bounds."""
    return min(peak, operations / moved * bandwidth)


def my_speedup(share, factor):
    """The old time divided by the new one."""
    return 1 / ((1 - share) + share / factor)
