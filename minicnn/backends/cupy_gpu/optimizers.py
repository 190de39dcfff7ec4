"""Optimizer steps: one pass over the flat arrays, which is all that memory bandwidth allows."""

from collections.abc import Sequence
from typing import Any

from minicnn.backends.cupy_gpu.partial_sums import BLOCK, blocks_for, parts, total
from minicnn.backends.cupy_gpu.refusal import refused
from minicnn.backends.cupy_gpu.runtime import launch, launch_grid
from minicnn.backends.spec import Array

#: entries that a thread takes: enough to have several loads from memory under way
ENTRIES = 4


def adam_step(
    w: Array, g: Array, m: Array, v: Array, iterations: Array, learning_rate: Array,
    beta_1: float, beta_2: float, epsilon: float,
) -> None:  # fmt: skip
    """Adam; ``epsilon`` stands outside the bias correction."""
    rate = iterations, *_rate(learning_rate)
    _update(w, "adam_step", g, m, v, None, *rate, beta_1, beta_2, epsilon)


def amsgrad_step(
    w: Array, g: Array, m: Array, v: Array, v_max: Array, iterations: Array, learning_rate: Array,
    beta_1: float, beta_2: float, epsilon: float,
) -> None:  # fmt: skip
    """Adam that divides by the largest v so far."""
    rate = iterations, *_rate(learning_rate)
    _update(w, "adam_step", g, m, v, v_max, *rate, beta_1, beta_2, epsilon)


def sgd_step(
    w: Array, g: Array, m: Array | None, learning_rate: Array, momentum: float, nesterov: bool
) -> None:
    """Gradient descent, with a velocity ``m`` or without."""
    _update(w, "sgd_step", g, m, *_rate(learning_rate), momentum, nesterov)


def rmsprop_step(
    w: Array, g: Array, v: Array, m: Array | None, a: Array | None, learning_rate: Array,
    rho: float, momentum: float, epsilon: float,
) -> None:  # fmt: skip
    """RMSprop, with a velocity ``m`` or without, centred by ``a`` or not."""
    _update(w, "rmsprop_step", g, v, m, a, *_rate(learning_rate), rho, momentum, epsilon)


def decay_weights(w: Array, learning_rate: Array, weight_decay: float) -> None:
    """Pull the weights towards zero, apart from the gradient."""
    _update(w, "decay_weights", *_rate(learning_rate), weight_decay)


def clip_by_value(g: Array, limit: float) -> None:
    """Every entry into [-limit, limit]; NaN stays."""
    _over(g, "clip_by_value", limit)


def clip_by_norm(gradients: Sequence[Array], limit: float) -> None:
    """Scale all the vectors by one factor if their common norm exceeds ``limit``."""
    for i, g in enumerate(gradients):
        blocks = blocks_for(g.size)
        launch_grid(g.dtype, "squares", (blocks,), (BLOCK,), g, parts(), g.size)
        launch_grid(g.dtype, "add_squares", (1,), (BLOCK,), parts(), blocks, i == 0, total())
    for g in gradients:
        _over(g, "scale_to_norm", total(), limit)


def _over(vector: Array, kernel: str, *arguments: Any) -> None:
    """Run ``kernel`` over the entries of ``vector``, its first argument."""
    threads = -(-vector.size // ENTRIES)
    launch(vector.dtype, kernel, threads, vector, *arguments, vector.size)


def _update(w: Array, kernel: str, *arguments: Any) -> None:
    """The same for what a refused step leaves alone."""
    threads = -(-w.size // ENTRIES)
    launch(w.dtype, kernel, threads, w, *arguments, w.size, refused())


def _rate(learning_rate: Array) -> tuple[Array, bool]:
    """The rate (1,) and whether it is of double precision, which need not be the weights'."""
    return learning_rate, learning_rate.dtype == "float64"
