"""Solutions to the exercises of chapter 7."""

import math

import numpy as np


def my_momentum(w, g, m, learning_rate, momentum):
    """The velocity first, then the weights move by it."""
    m = momentum * m - learning_rate * g
    return w + m, m


def my_adam(w, g, m, v, t, learning_rate):
    """Two running means, and a step that their bias is taken out of."""
    m = m + (1 - 0.9) * (g - m)
    v = v + (1 - 0.999) * (g * g - v)
    alpha = learning_rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return w - alpha * m / (np.sqrt(v) + 1e-7), m, v


def my_he_std(shape):
    """Every axis but the last counts inputs."""
    return math.sqrt(2 / math.prod(shape[:-1]))
