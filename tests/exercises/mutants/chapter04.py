"""Wrong answers to the exercises of chapter 4."""

import numpy as np

from minicnn.backends.reference import col2im, im2col
from tests.exercises.mutants.table import wrong


@wrong("relu_backward", says="the mask is taken from dy, not from x")
def looks_at_dy(x, dy):
    return np.maximum(dy, 0)


@wrong("relu_backward", says="dy passes everywhere")
def lets_everything_pass(x, dy):
    return dy + 0


@wrong("relu_backward", says="the value max(x, 0) comes back")
def computes_forward(x, dy):
    return np.maximum(x, 0)


@wrong("relu_backward", says="the mask comes back, without dy")
def forgets_the_chain_rule(x, dy):
    return (x > 0).astype(float)


@wrong("relu_backward", says="dy passes at 0, too")
def lets_the_kink_pass(x, dy):
    return dy * (x >= 0)


@wrong("relu_backward", says="x is multiplied in")
def multiplies_by_the_value(x, dy):
    return dy * np.maximum(x, 0)


@wrong("relu_backward", says="it changed its argument dy")
def writes_into_dy(x, dy):
    dy[x <= 0] = 0
    return dy


@wrong("relu_backward", says="the shape is kept")
def flattens(x, dy):
    return (dy * (x > 0)).ravel()


def windows_of(x, window, strides):
    cols = im2col(x, window, strides)
    N, OH, OW, KH, KW, C = cols.shape
    return cols.reshape(N, OH, OW, KH * KW, C)


@wrong("maxpool", says="the smallest entry is taken")
def takes_the_smallest(x, window, strides):
    windows = windows_of(x, window, strides)
    return windows.min(axis=3), windows.argmin(axis=3)


@wrong("maxpool", says="the last of the tied entries wins")
def prefers_the_last_on_a_tie(x, window, strides):
    windows = windows_of(x, window, strides)
    return windows.max(axis=3), windows.shape[3] - 1 - windows[:, :, :, ::-1].argmax(axis=3)


@wrong("maxpool", says="windows are counted column by column")
def counts_column_by_column(x, window, strides):
    cols = im2col(x, window, strides).swapaxes(3, 4)
    N, OH, OW, KW, KH, C = cols.shape
    windows = cols.reshape(N, OH, OW, KW * KH, C)
    return windows.max(axis=3), windows.argmax(axis=3)


@wrong("maxpool", says="each channel has its own winner")
def looks_across_the_channels(x, window, strides):
    windows = windows_of(x, window, strides)
    y = windows.max(axis=3)
    return np.broadcast_to(y.max(axis=3, keepdims=True), y.shape), windows.argmax(axis=3)


@wrong("maxpool", says="numbers below zero, too")
def begins_with_zero_as_the_largest(x, window, strides):
    windows = windows_of(x, window, strides)
    return np.maximum(windows.max(axis=3), 0), windows.argmax(axis=3)


@wrong("maxpool", says="y, winner in one tuple")
def returns_the_values_only(x, window, strides):
    return windows_of(x, window, strides).max(axis=3)


@wrong("maxpool", says="windows that overlap")
def takes_the_window_for_the_strides(x, window, strides):
    windows = windows_of(x, window, window)
    return windows.max(axis=3), windows.argmax(axis=3)


def scattered(dwindows, x_shape, window, strides):
    N, OH, OW, _, C = dwindows.shape
    return col2im(dwindows.reshape(N, OH, OW, *window, C), x_shape, strides)


def at_winners(dy, winner, window):
    N, OH, OW, C = dy.shape
    dwindows = np.zeros((N, OH, OW, window[0] * window[1], C))
    np.put_along_axis(dwindows, winner[:, :, :, None], dy[:, :, :, None], axis=3)
    return dwindows


@wrong("maxpool_backward", says="every entry of the window gets dy")
def gives_to_everyone(dy, winner, x_shape, window, strides):
    all_of_it = np.repeat(dy[:, :, :, None], window[0] * window[1], axis=3)
    return scattered(all_of_it, x_shape, window, strides)


@wrong("maxpool_backward", says="dy is shared out among the entries")
def shares_out(dy, winner, x_shape, window, strides):
    size = window[0] * window[1]
    return scattered(np.repeat(dy[:, :, :, None] / size, size, axis=3), x_shape, window, strides)


@wrong("maxpool_backward", says="= instead of +=")
def overwrites(dy, winner, x_shape, window, strides):
    dx = np.zeros(x_shape)
    for n, oh, ow, c in np.ndindex(dy.shape):
        i, j = divmod(winner[n, oh, ow, c], window[1])
        dx[n, oh * strides[0] + i, ow * strides[1] + j, c] = dy[n, oh, ow, c]
    return dx


@wrong("maxpool_backward", says="winners are counted column by column")
def divides_by_the_wrong_side(dy, winner, x_shape, window, strides):
    KH, KW = window
    N, OH, OW, C = dy.shape
    dwindows = at_winners(dy, winner, window).reshape(N, OH, OW, KW, KH, C).swapaxes(3, 4)
    return col2im(dwindows, x_shape, strides)


@wrong("maxpool_backward", says="dy is left out: winners get 1")
def forgets_dy(dy, winner, x_shape, window, strides):
    return scattered(at_winners(np.ones_like(dy), winner, window), x_shape, window, strides)


@wrong("maxpool_backward", says="each channel has its own winner")
def uses_the_winner_of_the_first_channel(dy, winner, x_shape, window, strides):
    first = np.broadcast_to(winner[..., :1], winner.shape)
    return scattered(at_winners(dy, first, window), x_shape, window, strides)


@wrong("maxpool_backward", says="expected     shape (1, 2, 3, 1)")
def answers_in_windows(dy, winner, x_shape, window, strides):
    return at_winners(dy, winner, window)
