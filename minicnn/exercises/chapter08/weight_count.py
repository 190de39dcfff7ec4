"""Chapter 8: count a network's weights before it is built."""

from typing import Any

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def right(
    layers: list[Any], shape: tuple[int, int, int], bias: int = 1, window: bool = True
) -> int:
    """Weights of convolutions (stride 1, unpadded), pools and dense layers, biases included."""
    H, W, C = shape
    total, values = 0, 0  # values: entries of the flat vector, once there is one
    for kind, *numbers in layers:
        if kind == "conv":
            F, KH, KW = numbers
            total += KH * KW * C * F + bias * F
            H, W, C = (H - KH + 1, W - KW + 1, F) if window else (H, W, F)
        elif kind == "pool":
            H, W = H // numbers[0], W // numbers[0]
        else:
            values = values or H * W * C
            total += values * numbers[0] + bias * numbers[0]
            values = numbers[0]
    return total


def verify(mine: Attempt) -> None:
    """One layer of each kind, then networks."""
    for text, layers, shape in (
        ("a convolution has KH KW C weights and one bias a filter", [("conv", 4, 3, 2)], (7, 6, 1)),
        ("its filters reach through all channels", [("conv", 4, 3, 3)], (7, 6, 3)),
        ("pooling has none", [("conv", 4, 3, 3), ("pool", 2)], (8, 9, 3)),
        ("a dense layer sees every entry of the image", [("dense", 10)], (5, 4, 3)),
        ("a second one sees the first one's outputs", [("dense", 10), ("dense", 7)], (5, 4, 3)),
        (
            "an unpadded convolution makes the image smaller",
            [("conv", 4, 3, 2), ("dense", 10)],
            (7, 9, 1),
        ),
        (
            "pooling halves it and drops a remainder",
            [("conv", 4, 3, 3), ("pool", 2), ("dense", 10)],
            (9, 8, 1),
        ),
        (
            "the whole network of this chapter",
            [("conv", 16, 5, 5), ("pool", 2), ("conv", 32, 5, 5), ("pool", 2),
             ("dense", 128), ("dense", 10)],
            (28, 28, 1),
        ),
    ):  # fmt: skip
        slips = {
            "the biases are left out": right(layers, shape, bias=0),
            "the image keeps its size in a convolution": right(layers, shape, window=False),
        }
        mine.expect(
            text, {"layers": layers, "shape": shape}, right(layers, shape), slips=slips, rtol=0
        )


EXERCISE = Exercise(
    name="weight_count",
    chapter=8,
    signature="my_weight_count(layers, shape)",
    task='How many weights, biases included, a network has. layers holds ("conv", F, KH, KW) with '
    'stride 1 and no padding, ("pool", P) with windows P x P, P apart, and ("dense", U); shape is '
    "(H, W, C) of the image. Dense layers come last; the first one flattens.",
    hints=(
        "Walk through the layers with the current (H, W, C) in hand: each layer may add weights "
        "and changes the shape that the next one meets.",
        "Convolution: KH KW C F + F weights, and the image becomes (H - KH + 1, W - KW + 1, F). "
        "Pooling: H // P, W // P.",
        "Dense: D U + U weights, where D is H W C for the first and the U before for the next. "
        "After a dense layer you can go on with H, W, C = 1, 1, U.",
    ),
    verify=verify,
)
