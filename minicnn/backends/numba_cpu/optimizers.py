"""What is done to weights: one pass over flat arrays, which is all that memory bandwidth allows.

Every entry is computed by the same instructions wherever it lies, so that the result does not
depend on the number of threads.
"""

from collections.abc import Sequence

import numpy as np
from numba import prange

from minicnn.backends.numba_cpu.caching import cached_njit
from minicnn.backends.numba_cpu.runtime import launch
from minicnn.backends.spec import Array

#: scalar operations that an entry counts for: few, as it waits for memory rather than arithmetic
WORK = 3
#: entries that one partial sum takes
CHUNK = 16_384


def adam_step(
    w: Array, g: Array, m: Array, v: Array, iterations: Array, learning_rate: Array,
    beta_1: float, beta_2: float, epsilon: float,
) -> None:  # fmt: skip
    """Adam; ``epsilon`` stands outside the bias correction."""
    amsgrad_step(w, g, m, v, None, iterations, learning_rate, beta_1, beta_2, epsilon)


def amsgrad_step(
    w: Array, g: Array, m: Array, v: Array, v_max: Array | None, iterations: Array,
    learning_rate: Array, beta_1: float, beta_2: float, epsilon: float,
) -> None:  # fmt: skip
    """Adam that divides by the largest v so far; ``v_max`` None: by v."""
    number = w.dtype.type
    t = number(iterations[0] + 1)
    correction = np.sqrt(1 - number(beta_2) ** t) / (1 - number(beta_1) ** t)
    alpha = number(learning_rate[0]) * correction
    scalars = alpha, number(1 - beta_1), number(1 - beta_2), number(epsilon)
    launch(_adam, WORK * w.size, w, g, m, v, v_max, *scalars)


def sgd_step(
    w: Array, g: Array, m: Array | None, learning_rate: Array, momentum: float, nesterov: bool
) -> None:
    """Gradient descent, with a velocity ``m`` or without."""
    number = w.dtype.type
    scalars = number(learning_rate[0]), number(momentum), bool(nesterov)
    launch(_sgd, WORK * w.size, w, g, m, *scalars)


def rmsprop_step(
    w: Array, g: Array, v: Array, m: Array | None, a: Array | None, learning_rate: Array,
    rho: float, momentum: float, epsilon: float,
) -> None:  # fmt: skip
    """RMSprop, with a velocity ``m`` or without, centred by ``a`` or not."""
    number = w.dtype.type
    scalars = map(number, (learning_rate[0], rho, 1 - rho, momentum, epsilon))
    launch(_rmsprop, WORK * w.size, w, g, v, m, a, *scalars)


def decay_weights(w: Array, learning_rate: Array, weight_decay: float) -> None:
    """Pull the weights towards zero, apart from the gradient."""
    number = w.dtype.type
    launch(_decay, WORK * w.size, w, number(learning_rate[0]), number(weight_decay))


def clip_by_value(g: Array, limit: float) -> None:
    """Every entry into [-limit, limit]; NaN stays."""
    np.clip(g, -limit, limit, out=g)


def clip_by_norm(gradients: Sequence[Array], limit: float) -> None:
    """Scale all the vectors by one factor if their common norm exceeds ``limit``."""
    norm = np.sqrt(sum(_sum_of_squares(g) for g in gradients))
    if not norm <= limit:  # written so that a NaN norm spreads to every entry
        for g in gradients:
            g *= g.dtype.type(limit / norm)


# -- regularizers and constraints: penalties in one pass each; limits, seldom used, in NumPy ---


def add_penalty(total: Array, w: Array, l1: float, l2: float) -> None:
    """total[0] += l1 sum(|w|) + l2 sum(w^2)."""
    launch(_add_penalty, 2 * w.size, total, w.reshape(-1), float(l1), float(l2))


def add_penalty_gradient(dw: Array, w: Array, l1: float, l2: float) -> None:
    """dw += l1 sign(w) + 2 l2 w."""
    factors = w.dtype.type(l1), w.dtype.type(2 * l2)
    launch(_add_gradient, 2 * w.size, dw.reshape(-1), w.reshape(-1), *factors)


def limit_norms(
    w: Array, axes: tuple[int, ...], smallest: float, largest: float, rate: float
) -> None:
    """Scale the vectors along ``axes`` towards a norm in [smallest, largest]."""
    norm = np.sqrt(np.square(w).sum(axis=axes, keepdims=True))
    wanted = rate * norm.clip(smallest, largest) + (1 - rate) * norm
    w *= wanted / (norm + 1e-7)


