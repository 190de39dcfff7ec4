"""Convolution by Winograd's algorithm with patches of 6 x 6: shapes and buffers for its kernel.

For passes that no backward call follows, and why only for those: ``kernels/winograd_6x6.py``. A
last batch of few images goes another way, and has buffers of its own for it.

What it gained over patches of 4 x 4, together with the pooling in registers of ``direct.py``, in µs
an image on two threads (``python benchmarks/step.py``, before both were there and now): ``predict``
of 2,048 images by ``cifar10_three_conv`` 16.7 -> 12.4, by ``mnist_two_conv`` 30.5 -> 28.1.
"""

from functools import lru_cache

from minicnn.backends.context import Context
from minicnn.backends.numba_cpu import tiles
from minicnn.backends.numba_cpu.kernels import winograd_6x6 as kernels
from minicnn.backends.numba_cpu.kernels.winograd_6x6 import PIXELS, SIDE, Plan
from minicnn.backends.numba_cpu.runtime import PRODUCTS, contiguous, launch, vector
from minicnn.backends.numba_cpu.winograd import APART, is_plain
from minicnn.backends.spec import Array, Pads, Pair

#: images a tile, at most, and entries of V and M, which shall stay in the L2 cache
TILE, CACHED = 32, 3 << 16
#: images that are worth the transform of the kernel
MANY_IMAGES = 16
#: share of the products of what it replaces, at most: transforms take time as well
SHARE = 0.6


def applies(
    ctx: Context, x: Array, w: Array, strides: Pair, pads: Pads, dilation: Pair, groups: int,
    pool: tiles.Pool,
) -> bool:  # fmt: skip
    """Whether the algorithm may compute this convolution, and in less time."""
    many = len(x) >= MANY_IMAGES and is_plain(w, strides, dilation, groups)
    if not (ctx.forward_only and many and w.shape[:2] in ((2, 2), (3, 3))):
        return False
    return shapes_of(w.shape, x.shape[1:], pads, pool).pays


@lru_cache(maxsize=512)
def shapes_of(
    w_shape: tuple[int, ...], x_shape: tuple[int, ...], pads: Pads, pool: tiles.Pool
) -> tiles.Shapes[Plan]:
    """Shapes for an image (H, W, C) and a kernel (K, K, C, F)."""
    K, _, C, F = w_shape
    size = SIDE + 1 - K
    (top, _), (left, _) = pads
    _, y, (OH, OW) = tiles.sizes(x_shape, w_shape, (1, 1), pads, (1, 1), pool)
    TH, TW = -(-OH // size), -(-OW // size)
    patches = TH * TW
    # it replaces all products of a 2 x 2 kernel, and patches of 4 x 4 of a 3 x 3 one
    products = 4 * OH * OW if K == 2 else 16 * ((OH + 1) // 2) * ((OW + 1) // 2)
    T = max(1, min(TILE, CACHED // (patches * PIXELS * (C + F))))
    return tiles.Shapes(
        plan=Plan(T, top, left, TH, TW, size),
        y=(*y, F),
        scratch={
            "image6": (size * TH + K - 1, (size * TW + K - 1) * C),
            "V6": (T * patches, PIXELS * C + APART),
            "M6": (T * patches, PIXELS * F + APART),
            "product6": (T * patches * size * size, F),
        },
        chunks=(),  # there is no backward pass
        work=patches * PIXELS * (C * F // PRODUCTS + C + F),
        pays=PIXELS * patches <= SHARE * products,
    )


def forward(
    ctx: Context, x: Array, w: Array, b: Array | None, pads: Pads, relu: bool, pool: tiles.Pool
) -> Array | None:
    """Convolution, then ReLU and max-pooling as asked; None if something was not finite."""
    s = shapes_of(w.shape, x.shape[1:], pads, pool)
    N, (K, _, C, F), dtype = len(x), w.shape, x.dtype
    out = tiles.outputs(ctx, (N, *s.y), relu, pool, dtype)
    number = -(-N // s.plan.T)  # of tiles
    finite = ctx.buffer("finite", (N,), "bool")[:number]
    launch(
        kernels.winograd_6x6_forward, N * s.work if number > 1 else 0,
        tiles.lines(x), contiguous(ctx, "w", w).reshape(K, -1), vector(ctx, b, F, dtype),
        tuple(s.plan), ctx.buffer("U6", (PIXELS, C, F), dtype),
        ctx.buffer("G_w6", (SIDE, K * C * F), dtype), tiles.scratch(ctx, dtype, s.scratch), finite,
        tuple(out),
    )  # fmt: skip
    return out.y if finite.all() else None
