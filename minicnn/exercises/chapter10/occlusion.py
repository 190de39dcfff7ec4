"""Chapter 10: cover a part of the image and see what the model loses."""

from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def right(
    score: Callable[[np.ndarray], float], image: np.ndarray, size: int, stride: int,
    value: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """drop[i, j] = score(image) - score(image with the square at (i stride, j stride) covered)."""
    H, W, _ = image.shape
    drop = np.zeros(((H - size) // stride + 1, (W - size) // stride + 1))
    for i, j in np.ndindex(drop.shape):
        covered = image.copy()
        covered[i * stride : i * stride + size, j * stride : j * stride + size] = value
        drop[i, j] = score(image) - score(covered)
    return drop


def _weighted(weights: np.ndarray) -> Callable[[np.ndarray], float]:
    def score(image: np.ndarray) -> float:
        return float((weights * image).sum())

    return score


def verify(mine: Attempt) -> None:
    """Models whose answer is known: a weighted sum of the pixels."""
    rng = np.random.default_rng(17)
    for text, shape, size, stride in (
        ("the drop is the score before less the score with a square of zeros", (4, 4, 1), 2, 2),
        ("squares start stride apart and may overlap", (5, 6, 1), 2, 1),
        ("a remainder that no whole square covers is left out", (5, 7, 1), 3, 2),
        ("all channels are covered", (4, 5, 3), 2, 1),
    ):
        image, weights = rng.random(shape), rng.normal(size=shape)
        score = _weighted(weights)
        want = right(score, image, size, stride)
        slips: dict[str, Any] = {
            "the difference is taken the other way round": -want,
            "the score itself is returned, not the drop": score(image) - want,
            "squares start one apart, whatever the stride": right(score, image, size, 1),
            "squares are as large as the stride": right(score, image, stride, stride),
            "the square is covered with ones": right(score, image, size, stride, 1.0),
            "rows and columns are exchanged": want.T,
        }
        arguments = {"score": score, "image": image, "size": size, "stride": stride}
        mine.expect(text, arguments, want, axes=("row of squares", "column"), slips=slips)


EXERCISE = Exercise(
    name="occlusion",
    chapter=10,
    signature="my_occlusion(score, image, size, stride)",
    task="Cover image (H, W, C) with a square of zeros, size x size, at every multiple of stride "
    "where it fits, and return how far score(image), a number, drops for each.",
    hints=(
        "There are (H - size) // stride + 1 squares below each other, as many as a convolution "
        "has windows.",
        "A fresh copy for every square: covered = image.copy(). Otherwise the squares add up.",
        "drop[i, j] = score(image) - score(covered), with rows i * stride to i * stride + size "
        "of covered set to 0, and columns alike",
    ),
    verify=verify,
)
