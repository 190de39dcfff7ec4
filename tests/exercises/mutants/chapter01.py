"""Wrong answers to the exercises of chapter 1."""

import math

import numpy as np

from minicnn.backends.reference import im2col
from tests.exercises.mutants.table import wrong


@wrong("output_size", says="the + 1 is missing")
def counts_steps_not_positions(size, window, stride, before, after):
    return (size + before + after - window) // stride


@wrong("output_size", says="a whole number")
def divides_without_rounding(size, window, stride, before, after):
    return (size + before + after - window) / stride + 1


@wrong("output_size", says="it is rounded up")
def rounds_up(size, window, stride, before, after):
    return math.ceil((size + before + after - window) / stride) + 1


@wrong("output_size", says="the stride is left out")
def leaves_the_stride_out(size, window, stride, before, after):
    return size + before + after - window + 1


@wrong("output_size", says="the padding before is counted twice")
def takes_the_padding_for_equal(size, window, stride, before, after):
    return (size + 2 * before - window) // stride + 1


@wrong("output_size", says="the padding is left out")
def leaves_the_padding_out(size, window, stride, before, after):
    return (size - window) // stride + 1


@wrong("output_size", says="only the padding before counts")
def leaves_one_side_out(size, window, stride, before, after):
    return (size + before - window) // stride + 1


def convolved(x, w, b, strides):
    KH, KW, C, F = w.shape
    cols = im2col(x, (KH, KW), strides)
    return (cols.reshape(-1, KH * KW * C) @ w.reshape(-1, F) + b).reshape(*cols.shape[:3], F)


def wrong_convolution(says):
    """The same wrong answers serve the loops of chapter 1 and the product of chapter 2."""

    def register(function):
        wrong("convolve", says)(function)
        return wrong("matmul_convolve", says)(function)

    return register


@wrong_convolution("the kernel is flipped")
def flips_the_kernel(x, w, b, strides):
    return convolved(x, w[::-1, ::-1], b, strides)


@wrong_convolution("the bias is left out")
def forgets_the_bias(x, w, b, strides):
    return convolved(x, w, np.zeros_like(b), strides)


@wrong_convolution("the bias is added at every place")
def adds_the_bias_in_the_inner_loop(x, w, b, strides):
    return convolved(x, w, b * w.shape[0] * w.shape[1], strides)


@wrong_convolution("the products of all channels are summed")
def takes_the_first_channel_only(x, w, b, strides):
    return convolved(x[..., :1], w[:, :, :1], b, strides)


@wrong_convolution("each filter gives a feature map of its own")
def uses_the_first_filter_for_all(x, w, b, strides):
    return convolved(x, np.repeat(w[..., :1], w.shape[3], axis=3), b, strides)


@wrong_convolution("strides are taken as 1")
def ignores_the_strides(x, w, b, strides):
    return convolved(x, w, b, (1, 1))


@wrong_convolution("SH and SW are exchanged")
def exchanges_the_strides(x, w, b, strides):
    return convolved(x, w, b, strides[::-1])


@wrong_convolution("images of a batch stay apart")
def sums_over_the_batch(x, w, b, strides):
    y = convolved(x, w, b, strides)
    return np.broadcast_to(y.sum(axis=0, keepdims=True), y.shape)


@wrong("vertical_edge", says="its numbers have to sum to 0")
def looks_at_the_right_column_only():
    return np.array([[0.0, 0, 1], [0, 0, 1], [0, 0, 1]])


@wrong("vertical_edge", says="brighter on the right gives a positive number")
def is_the_wrong_way_round():
    return np.array([[1.0, 0, -1], [1, 0, -1], [1, 0, -1]])


@wrong("vertical_edge", says="what should the sign of the right column be")
def finds_horizontal_edges():
    return np.array([[-1.0, -1, -1], [0, 0, 0], [1, 1, 1]])


@wrong("vertical_edge", says="each row of the filter has to sum to 0")
def finds_slanting_edges():
    return np.array([[-1.0, -1, 0], [-1, 0, 1], [0, 1, 1]])


@wrong("vertical_edge", says="got list")
def is_no_array():
    return [[-1.0, 0, 1]] * 3


@wrong("vertical_edge", says="shape (1, 3)")
def has_one_row():
    return np.array([[-1.0, 0, 1]])


@wrong("vertical_edge", says="brighter on the right gives a positive number")
def is_zero():
    return np.zeros((3, 3))
