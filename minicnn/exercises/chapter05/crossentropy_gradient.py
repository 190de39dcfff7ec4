"""Chapter 5: p minus one."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise

AXES = ("n", "k")


def verify(mine: Attempt) -> None:
    """One row, a batch, large logits."""
    for text, z, labels in (
        ("one row: p, less 1 at the label", np.array([[0.0, 1, 2]]), [1]),
        ("the label of each row counts for this row", np.array([[0.0, 1, 2], [3, 1, 0]]), [2, 0]),
        ("the loss is a mean: the gradient is divided by N", np.eye(4, 3) * 2, [0, 1, 1, 2]),
        ("logits of 1000 do not overflow", np.array([[1000.0, 0, -1000], [0, 0, 0]]), [1, 2]),
    ):
        y = np.array(labels)
        N, K = z.shape
        e = np.exp(z - z.max(axis=1, keepdims=True))  # (N, K)
        p = e / e.sum(axis=1, keepdims=True)
        one_hot = np.eye(K)[y]
        want = (p - one_hot) / N
        with np.errstate(all="ignore"):
            plain = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        mine.expect(
            text,
            {"z": z, "labels": y},
            want,
            axes=AXES,
            slips={
                "it is not divided by N": p - one_hot,
                "the sign is wrong": -want,
                "it is divided by K, not by N": (p - one_hot) / K,
                "it is divided by N K": want / K,
                "the 1 is not subtracted": p / N,
                "it is subtracted from z, not from p": (z - one_hot) / N,
                "only the label's entry has a gradient": want * one_hot,
                "exp overflows: subtract each row's maximum first": (plain - one_hot) / N,
                "every row takes all labels": (p - np.isin(np.arange(K), y)) / N,
            },
        )


EXERCISE = Exercise(
    name="crossentropy_gradient",
    chapter=5,
    signature="my_crossentropy_gradient(z, labels)",
    task="The gradient dz (N, K) of the mean cross-entropy, from logits (N, K) and labels (N,).",
    hints=(
        "The gradient of ln(sum(exp(z))) is softmax(z). What is the gradient of -z[label]?",
        "dz = p; then subtract 1 at each row's label: dz[np.arange(N), labels] -= 1. The loss is a "
        "mean over N rows.",
    ),
    verify=verify,
)
