"""Chapter 12: add up as a block of threads does."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def right(values: np.ndarray) -> np.ndarray:
    """The shared memory after every round, (rounds, size)."""
    s, rounds = values.copy(), []
    d = len(s) // 2
    while d:
        s[:d] += s[d : 2 * d]
        rounds.append(s.copy())
        d //= 2
    return np.array(rounds).reshape(-1, len(values))


def _neighbours(values: np.ndarray) -> np.ndarray:
    """The other tree: neighbours first."""
    s, rounds, d = values.copy(), [], 1
    while d < len(s):
        s[:: 2 * d] += s[d :: 2 * d]
        rounds.append(s.copy())
        d *= 2
    return np.array(rounds).reshape(-1, len(values))


def verify(mine: Attempt) -> None:
    """Two, four and sixteen threads; a sum in which the order of adding can be seen."""
    rng = np.random.default_rng(12)
    for text, values in (
        ("two threads: one round, the first adds the second", np.array([1.0, 2.0])),
        ("four threads: two rounds; the first half takes in the second", np.arange(1.0, 5.0)),
        ("sixteen threads: four rounds", rng.normal(size=16)),
        ("the order of adding is the tree's", np.array([1e17, 1.0, -1e17, 1.0])),
    ):
        want = right(values)
        total = np.add.accumulate(values)[-1]
        plain = want.copy()
        plain[:, 0] = total
        slips = {
            "neighbours are added first": _neighbours(values),
            "only the last round is returned": want[-1:],
            "only the total is returned": want[-1, 0],
            "the entries that were added are set to 0": np.where(
                np.arange(len(values)) < (len(values) >> np.arange(1, len(want) + 1))[:, None],
                want,
                0.0,
            ),
        }
        mine.expect(text, {"values": values}, want, axes=("round", "thread"), slips=slips)


EXERCISE = Exercise(
    name="tree_sum",
    chapter=12,
    signature="my_tree_sum(values)",
    task="The shared memory after every round of a tree reduction, (rounds, size): in each round "
    "thread i < d adds entry i + d to entry i, for d = size / 2, size / 4, ... 1. size is a power "
    "of two.",
    hints=(
        "Copy the values, then loop while d > 0, halving d with d //= 2. After each round keep a "
        "copy of the whole array.",
        "All threads of a round at once are one line of NumPy: the first d entries += the next d.",
        "s[:d] += s[d : 2 * d]; at the end np.array(rounds)",
    ),
    verify=verify,
)
