"""Chapter 11: count what a convolution computes and what it must move."""

import math

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def right(x_shape: tuple[int, ...], w_shape: tuple[int, ...]) -> tuple[int, int]:
    """(operations, bytes) of an unpadded float32 convolution with stride 1."""
    N, H, W, C = x_shape
    KH, KW, _, F = w_shape
    y_shape = (N, H - KH + 1, W - KW + 1, F)
    operations = 2 * math.prod(y_shape) * KH * KW * C
    return operations, 4 * (math.prod(x_shape) + math.prod(w_shape) + math.prod(y_shape))


def verify(mine: Attempt) -> None:
    """One number, one image, a batch."""
    for text, x_shape, w_shape in (
        ("one window, one number", (1, 3, 2, 1), (3, 2, 1, 1)),
        ("one image with one channel and one filter", (1, 9, 8, 1), (3, 2, 1, 1)),
        ("channels and filters", (1, 9, 8, 3), (3, 2, 3, 5)),
        ("a batch: the weights are read once for all images", (32, 9, 8, 3), (3, 2, 3, 5)),
    ):
        operations, moved = right(x_shape, w_shape)
        N, H, W, _ = x_shape
        *_, F = w_shape
        slips = {
            "a multiplication and the addition after it are counted as one": (
                operations // 2, moved,
            ),
            "numbers are counted instead of bytes (a float32 has 4)": (operations, moved // 4),
            "a float32 is taken for 8 bytes": (operations, 2 * moved),
            "the weights are read once for each image": (
                operations, moved + 4 * (N - 1) * math.prod(w_shape),
            ),
            "the output is left out of the bytes": (
                operations, 4 * (math.prod(x_shape) + math.prod(w_shape)),
            ),
            "the output is taken to be as large as the input": (
                2 * N * H * W * math.prod(w_shape),
                4 * (math.prod(x_shape) + math.prod(w_shape) + N * H * W * F),
            ),
        }  # fmt: skip
        mine.expect(
            text, {"x_shape": x_shape, "w_shape": w_shape}, (operations, moved),
            names=("operations", "bytes"), slips=slips, rtol=0,
        )  # fmt: skip


EXERCISE = Exercise(
    name="conv_cost",
    chapter=11,
    signature="my_conv_cost(x_shape, w_shape)",
    task="(operations, bytes) of y = x * w in float32, stride 1, unpadded, without bias: x is "
    "(N, H, W, C), w is (KH, KW, C, F). Each array is moved once.",
    hints=(
        "How many numbers does y have? Each of them adds up KH KW C products.",
        "Operations count multiplications and additions: 2 a product. Bytes: 4 a number, for all "
        "of x, w and y.",
        "2 * N * OH * OW * F * KH * KW * C, with OH = H - KH + 1 and OW = W - KW + 1",
    ),
    verify=verify,
)
