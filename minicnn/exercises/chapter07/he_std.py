"""Chapter 7: how large the first weights should be."""

import math

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def verify(mine: Attempt) -> None:
    """Dense and convolution kernels, with sizes that are all different."""
    for text, shape, fan_in, fan_out in (
        ("a dense kernel (D, U): every output adds up D products", (50, 8), 50, 8),
        ("it does not depend on the number of outputs", (50, 200), 50, 200),
        ("a convolution (KH, KW, C, F) adds up KH KW C products", (3, 5, 2, 7), 30, 105),
        ("a window of one pixel adds up its channels", (1, 1, 64, 16), 64, 16),
    ):
        slips = {
            "the outputs are counted (fan_out) instead of the inputs": math.sqrt(2 / fan_out),
            "the variance 2 / n is returned, not its square root": 2 / fan_in,
            "the 2 is left out, which ReLU's zeros call for": math.sqrt(1 / fan_in),
            "the mean of inputs and outputs is taken, as Glorot did": math.sqrt(
                4 / (fan_in + fan_out)
            ),
            "the last axis is taken for the inputs": math.sqrt(2 / shape[-1]),
            "the channels alone are counted, without the window": math.sqrt(2 / shape[-2]),
        }
        mine.expect(text, {"shape": shape}, math.sqrt(2 / fan_in), slips=slips)


EXERCISE = Exercise(
    name="he_std",
    chapter=7,
    signature="my_he_std(shape)",
    task="The standard deviation of He's initialisation for a kernel of this shape, "
    "(D, U) or (KH, KW, C, F).",
    hints=(
        "How many products does one output add up? That is n, the fan-in.",
        "The last axis of the shape counts outputs. All axes in front of it are inputs.",
        "math.sqrt(2 / math.prod(shape[:-1]))",
    ),
    verify=verify,
)
