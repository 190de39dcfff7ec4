"""Penalties on weights, and limits that weights are kept within."""

import math
from itertools import groupby

from minicnn.backends.cupy_gpu.partial_sums import BLOCK, blocks_for, parts
from minicnn.backends.cupy_gpu.refusal import refused
from minicnn.backends.cupy_gpu.runtime import launch, launch_grid
from minicnn.backends.spec import Array


def add_penalty(total: Array, w: Array, l1: float, l2: float) -> None:
    """total[0] += l1 sum(|w|) + l2 sum(w^2)."""
    blocks = blocks_for(w.size)
    launch_grid(w.dtype, "penalty_sums", (blocks,), (BLOCK,), w, parts(), w.size)
    launch_grid(w.dtype, "add_penalty", (1,), (BLOCK,), total, parts(), blocks, l1, l2)


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
    sizes = _runs(w.shape, {axis % w.ndim for axis in axes})
    vectors = math.prod(sizes[1::2])
    launch_grid(
        w.dtype, "limit_norms", (-(-vectors // 32),), (32, 8),
        w, *sizes, smallest, largest, rate, 1 - rate, refused(),
    )  # fmt: skip


def clip_negative(w: Array) -> None:
    """w = max(w, 0); NaN stays."""
    launch(w.dtype, "clip_negative", w.size, w, w.size, refused())


def _runs(shape: tuple[int, ...], axes: set[int]) -> list[int]:
    """The sizes (R0, K0, R1, K1, R2, K2): neighbouring axes taken as one, in turn such as are in
    ``axes`` and such as are not.
    """
    runs = groupby(range(len(shape)), lambda axis: axis in axes)
    sizes: list[int] = []
    for inside, run in runs:
        if inside != (len(sizes) % 2 == 0):
            sizes.append(1)  # the shape begins with an axis that is not among them
        sizes.append(math.prod(shape[axis] for axis in run))
    if len(sizes) > 6:
        raise ValueError(f"limit_norms: axes {sorted(axes)} of an array of shape {shape}")
    return sizes + [1] * (6 - len(sizes))
