"""The links of a group: names, and the addresses of the objects that they stand for.

A group keeps them in one of three ways: in a table sorted by name (what Keras's files have), as
messages of its own, or, more than eight of them, in a heap.
Source: The HDF Group, "HDF5 File Format Specification Version 3.0", III.B to D and IV.A.2.
"""

from collections.abc import Iterator

from minicnn.saving.hdf5 import btree, heap
from minicnn.saving.hdf5.blocks import Blocks, Cursor, HDF5Error, begun
from minicnn.saving.hdf5.objects import HDF5Object, Kind

_LINK_KINDS = {1: "SoftLink", 64: "ExternalLink"}
_PLAIN_LINKS, _SOFT_LINK = (0, 1), 2  # how the table of an older group marks them


def is_group(item: HDF5Object) -> bool:
    """Whether an object holds others."""
    return item.has(Kind.SYMBOL_TABLE, Kind.LINK_INFO, Kind.LINK, Kind.GROUP_INFO)


def links(group: HDF5Object) -> Iterator[tuple[str, int]]:
    """(name, address) of each object in a group.

    Raises:
        HDF5Error: a link that is not the object itself but a path to it or to another file.
    """
    for table in group.all(Kind.SYMBOL_TABLE):
        yield from _in_table(group.blocks, table.number(8), table.number(8))
    for message in group.all(Kind.LINK):
        yield _link(message)
    for info in group.all(Kind.LINK_INFO):
        info.only(1, 0)
        info.take(8 if info.number(1) & 0x01 else 0)  # a count, if their order is kept
        place, tree = info.number(8), info.number(8)
        for piece in heap.pieces(group.blocks, place, tree, heap.LINKS_BY_NAME):
            yield _link(Cursor(piece))


def _link(message: Cursor) -> tuple[str, int]:
    message.only(1, 1)
    flags = message.number(1)
    kind = message.number(1) if flags & 0x08 else 0
    message.take(8 if flags & 0x04 else 0)
    message.take(1 if flags & 0x10 else 0)
    name = _text(message.take(message.number(1 << (flags & 3))))
    if kind != 0:
        raise HDF5Error(f"{name[:80]!a} is a {_LINK_KINDS.get(kind, f'link of kind {kind}')}")
    return name, message.number(8)


def _in_table(blocks: Blocks, tree: int, heap_address: int) -> Iterator[tuple[str, int]]:
    names = _names(blocks, heap_address)
    for _, address in btree.leaves(blocks, tree, btree.NAMES, key_size=8):
        start = begun(blocks.read(address, 8), b"SNOD")
        start.only(1, 1)
        start.take(1)
        count = start.number(2)
        entries = Cursor(blocks.read(address + 8, 40 * count))
        for _ in range(count):
            at, child, kind = entries.number(8), entries.number(8), entries.number(4)
            entries.take(20)
            end = names.find(b"\0", at)
            if end < 0:
                raise HDF5Error("a link's name is outside the names of its group")
            name = _text(names[at:end])
            if kind == _SOFT_LINK:
                raise HDF5Error(f"{name[:80]!a} is a SoftLink")
            if kind not in _PLAIN_LINKS:
                raise HDF5Error(f"{name[:80]!a} is a link of kind {kind}")
            yield name, child


def _names(blocks: Blocks, address: int) -> bytes:
    """The names of a group, each with a zero byte behind it."""
    heap_start = begun(blocks.read(address, 32), b"HEAP")
    heap_start.only(1, 0)
    heap_start.take(3)
    size, _, content = (heap_start.number(8) for _ in range(3))
    return blocks.read(content, size)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
