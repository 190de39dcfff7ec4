"""Random flips and shifts: a thread an entry, which draws its image's numbers itself.

The step that they depend on is read on the device, as for dropout.
"""

from typing import Any

from minicnn.backends.cupy_gpu.memory import contiguous
from minicnn.backends.cupy_gpu.runtime import launch
from minicnn.backends.spec import Array

Factor = tuple[float, float]
FILL_MODES = ("constant", "nearest", "reflect", "wrap")  # as numbered in kernels/augmentation.cu


def flip_forward(ctx: Any, x: Array, seed: int, horizontal: bool, vertical: bool) -> Array:
    """Mirror some images (N, H, W, C): across the width, across the height, or both."""
    ctx.save(draw=(seed & 0xFFFFFFFF, horizontal, vertical))
    return _flipped(ctx, "y", x)


def flip_backward(ctx: Any, dy: Array) -> Array:
    """A flip is its own adjoint."""
    return _flipped(ctx, "dx", dy)


def translate_forward(
    ctx: Any, x: Array, seed: int, height_factor: Factor, width_factor: Factor, fill_mode: str,
    fill_value: float, interpolation: str,
) -> Array:  # fmt: skip
    """Shift image n by a part of its height and of its width. (N, H, W, C), shape unchanged."""
    x = contiguous(ctx, "x", x)
    y = ctx.buffer("y", x.shape, x.dtype)
    mode, bilinear = FILL_MODES.index(fill_mode), interpolation == "bilinear"
    ctx.save(draw=(seed & 0xFFFFFFFF, *height_factor, *width_factor, mode, bilinear))
    launch(
        x.dtype, "translate_forward", x.size,
        x, y, ctx.step, *ctx.draw, fill_value, x.size, *x.shape[1:],
    )  # fmt: skip
    return y


def translate_backward(ctx: Any, dy: Array) -> Array:
    """The adjoint: every pixel of dy is added back where it was taken from."""
    dy = contiguous(ctx, "dy", dy)
    dx = ctx.buffer("dx", dy.shape, dy.dtype)
    sizes = dy.size, *dy.shape[1:]
    launch(dy.dtype, "translate_backward", dy.size, dy, dx, ctx.step, *ctx.draw, *sizes)
    return dx


def _flipped(ctx: Any, name: str, x: Array) -> Array:
    x = contiguous(ctx, f"{name}_source", x)
    y = ctx.buffer(name, x.shape, x.dtype)
    launch(x.dtype, "flip", x.size, x, y, ctx.step, *ctx.draw, x.size, *x.shape[1:])
    return y
