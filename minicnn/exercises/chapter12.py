"""Exercises of chapter 12: to the GPU."""

import numpy as np

from minicnn.exercises.exercise import Attempt, exercise


@exercise(
    "my_grid(size, threads)",
    "The last block may be half empty, but no entry may be without a thread: round up.",
    "Rounding up in whole numbers: (size + threads - 1) // threads.",
    "idle is all threads, blocks * threads, less the size",
)
def grid(mine: Attempt) -> None:
    """(blocks, idle): how many blocks of so many threads are needed for size entries, one thread
    each, and how many threads then have nothing to do.
    """
    for text, size, threads in (
        ("a size that fills its blocks", 1024, 256),
        ("one entry more needs one block more", 1025, 256),
        ("a single entry needs a block", 1, 256),
        ("no entry needs no block", 0, 256),
        ("blocks of any size", 1000, 96),
    ):
        blocks = -(-size // threads)
        idle = blocks * threads - size
        down = size // threads
        slips = {
            "the number of blocks is rounded down": (down, size - down * threads),
            "there is always one block more": (down + 1, (down + 1) * threads - size),
            "the busy threads of the last block are counted, not the idle ones": (
                blocks, size % threads,
            ),
            "all threads are counted": (blocks, blocks * threads),
            "the two are exchanged": (idle, blocks),
        }  # fmt: skip
        arguments = {"size": size, "threads": threads}
        mine.expect(text, arguments, (blocks, idle), names=("blocks", "idle"), slips=slips, rtol=0)


@exercise(
    "my_place(block, thread, threads, shape)",
    "First the thread's number among all threads: how many came before its block?",
    "Take it apart from the last axis on: c = i % C, and i // C numbers the pixels.",
    "i, c = divmod(i, C); i, w = divmod(i, W); n, h = divmod(i, H)",
)
def place(mine: Attempt) -> None:
    """(n, h, w, c) of the entry that belongs to this thread of this block, with so many threads a
    block, in an array of shape (N, H, W, C) laid out row by row, channels last.
    """
    shape = (2, 3, 4, 5)  # (N, H, W, C)
    for text, block, thread in (
        ("the very first thread owns [0, 0, 0, 0]", 0, 0),
        ("its neighbour owns the next channel", 0, 1),
        ("behind the last channel comes the next column", 0, 5),
        ("behind the last column comes the next row", 0, 20),
        ("a block's threads come behind all those of the blocks before", 3, 7),
        ("behind the last row comes the next image", 3, 12),
        ("the last entry", 7, 7),
    ):
        threads = 16
        i = block * threads + thread
        want = tuple(int(k) for k in np.unravel_index(i, shape))
        n, h, w, c = want
        slips = {
            "the block is left out": tuple(int(k) for k in np.unravel_index(thread, shape)),
            "the parts come in reverse order, or the numbers run through the images first and the "
            "channels last": tuple(int(k) for k in np.unravel_index(i, shape, order="F")),
            "block and thread change their parts": tuple(
                int(k) for k in np.unravel_index((thread * 8 + block) % 120, shape)
            ),
            "rows and columns are exchanged": (n, w, h, c),
        }
        arguments = {"block": block, "thread": thread, "threads": threads, "shape": shape}
        mine.expect(text, arguments, want, names=("n", "h", "w", "c"), slips=slips, rtol=0)


def tree_rounds(values: np.ndarray) -> np.ndarray:
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


@exercise(
    "my_tree_sum(values)",
    "Copy the values, then loop while d > 0, halving d with d //= 2. After each round keep a "
    "copy of the whole array.",
    "All threads of a round at once are one line of NumPy: the first d entries += the next d.",
    "s[:d] += s[d : 2 * d]; at the end np.array(rounds)",
)
def tree_sum(mine: Attempt) -> None:
    """The shared memory after every round of a tree reduction, (rounds, size): in each round thread
    i < d adds entry i + d to entry i, for d = size / 2, size / 4, ... 1. size is a power of two.
    """
    rng = np.random.default_rng(12)
    for text, values in (
        ("two threads: one round, the first adds the second", np.array([1.0, 2.0])),
        ("four threads: two rounds; the first half takes in the second", np.arange(1.0, 5.0)),
        ("sixteen threads: four rounds", rng.normal(size=16)),
        ("the order of adding is the tree's", np.array([1e17, 1.0, -1e17, 1.0])),
    ):
        want = tree_rounds(values)
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
