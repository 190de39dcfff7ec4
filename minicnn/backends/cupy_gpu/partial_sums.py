"""Sums over vectors of any length, without atomics: each block adds up its share, then one block
adds the parts, always in the same order. How many blocks there are depends on the length alone.
"""

from functools import cache

from minicnn.backends.cupy_gpu.memory import empty
from minicnn.backends.spec import Array

#: threads of a block
BLOCK = 256
#: blocks at most: enough to fill a GPU
PARTS = 1024
#: entries that a thread takes at least
ENTRIES = 8


def blocks_for(size: int) -> int:
    """Blocks that share ``size`` entries; one if there are none, so that the parts are written."""
    return min(PARTS, max(1, -(-size // (BLOCK * ENTRIES))))


@cache
def parts() -> Array:
    """Room for two parts a block, (2 PARTS,) float64: kernels that use it run one after another."""
    return empty((2 * PARTS,), "float64")


@cache
def total() -> Array:
    """Room for one sum, (1,) float64."""
    return empty((1,), "float64")
