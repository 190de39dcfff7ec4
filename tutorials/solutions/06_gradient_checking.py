"""Solutions to the exercises of chapter 6."""

import numpy as np


def my_numeric_gradient(f, x, h):
    """A step to each side of every entry, one after the other."""
    slopes = np.empty_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        slopes[index] = (f(x + step) - f(x - step)) / (2 * h)
    return slopes


def my_relative_error(analytic, numeric):
    """The difference over the larger of the two; nothing over nothing is 0."""
    larger = np.maximum(np.abs(analytic), np.abs(numeric))
    return np.abs(analytic - numeric) / np.where(larger == 0, 1, larger)


def my_diagnosis():
    """tanh' is 1 - y^2; dbias is a sum; ReLU's mask is of x; d(x g) = g + x g'."""
    return {
        "Patient1": "sign",
        "Patient2": "batch_mean",
        "Patient3": "relu_mask",
        "Patient4": "missing_term",
    }


def my_mended_scale(x, gain, dy):
    """gain[c] is used N H W times: what its uses say adds up."""
    return dy * gain, (dy * x).sum(axis=(0, 1, 2))
