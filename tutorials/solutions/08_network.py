"""Solutions to the exercises of chapter 8."""

import numpy as np


def my_confusion(truth, answer, classes):
    """One more for each pair."""
    counts = np.zeros((classes, classes), np.int64)  # (true class, predicted class)
    for t, a in zip(truth, answer, strict=True):
        counts[t, a] += 1
    return counts


def my_sure_mistakes(p, truth, count):
    """The wrong rows, sorted by the probability of their answer."""
    wrong = np.flatnonzero(p.argmax(axis=1) != truth)
    return wrong[np.argsort(-p.max(axis=1)[wrong])][:count]


def my_weight_count(layers, shape):
    """Walk through the layers with the shape in hand."""
    H, W, C = shape
    total = 0
    for kind, *numbers in layers:
        if kind == "conv":
            F, KH, KW = numbers
            total += KH * KW * C * F + F
            H, W, C = H - KH + 1, W - KW + 1, F
        elif kind == "pool":
            (P,) = numbers
            H, W = H // P, W // P
        else:
            (U,) = numbers
            total += H * W * C * U + U
            H, W, C = 1, 1, U
    return total
