"""Chapter 5: cross-entropy from logits."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def verify(mine: Attempt) -> None:
    """The number at the start of training, then rows, then logits that end in NaN elsewhere."""
    rows = np.array([[1.0, 2, 3], [2, 0, -1], [0, 0, 5], [0, 4, 0]])
    for text, z, labels in (
        ("ten equal logits cost ln 10 = 2.302585", np.zeros((1, 10)), [3]),
        ("a row costs -ln of the probability at its label", rows[:1], [1]),
        ("a batch costs the mean of its rows", rows, [2, 0, 1, 1]),
        ("a right answer that is certain costs nearly nothing", np.array([[50.0, 0, 0]]), [0]),
        ("a wrong answer that is certain costs its distance, not infinity",
         np.array([[1000.0, 0, 0]]), [1]),
        ("logits of -1000 do not end in NaN", np.array([[-1000.0, -1001, -1003]]), [2]),
    ):  # fmt: skip
        y = np.array(labels)
        shifted = z - z.max(axis=1, keepdims=True)  # (N, K)
        p = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        chosen = shifted[np.arange(len(y)), y]
        losses = np.log(np.exp(shifted).sum(axis=1)) - chosen  # (N,)
        with np.errstate(all="ignore"):
            slips = {
                "the logarithm meets a probability that is 0": -np.log(
                    p[np.arange(len(y)), y]
                ).mean(),
                "exp overflows or underflows: subtract each row's maximum first": (
                    np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]
                ).mean(),
                "the losses are summed, not averaged": losses.sum(),
                "the sign is wrong": -losses.mean(),
                "the logarithm is of base 2": losses.mean() / np.log(2),
                "the logarithm is of base 10": losses.mean() / np.log(10),
                "the likeliest class is taken in place of the label": (losses + chosen).mean(),
                "no logarithm is taken": 1 - p[np.arange(len(y)), y].mean(),
                "every row is asked for all labels; z[np.arange(N), labels] takes one a row": (
                    -np.log(p[:, y]).mean()
                ),
                "all classes are summed, not the label's alone": -np.log(p).sum(axis=1).mean(),
            }
        mine.expect(text, {"z": z, "labels": y}, float(losses.mean()), slips=slips)


EXERCISE = Exercise(
    name="crossentropy",
    chapter=5,
    signature="my_crossentropy(z, labels)",
    task="The mean loss, one number, of logits z (N, K) and the right classes labels (N,).",
    hints=(
        "The loss of a row is -ln p[label]. Write ln of softmax out before you program it: a "
        "logarithm of a quotient is a difference.",
        "-ln p[label] = ln(sum(exp(z))) - z[label]. Subtract the row's maximum from z first, as in "
        "softmax; no probability that has become 0 is met then.",
        "z[np.arange(len(z)), labels] picks one entry a row.",
    ),
    verify=verify,
)