def clip_negative(w: Array) -> None:
    """w = max(w, 0); NaN stays."""
    np.maximum(w, 0, out=w)


# -- kernels ----------------------------------------------------------------------------------
# error_model="numpy": a division by zero gives an infinity, so that the loops vectorize.


@cached_njit(error_model="numpy", parallel=True)
def _adam(w, g, m, v, v_max, alpha, one_minus_beta_1, one_minus_beta_2, epsilon):
    for i in prange(w.size):
        m[i] += (g[i] - m[i]) * one_minus_beta_1
        v[i] += (g[i] * g[i] - v[i]) * one_minus_beta_2
        if v_max is None:  # decided when Numba compiles
            w[i] -= m[i] * alpha / (np.sqrt(v[i]) + epsilon)
        else:
            v_max[i] = v_max[i] if v[i] <= v_max[i] else v[i]  # a NaN in v is taken over
            w[i] -= m[i] * alpha / (np.sqrt(v_max[i]) + epsilon)


@cached_njit(error_model="numpy", parallel=True)
def _sgd(w, g, m, learning_rate, momentum, nesterov):
    for i in prange(w.size):
        step = g[i] * learning_rate
        if m is None:  # decided when Numba compiles
            w[i] -= step
        else:
            m[i] = m[i] * momentum - step
            w[i] += m[i] * momentum - step if nesterov else m[i]


@cached_njit(error_model="numpy", parallel=True)
def _rmsprop(w, g, v, m, a, learning_rate, rho, one_minus_rho, momentum, epsilon):
    for i in prange(w.size):
        v[i] = rho * v[i] + one_minus_rho * (g[i] * g[i])
        variance = v[i]
        if a is not None:  # decided when Numba compiles
            a[i] = rho * a[i] + one_minus_rho * g[i]
            variance -= a[i] * a[i]
        step = learning_rate * g[i] / np.sqrt(variance + epsilon)
        if m is not None:
            m[i] = momentum * m[i] + step
            step = m[i]
        w[i] -= step


@cached_njit(error_model="numpy", parallel=True)
def _decay(w, learning_rate, weight_decay):
    for i in prange(w.size):
        w[i] -= w[i] * weight_decay * learning_rate


# "reassoc" lets the sum run in several lanes; unlike full fastmath it keeps NaN and infinity.
# Summing chunk by chunk keeps the rounding error of float32 small.
@cached_njit(fastmath={"reassoc"})
def _sum_of_squares(g):
    total = g.dtype.type(0)
    for start in range(0, g.size, CHUNK):
        chunk, part = g[start : start + CHUNK], g.dtype.type(0)
        for i in range(chunk.size):
            part += chunk[i] * chunk[i]
        total += part
    return total


# "reassoc" lets the sum of a chunk run in several lanes; unlike full fastmath it keeps NaN
@cached_njit(parallel=True, fastmath={"reassoc"})
def _add_penalty(total, w, l1, l2):
    """Chunks are summed apart and added in order: the same bits on any number of threads."""
    pieces = (w.size + CHUNK - 1) // CHUNK
    parts = np.zeros((pieces, 2), w.dtype)
    for k in prange(pieces):
        absolute, square = w.dtype.type(0), w.dtype.type(0)
        for i in range(k * CHUNK, min(w.size, (k + 1) * CHUNK)):
            absolute += abs(w[i])
            square += w[i] * w[i]
        parts[k, 0], parts[k, 1] = absolute, square
    absolute_sum, square_sum = 0.0, 0.0  # float64
    for k in range(pieces):
        absolute_sum += parts[k, 0]
        square_sum += parts[k, 1]
    total[0] += l1 * absolute_sum + l2 * square_sum


@cached_njit(parallel=True)
def _add_gradient(dw, w, l1, twice_l2):
    zero = w.dtype.type(0)
    for chunk in prange((w.size + CHUNK - 1) // CHUNK):
        for i in range(chunk * CHUNK, min(w.size, (chunk + 1) * CHUNK)):
            slope = l1 if w[i] > 0 else zero
            slope = -l1 if w[i] < 0 else slope
            dw[i] += slope + twice_l2 * w[i]  # a NaN gets through here, even if l2 is 0
