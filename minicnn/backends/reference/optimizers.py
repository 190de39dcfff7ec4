"""What is done to weights, in place: optimizer steps on flat vectors, penalties and limits."""

from collections.abc import Sequence

import numpy as np

from minicnn.backends.spec import Array


def adam_step(
    w: Array, g: Array, m: Array, v: Array, iterations: Array, learning_rate: Array,
    beta_1: float, beta_2: float, epsilon: float,
) -> None:  # fmt: skip
    """Adam; ``epsilon`` stands outside the bias correction."""
    m += (g - m) * (1 - beta_1)
    v += (g * g - v) * (1 - beta_2)
    number = w.dtype.type  # every operation is in the weights' dtype
    t = number(iterations[0] + 1)
    correction = np.sqrt(1 - number(beta_2) ** t) / (1 - number(beta_1) ** t)
    alpha = number(learning_rate[0]) * correction
    w -= m * alpha / (np.sqrt(v) + epsilon)


def amsgrad_step(
    w: Array, g: Array, m: Array, v: Array, v_max: Array, iterations: Array, learning_rate: Array,
    beta_1: float, beta_2: float, epsilon: float,
) -> None:  # fmt: skip
    """Adam that divides by the largest v so far."""
    m += (g - m) * (1 - beta_1)
    v += (g * g - v) * (1 - beta_2)
    np.maximum(v_max, v, out=v_max)
    number = w.dtype.type
    t = number(iterations[0] + 1)
    correction = np.sqrt(1 - number(beta_2) ** t) / (1 - number(beta_1) ** t)
    alpha = number(learning_rate[0]) * correction
    w -= m * alpha / (np.sqrt(v_max) + epsilon)


def sgd_step(
    w: Array, g: Array, m: Array | None, learning_rate: Array, momentum: float, nesterov: bool
) -> None:
    """Gradient descent, with a velocity ``m`` or without."""
    step = g * w.dtype.type(learning_rate[0])
    if m is None:
        w -= step
        return
    m *= momentum
    m -= step
    w += m * momentum - step if nesterov else m


def rmsprop_step(
    w: Array, g: Array, v: Array, m: Array | None, a: Array | None, learning_rate: Array,
    rho: float, momentum: float, epsilon: float,
) -> None:  # fmt: skip
    """RMSprop, with a velocity ``m`` or without, centred by ``a`` or not."""
    v[...] = rho * v + (1 - rho) * (g * g)
    variance = v
    if a is not None:
        a[...] = rho * a + (1 - rho) * g
        variance = v - a * a
    step = w.dtype.type(learning_rate[0]) * g / np.sqrt(variance + epsilon)
    if m is not None:
        m[...] = momentum * m + step
        step = m
    w -= step


def decay_weights(w: Array, learning_rate: Array, weight_decay: float) -> None:
    """Pull the weights towards zero, apart from the gradient."""
    w -= w * weight_decay * w.dtype.type(learning_rate[0])


def clip_by_value(g: Array, limit: float) -> None:
    """Every entry into [-limit, limit]; NaN stays."""
    np.clip(g, -limit, limit, out=g)


def clip_by_norm(gradients: Sequence[Array], limit: float) -> None:
    """Scale all the vectors by one factor if their common norm exceeds ``limit``."""
    norm = np.sqrt(sum(np.sum(g * g) for g in gradients))
    if not norm <= limit:  # written so that a NaN norm spreads to every entry
        for g in gradients:
            g *= limit / norm


# -- regularizers and constraints --------------------------------------------------------------


def add_penalty(total: Array, w: Array, l1: float, l2: float) -> None:
    """total[0] += l1 sum(|w|) + l2 sum(w^2)."""
    if l1:
        total += l1 * np.abs(w).sum(dtype=np.float64)
    if l2:
        total += l2 * np.square(w).sum(dtype=np.float64)


def add_penalty_gradient(dw: Array, w: Array, l1: float, l2: float) -> None:
    """l1 |w| + l2 w^2   gives   dw += l1 sign(w) + 2 l2 w."""
    if l1:
        dw += w.dtype.type(l1) * np.sign(w)
    if l2:
        dw += w.dtype.type(2 * l2) * w


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
