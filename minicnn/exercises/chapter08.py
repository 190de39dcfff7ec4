"""Exercises of chapter 8: the whole network."""

import numpy as np

from minicnn.exercises.exercise import Attempt, exercise


def count_pairs(truth: np.ndarray, answer: np.ndarray, classes: int) -> np.ndarray:
    """counts[i, j]: how often class i was answered with j."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (truth, answer), 1)
    return counts


@exercise(
    "my_confusion(truth, answer, classes)",
    "Start from np.zeros((classes, classes), np.int64), and walk through the pairs with zip.",
    "Each pair (t, a) adds 1 to counts[t, a].",
    "for t, a in zip(truth, answer): counts[t, a] += 1",
)
def confusion(mine: Attempt) -> None:
    """counts (classes, classes) of whole numbers (np.int64): how often the true class i was
    answered with j. truth and answer are (N,).
    """
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 60)
    for text, truth, answer, classes in (
        ("a model without a mistake fills the diagonal", [0, 1, 2, 1], [0, 1, 2, 1], 3),
        ("a mistake stands in the row of the truth, the column of the answer", [0, 2], [0, 1], 3),
        ("the same pair twice counts twice", [1, 1, 1, 0], [2, 2, 1, 0], 3),
        ("a class that does not occur has its row and column all the same", [0, 1], [1, 1], 4),
        ("many samples", labels, (labels + (rng.random(60) < 0.4)) % 4, 4),
    ):
        t, a = np.asarray(truth), np.asarray(answer)
        want = count_pairs(t, a, classes)
        slips = {
            "rows and columns are exchanged": want.T,
            "a pair that occurs several times is counted once (counts[truth, answer] += 1 adds "
            "once for each distinct pair)": np.minimum(want, 1),
            "the right answers are left out": want - np.diag(np.diag(want)),
        }
        arguments = {"truth": t, "answer": a, "classes": classes}
        mine.expect(text, arguments, want, axes=("true class", "predicted class"), slips=slips)


def surest_mistakes(p: np.ndarray, truth: np.ndarray, count: int) -> np.ndarray:
    """Row numbers of the ``count`` surest mistakes."""
    answer = p.argmax(axis=1)
    wrong = np.flatnonzero(answer != truth)
    return wrong[np.argsort(-p[wrong, answer[wrong]], kind="stable")][:count]


@exercise(
    "my_sure_mistakes(p, truth, count)",
    "The answer of row n is p[n].argmax(). Which rows have an answer that is not the truth? "
    "np.flatnonzero turns a comparison into row numbers.",
    "How sure the model was of its answer is p.max(axis=1). Sort the wrong rows by it, the "
    "largest first: np.argsort sorts upwards, so sort the negative.",
    "wrong[np.argsort(-p.max(axis=1)[wrong])][:count]",
)
def sure_mistakes(mine: Attempt) -> None:
    """The row numbers of the count mistakes with the highest probability, the surest first. p is
    (N, classes), truth is (N,).
    """
    rng = np.random.default_rng(5)
    for text, rows, count, shift in (
        ("only rows whose largest probability is at a wrong class", 6, 1, 1),
        ("the surest mistake comes first", 12, 3, 4),
        ("when there are fewer than count, all of them", 8, 50, 3),
        ("count cuts the list", 40, 5, 20),
    ):
        p = rng.random((rows, 4)) ** 3
        p /= p.sum(axis=1, keepdims=True)
        answer = p.argmax(axis=1)
        truth = answer.copy()
        truth[:shift] = (answer[:shift] + 1) % 4
        order = rng.permutation(rows)
        p, truth, answer = p[order], truth[order], answer[order]
        want = surest_mistakes(p, truth, count)
        wrong = np.flatnonzero(answer != truth)
        best = p.max(axis=1)
        slips = {
            "the least sure come first": wrong[np.argsort(best[wrong])][:count],
            "they stand in the order of the data": wrong[:count],
            "right answers are among them": np.argsort(-best)[:count],
            "they are ordered by the probability of the true class": wrong[
                np.argsort(p[wrong, truth[wrong]])
            ][:count],
            "positions among the mistakes are returned, not row numbers": np.argsort(-best[wrong])[
                :count
            ],
        }
        arguments = {"p": p, "truth": truth, "count": count}
        mine.expect(text, arguments, want, axes=("place",), slips=slips)


def count_weights(
    layers: list[tuple], shape: tuple[int, int, int], bias: int = 1, window: bool = True
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


@exercise(
    "my_weight_count(layers, shape)",
    "Walk through the layers with the current (H, W, C) in hand: each layer may add weights "
    "and changes the shape that the next one meets.",
    "Convolution: KH KW C F + F weights, and the image becomes (H - KH + 1, W - KW + 1, F). "
    "Pooling: H // P, W // P.",
    "Dense: D U + U weights, where D is H W C for the first and the U before for the next. "
    "After a dense layer you can go on with H, W, C = 1, 1, U.",
)
def weight_count(mine: Attempt) -> None:
    """How many weights, biases included, a network has. layers holds ("conv", F, KH, KW) with
    stride 1 and no padding, ("pool", P) with windows P x P, P apart, and ("dense", U); shape is (H,
    W, C) of the image. Dense layers come last; the first one flattens.
    """
    for text, layers, shape in (
        ("a convolution has KH KW C weights and one bias a filter", [("conv", 4, 3, 2)], (7, 6, 1)),
        ("its filters reach through all channels", [("conv", 4, 3, 3)], (7, 6, 3)),
        ("pooling has none", [("conv", 4, 3, 3), ("pool", 2)], (8, 9, 3)),
        ("a dense layer sees every entry of the image", [("dense", 10)], (5, 4, 3)),
        ("a second one sees the first one's outputs", [("dense", 10), ("dense", 7)], (5, 4, 3)),
        ("an unpadded convolution makes the image smaller",
         [("conv", 4, 3, 2), ("dense", 10)], (7, 9, 1)),
        ("pooling halves it and drops a remainder",
         [("conv", 4, 3, 3), ("pool", 2), ("dense", 10)], (9, 8, 1)),
        ("the whole network of this chapter",
         [("conv", 16, 5, 5), ("pool", 2), ("conv", 32, 5, 5), ("pool", 2),
          ("dense", 128), ("dense", 10)], (28, 28, 1)),
    ):  # fmt: skip
        slips = {
            "the biases are left out": count_weights(layers, shape, bias=0),
            "the image keeps its size in a convolution": count_weights(layers, shape, window=False),
        }
        arguments = {"layers": layers, "shape": shape}
        mine.expect(text, arguments, count_weights(layers, shape), slips=slips, rtol=0)
