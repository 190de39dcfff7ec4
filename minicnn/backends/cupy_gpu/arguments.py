"""What kernels take: arrays without gaps, the places of winners, axes taken together."""

from collections.abc import Sequence

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu.runtime import DType, launch
from minicnn.backends.spec import Array, Pair


def contiguous(ctx: Context, name: str, array: Array) -> Array:
    """``array`` itself, or a copy without gaps in the buffer ``name``."""
    return converted(ctx, name, array, array.dtype)


def converted(ctx: Context, name: str, array: Array, dtype: DType) -> Array:
    """``array`` itself, or a copy in ``dtype`` and without gaps in the buffer ``name``."""
    if array.dtype == dtype and array.flags.c_contiguous:
        return array
    copy = ctx.buffer(name, array.shape, dtype)
    copy[...] = array
    return copy


def entrywise(ctx: Context, kernel: str, name: str, x: Array, *arguments: object) -> Array:
    """What ``kernel`` makes of x, of the same shape, in the buffer ``name``: a thread an entry.

    Such a kernel takes x, the result, their size, and then ``arguments``.
    """
    x = contiguous(ctx, f"{name}_source", x)
    y = ctx.buffer(name, x.shape, x.dtype)
    launch(x.dtype, kernel, x.size, x, y, x.size, *arguments)
    return y


def alternating(shape: Sequence[int], chosen: Sequence[bool]) -> list[int]:
    """Neighbouring axes taken as one: in turn the size of such as are ``chosen`` and of such as are
    not. Six sizes, as kernels take them, or more if they alternate more often.
    """
    sizes = [1]
    for size, is_chosen in zip(shape, chosen, strict=True):
        if is_chosen != (len(sizes) % 2 == 1):
            sizes.append(1)
        sizes[-1] *= size
    return sizes + [1] * (6 - len(sizes))


def winner_buffer(ctx: Context, shape: tuple[int, ...], pool_size: Pair) -> Array:
    """Memory for the place in its window that each output came from, or for "from none"."""
    KH, KW = pool_size
    return ctx.buffer("winner", shape, "uint8" if KH * KW < 256 else "int32")


def is_wide(winner: Array | None) -> bool:
    """Whether ``winner`` holds ints, not bytes: what kernels call ``wide``."""
    return winner is not None and winner.itemsize > 1
