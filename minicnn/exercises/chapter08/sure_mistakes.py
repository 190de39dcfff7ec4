"""Chapter 8: find the mistakes a model is surest of."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def right(p: np.ndarray, truth: np.ndarray, count: int) -> np.ndarray:
    """Row numbers of the ``count`` surest mistakes."""
    answer = p.argmax(axis=1)
    wrong = np.flatnonzero(answer != truth)
    return wrong[np.argsort(-p[wrong, answer[wrong]], kind="stable")][:count]


def verify(mine: Attempt) -> None:
    """One mistake, several in order, fewer than asked for."""
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
        want = right(p, truth, count)
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


EXERCISE = Exercise(
    name="sure_mistakes",
    chapter=8,
    signature="my_sure_mistakes(p, truth, count)",
    task="The row numbers of the count mistakes with the highest probability, the surest first. "
    "p is (N, classes), truth is (N,).",
    hints=(
        "The answer of row n is p[n].argmax(). Which rows have an answer that is not the truth? "
        "np.flatnonzero turns a comparison into row numbers.",
        "How sure the model was of its answer is p.max(axis=1). Sort the wrong rows by it, the "
        "largest first: np.argsort sorts upwards, so sort the negative.",
        "wrong[np.argsort(-p.max(axis=1)[wrong])][:count]",
    ),
    verify=verify,
)
