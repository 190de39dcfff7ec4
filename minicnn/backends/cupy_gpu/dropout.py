"""Dropout: the mask is a hash of the position, computed again where it is needed, never stored.

The step that it depends on is read on the device, in forward and in backward: between the two of
one step it must not change.
"""

from collections.abc import Sequence

from minicnn.backends.context import Context
from minicnn.backends.cupy_gpu.arguments import alternating, entrywise
from minicnn.backends.spec import Array


def dropout_forward(
    ctx: Context, x: Array, rate: float, seed: int, noise_shape: Sequence[int | None] | None
) -> Array:
    """y = x scale where the mask keeps, 0 elsewhere;  scale = 1 / (1 - rate).

    The mask has the shape ``noise_shape`` (None, or None on one axis: as x) and is broadcast to x.
    """
    shape = tuple(
        n if m is None else m for m, n in zip(noise_shape or x.shape, x.shape, strict=True)
    )
    ctx.save(draw=draw_of(rate, seed), broadcast=_broadcast(shape, x.shape))
    return entrywise(ctx, "dropout", "y", x, ctx.step, *ctx.draw, *ctx.broadcast)


def dropout_backward(ctx: Context, dy: Array) -> Array:
    """dx = dy scale or 0, by the same mask."""
    return entrywise(ctx, "dropout", "dx", dy, ctx.step, *ctx.draw, *ctx.broadcast)


def draw_of(rate: float, seed: int) -> tuple[int, int, float]:
    """What a mask is drawn with: the seed, the smallest draw that is kept, and the scale."""
    scale = 1 / (1 - rate) if rate < 1 else 0.0  # rate 1 keeps nothing that could be scaled
    return seed & 0xFFFFFFFF, int(rate * 2**32), scale


def _broadcast(mask: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """broadcast, R0, K1, R1, K2, R2: ``shape`` as axes that the mask has (K) and has not (R).

    Neighbouring axes of a kind are one; K0, the first, follows from the size.

    Raises:
        ValueError: the mask cannot be broadcast, or the two kinds alternate more than three times.
    """
    if any(m not in (1, n) for m, n in zip(mask, shape, strict=True)):
        raise ValueError(f"dropout: a mask of shape {mask} cannot be broadcast to {shape}")
    kept = [m == n for m, n in zip(mask, shape, strict=True)]
    sizes = alternating(shape, kept)  # K0, R0, K1, ...
    if len(sizes) > 6:
        raise ValueError(
            f"dropout: a mask {mask} for {shape} is repeated along {len(sizes) // 2} separate runs "
            "of axes, and this backend takes at most 3; move the axes of size 1 together"
        )
    return int(mask != shape), *sizes[1:]
