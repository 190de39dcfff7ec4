"""Random flips and shifts: a thread an entry, which draws its image's numbers itself.

The step that they depend on is read on the device, as for dropout.
"""

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu.arguments import entrywise
from minicnn.backends.cupy_gpu.signatures import enumerators
from minicnn.backends.spec import Array


def flip_forward(ctx: Context, x: Array, seed: int, horizontal: bool, vertical: bool) -> Array:
    """Mirror some images (N, H, W, C): across the width, across the height, or both."""
    ctx.save(draw=(seed & 0xFFFFFFFF, horizontal, vertical))
    return entrywise(ctx, "flip", "y", x, *x.shape[1:], ctx.step, *ctx.draw)


def flip_backward(ctx: Context, dy: Array) -> Array:
    """A flip is its own adjoint."""
    return entrywise(ctx, "flip", "dx", dy, *dy.shape[1:], ctx.step, *ctx.draw)


def translate_forward(
    ctx: Context, x: Array, seed: int, height_factor: tuple[float, float],
    width_factor: tuple[float, float], fill_mode: str, fill_value: float, interpolation: str,
) -> Array:  # fmt: skip
    """Shift image n by a part of its height and of its width. (N, H, W, C), shape unchanged."""
    mode, bilinear = enumerators("FillMode").index(fill_mode), interpolation == "bilinear"
    ctx.save(draw=(seed & 0xFFFFFFFF, *height_factor, *width_factor, mode, bilinear))
    sizes = x.shape[1:]
    return entrywise(ctx, "translate_forward", "y", x, *sizes, ctx.step, *ctx.draw, fill_value)


def translate_backward(ctx: Context, dy: Array) -> Array:
    """The adjoint: every pixel of dy is added back where it was taken from."""
    return entrywise(ctx, "translate_backward", "dx", dy, *dy.shape[1:], ctx.step, *ctx.draw)
