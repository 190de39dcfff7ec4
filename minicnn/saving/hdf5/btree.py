"""The older tree of HDF5, version 1: of the names in a group, and of the chunks of an array.

Source: The HDF Group, "HDF5 File Format Specification Version 3.0", III.A.1.
"""

from collections.abc import Iterator

from minicnn.saving.hdf5.blocks import Blocks, Cursor, HDF5Error, begun

NAMES, CHUNKS = 0, 1  # kinds of trees
_MAX_DEPTH = 16


def leaves(
    blocks: Blocks, address: int, kind: int, key_size: int, depth: int | None = None
) -> Iterator[tuple[bytes, int]]:
    """(key, address of what it stands for) of every leaf of a tree, from left to right.

    Args:
        blocks: the file.
        address: of the tree's first node.
        kind: NAMES or CHUNKS.
        key_size: bytes of a key.
        depth: of the tree below this node, if that is known.
    """
    start = begun(blocks.read(address, 24), b"TREE")
    start.only(1, kind)
    level, count = start.number(1), start.number(2)
    if level > _MAX_DEPTH or depth not in (None, level):
        raise HDF5Error(f"a tree has a node of level {level} where it cannot be")
    entries = Cursor(blocks.read(address + 24, count * (key_size + 8)))
    for _ in range(count):
        key, child = entries.take(key_size), entries.number(8)
        if level:
            yield from leaves(blocks, child, kind, key_size, level - 1)
        else:
            yield key, child
