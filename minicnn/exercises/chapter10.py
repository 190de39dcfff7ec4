"""Exercises of chapter 10: looking inside."""

from collections.abc import Callable, Sequence

import numpy as np

from minicnn.exercises.exercise import Attempt, exercise


def field_size(steps: Sequence[tuple[int, int]]) -> int:
    """Each window adds (window - 1) times the product of the strides in front of it."""
    field, jump = 1, 1
    for window, stride in steps:
        field += (window - 1) * jump
        jump *= stride
    return field


@exercise(
    "my_receptive_field(steps)",
    "Keep two numbers while you walk through the layers: the size of the field, and how many "
    "pixels apart two neighbouring numbers of the current layer are. Both begin at 1.",
    "A window of 3 takes in two more neighbours. They lie as far apart as that second number says.",
    "field += (window - 1) * apart, then apart *= stride",
)
def receptive_field(mine: Attempt) -> None:
    """How many pixels (along one axis) one number behind these layers depends on. steps holds
    (window, stride) of each convolution or pool, the first layer first.
    """
    for text, steps in (
        ("nothing at all: a pixel sees itself", []),
        ("one convolution sees its window", [(3, 1)]),
        ("two in a row: 3 and 3 make 5, not 6", [(3, 1), (3, 1)]),
        ("one pool sees its window", [(2, 2)]),
        ("behind a stride of 2, one step is two pixels", [(2, 2), (3, 1)]),
        ("strides multiply", [(3, 2), (3, 2), (3, 2)]),
        ("a stride counts for the layers behind it, not for its own", [(5, 1), (2, 2)]),
        ("the network of this chapter", [(5, 1), (2, 2), (5, 1), (2, 2)]),
    ):
        windows = [w for w, _ in steps]
        own, jump = 1, 1
        for window, stride in steps:
            jump *= stride
            own += (window - 1) * jump
        last = steps[-1][1] if steps else 1
        slips = {
            "the windows are added up": sum(windows),
            "the strides are left out": 1 + sum(w - 1 for w in windows),
            "a layer's own stride is counted for its own window": own,
            "the last stride is taken for all": 1 + sum((w - 1) * last for w in windows),
        }
        mine.expect(text, {"steps": steps}, field_size(steps), slips=slips, rtol=0)


def score_drops(
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


@exercise(
    "my_occlusion(score, image, size, stride)",
    "There are (H - size) // stride + 1 squares below each other, as many as a convolution "
    "has windows.",
    "A fresh copy for every square: covered = image.copy(). Otherwise the squares add up.",
    "drop[i, j] = score(image) - score(covered), with rows i * stride to i * stride + size "
    "of covered set to 0, and columns alike",
)
def occlusion(mine: Attempt) -> None:
    """Cover image (H, W, C) with a square of zeros, size x size, at every multiple of stride where
    it fits, and return how far score(image), a number, drops for each.
    """
    rng = np.random.default_rng(17)
    # models whose answer is known: a weighted sum of the pixels
    for text, shape, size, stride in (
        ("the drop is the score before less the score with a square of zeros", (4, 4, 1), 2, 2),
        ("squares start stride apart and may overlap", (5, 6, 1), 2, 1),
        ("a remainder that no whole square covers is left out", (5, 7, 1), 3, 2),
        ("all channels are covered", (4, 5, 3), 2, 1),
    ):
        image, weights = rng.random(shape), rng.normal(size=shape)
        score = _weighted(weights)
        want = score_drops(score, image, size, stride)
        slips = {
            "the difference is taken the other way round": -want,
            "the score itself is returned, not the drop": score(image) - want,
            "squares start one apart, whatever the stride": score_drops(score, image, size, 1),
            "squares are as large as the stride": score_drops(score, image, stride, stride),
            "the square is covered with ones": score_drops(score, image, size, stride, 1.0),
            "rows and columns are exchanged": want.T,
        }
        arguments = {"score": score, "image": image, "size": size, "stride": stride}
        mine.expect(text, arguments, want, axes=("row of squares", "column"), slips=slips)
