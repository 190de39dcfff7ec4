"""Optimizer steps, one pass over the flat arrays, which is all that memory bandwidth allows; and
what else is asked of weights: penalties, and limits that they are kept within.

Sums over vectors of any length go without atomics: each block adds up its share, then one block
adds the parts, always in the same order. How many blocks there are depends on the length alone.
"""

import math
from collections.abc import Sequence
from functools import cache

from minicnn.backends.cupy_gpu.arguments import alternating
from minicnn.backends.cupy_gpu.memory import empty
from minicnn.backends.cupy_gpu.runtime import BLOCK, launch, launch_grid
from minicnn.backends.spec import Array

#: entries that a thread takes: enough to have several loads from memory under way
ENTRIES = 4
#: the same of a sum, at least, and how many blocks share it at most: enough to fill a GPU
ENTRIES_OF_A_SUM, PARTS = 8, 1024


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
    rate = iterations, *_rate(learning_rate)
    _over(w, "adam_step", g, m, v, v_max, *rate, beta_1, beta_2, epsilon)


def sgd_step(
    w: Array, g: Array, m: Array | None, learning_rate: Array, momentum: float, nesterov: bool
) -> None:
    """Gradient descent, with a velocity ``m`` or without."""
    _over(w, "sgd_step", g, m, *_rate(learning_rate), momentum, nesterov)


def rmsprop_step(
    w: Array, g: Array, v: Array, m: Array | None, a: Array | None, learning_rate: Array,
    rho: float, momentum: float, epsilon: float,
) -> None:  # fmt: skip
    """RMSprop, with a velocity ``m`` or without, centred by ``a`` or not."""
    _over(w, "rmsprop_step", g, v, m, a, *_rate(learning_rate), rho, momentum, epsilon)


def decay_weights(w: Array, learning_rate: Array, weight_decay: float) -> None:
    """Pull the weights towards zero, apart from the gradient."""
    _over(w, "decay_weights", *_rate(learning_rate), weight_decay)


def clip_by_value(g: Array, limit: float) -> None:
    """Every entry into [-limit, limit]; NaN stays."""
    _over(g, "clip_by_value", limit)


def clip_by_norm(gradients: Sequence[Array], limit: float) -> None:
    """Scale all the vectors by one factor if their common norm exceeds ``limit``."""
    _, total = _parts_and_total()
    for i, g in enumerate(gradients):
        launch_grid(g.dtype, "add_squares", (1,), (BLOCK,), *_norm_sums(g), i == 0, total)
    for g in gradients:
        _over(g, "scale_to_norm", total, limit)


def add_penalty(total: Array, w: Array, l1: float, l2: float) -> None:
    """total[0] += l1 sum(|w|) + l2 sum(w^2)."""
    launch_grid(w.dtype, "add_penalty", (1,), (BLOCK,), total, *_norm_sums(w), l1, l2)


def add_penalty_gradient(dw: Array, w: Array, l1: float, l2: float) -> None:
    """l1 |w| + l2 w^2   gives   dw += l1 sign(w) + 2 l2 w."""
    launch(w.dtype, "add_penalty_gradient", w.size, dw, w, l1, 2 * l2, w.size)


def limit_norms(
    w: Array, axes: tuple[int, ...], smallest: float, largest: float, rate: float
) -> None:
    """Scale the vectors along ``axes`` towards a norm in [smallest, largest].

    Raises:
        ValueError: the axes alternate with the others more often than a kernel can follow, which
            takes an array of six axes or more.
    """
    along = {axis % w.ndim for axis in axes}
    sizes = alternating(w.shape, [axis in along for axis in range(w.ndim)])  # R0, K0, R1, ...
    if len(sizes) > 6:
        raise ValueError(f"limit_norms: axes {sorted(along)} of an array of shape {w.shape}")
    vectors = math.prod(sizes[1::2])
    launch_grid(
        w.dtype, "limit_norms", (-(-vectors // 32),), (32, 8),
        w, *sizes, smallest, largest, rate, 1 - rate,
    )  # fmt: skip


def clip_negative(w: Array) -> None:
    """w = max(w, 0); NaN stays."""
    launch(w.dtype, "clip_negative", w.size, w, w.size)


def _over(vector: Array, kernel: str, *arguments: object) -> None:
    """Run ``kernel`` over the entries of ``vector``, its first argument."""
    threads = -(-vector.size // ENTRIES)
    launch(vector.dtype, kernel, threads, vector, *arguments, vector.size)


def _rate(learning_rate: Array) -> tuple[Array, bool]:
    """The rate (1,) and whether it is of double precision, which need not be the weights'."""
    return learning_rate, learning_rate.dtype == "float64"


def _norm_sums(w: Array) -> tuple[Array, int]:
    """The sums of |w| and of w^2 that so many blocks took (at least one, so that there are any)."""
    parts, _ = _parts_and_total()
    blocks = min(PARTS, max(1, -(-w.size // (BLOCK * ENTRIES_OF_A_SUM))))
    launch_grid(w.dtype, "norm_sums", (blocks,), (BLOCK,), w, parts, w.size)
    return parts, blocks


@cache
def _parts_and_total() -> tuple[Array, Array]:
    """Room for two parts a block, and for one sum: what uses it runs one after another."""
    return empty((2 * PARTS,), "float64"), empty((1,), "float64")
