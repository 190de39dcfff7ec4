"""Chapter 12: how many blocks to launch."""

from minicnn.exercises.attempt import Attempt
from minicnn.exercises.exercise import Exercise


def verify(mine: Attempt) -> None:
    """Sizes that fit and sizes that do not."""
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
        mine.expect(
            text, {"size": size, "threads": threads}, (blocks, idle),
            names=("blocks", "idle"), slips=slips, rtol=0,
        )  # fmt: skip


EXERCISE = Exercise(
    name="grid",
    chapter=12,
    signature="my_grid(size, threads)",
    task="(blocks, idle): how many blocks of so many threads are needed for size entries, one "
    "thread each, and how many threads then have nothing to do.",
    hints=(
        "The last block may be half empty, but no entry may be without a thread: round up.",
        "Rounding up in whole numbers: (size + threads - 1) // threads.",
        "idle is all threads, blocks * threads, less the size",
    ),
    verify=verify,
)
