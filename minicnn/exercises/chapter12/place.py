"""Chapter 12: from a thread's number to its place in the array."""

import numpy as np

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def verify(mine: Attempt) -> None:
    """The first, neighbours, the last, and blocks in between."""
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
        mine.expect(
            text, {"block": block, "thread": thread, "threads": threads, "shape": shape}, want,
            names=("n", "h", "w", "c"), slips=slips, rtol=0,
        )  # fmt: skip


EXERCISE = Exercise(
    name="place",
    chapter=12,
    signature="my_place(block, thread, threads, shape)",
    task="(n, h, w, c) of the entry that belongs to this thread of this block, with so many "
    "threads a block, in an array of shape (N, H, W, C) laid out row by row, channels last.",
    hints=(
        "First the thread's number among all threads: how many came before its block?",
        "Take it apart from the last axis on: c = i % C, and i // C numbers the pixels.",
        "i, c = divmod(i, C); i, w = divmod(i, W); n, h = divmod(i, H)",
    ),
    verify=verify,
)
