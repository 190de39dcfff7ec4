"""Exercises of chapter 11: fast."""

import math

from minicnn.exercises.exercise import Attempt, exercise


def cost(x_shape: tuple[int, ...], w_shape: tuple[int, ...]) -> tuple[int, int]:
    """(operations, bytes) of an unpadded float32 convolution with stride 1."""
    N, H, W, C = x_shape
    KH, KW, _, F = w_shape
    y_shape = (N, H - KH + 1, W - KW + 1, F)
    operations = 2 * math.prod(y_shape) * KH * KW * C
    return operations, 4 * (math.prod(x_shape) + math.prod(w_shape) + math.prod(y_shape))


@exercise(
    "my_conv_cost(x_shape, w_shape)",
    "How many numbers does y have? Each of them adds up KH KW C products.",
    "Operations count multiplications and additions: 2 a product. Bytes: 4 a number, for all "
    "of x, w and y.",
    "2 * N * OH * OW * F * KH * KW * C, with OH = H - KH + 1 and OW = W - KW + 1",
)
def conv_cost(mine: Attempt) -> None:
    """(operations, bytes) of y = x * w in float32, stride 1, unpadded, without bias: x is (N, H, W,
    C), w is (KH, KW, C, F). Each array is moved once.
    """
    for text, x_shape, w_shape in (
        ("one window, one number", (1, 3, 2, 1), (3, 2, 1, 1)),
        ("one image with one channel and one filter", (1, 9, 8, 1), (3, 2, 1, 1)),
        ("channels and filters", (1, 9, 8, 3), (3, 2, 3, 5)),
        ("a batch: the weights are read once for all images", (32, 9, 8, 3), (3, 2, 3, 5)),
    ):
        operations, moved = cost(x_shape, w_shape)
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
        arguments = {"x_shape": x_shape, "w_shape": w_shape}
        want, names = (operations, moved), ("operations", "bytes")
        mine.expect(text, arguments, want, names=names, slips=slips, rtol=0)


@exercise(
    "my_roofline(operations, moved, peak, bandwidth)",
    "If memory alone counted: the work takes moved / bandwidth seconds. At what rate is it "
    "done then?",
    "operations / moved is the intensity. Intensity times bandwidth is a rate.",
    "The lower of the two bounds holds: min(peak, ...)",
)
def roofline(mine: Attempt) -> None:
    """The highest rate, in operations a second, at which work of so many operations on so many
    moved bytes can run; peak is in operations, bandwidth in bytes a second.
    """
    for text, operations, moved, peak, bandwidth in (
        ("little work on many bytes: memory decides", 1e6, 8e6, 200e9, 20e9),
        ("much work on few bytes: arithmetic decides", 1e9, 4e6, 200e9, 20e9),
        ("on the ridge both say the same", 4e7, 4e6, 200e9, 20e9),
        ("another machine, another ridge", 4e7, 4e6, 1000e9, 20e9),
    ):
        slope = operations / moved * bandwidth
        slips = {
            "arithmetic alone is looked at, or the larger of the two bounds is taken": peak,
            "memory alone is looked at, or the larger of the two bounds is taken": slope,
            "the intensity is turned round (bytes by operations)": min(
                peak, moved / operations * bandwidth
            ),
            "both times are added, as if nothing ran at the same time": operations
            / (operations / peak + moved / bandwidth),
            "seconds are returned instead of operations a second": max(
                operations / peak, moved / bandwidth
            ),
        }
        arguments = {
            "operations": operations, "moved": moved, "peak": peak, "bandwidth": bandwidth,
        }  # fmt: skip
        mine.expect(text, arguments, min(peak, slope), slips=slips)


@exercise(
    "my_speedup(share, factor)",
    "Let the program take 1 second. How long does the part take, before and after? And the rest?",
    "The new time is (1 - share) + share / factor.",
    "The gain is the old time divided by the new one.",
)
def speedup(mine: Attempt) -> None:
    """How many times as fast a program becomes when the part that takes this share of its time (0
    to 1) runs factor times as fast.
    """
    for text, share, factor in (
        ("all of the time, twice as fast", 1.0, 2.0),
        ("none of the time: nothing is gained", 0.0, 10.0),
        ("half of the time, twice as fast: 4/3", 0.5, 2.0),
        ("nine tenths, a thousand times as fast: not even 10", 0.9, 1000.0),
        ("a part may become slower, too", 0.25, 0.5),
    ):
        rest = 1 - share
        slips = {
            "the new time is returned instead of the gain": rest + share / factor,
            "the rest is left out": factor,
            "shares and gains are added": rest + share * factor,
            "share and rest are exchanged": 1 / (share + rest / factor),
        }
        arguments = {"share": share, "factor": factor}
        mine.expect(text, arguments, 1 / (rest + share / factor), slips=slips)
