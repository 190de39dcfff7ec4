"""The objects of an HDF5 file: the messages that each consists of, and the links of groups.

A group or an array is a header of messages: its links, its shape, its type, where its entries lie.
The older form of headers and links is what Keras writes. The newer one has checksums; minicnn
writes it. A group keeps its links in one of three ways: in a table sorted by name (the older form),
as messages of its own, or, more than eight of them, in a heap.
Source: The HDF Group, "HDF5 File Format Specification Version 3.0", II, III and IV.A.
"""

import itertools
import re
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from minicnn.saving.hdf5.blocks import UNDEFINED, Blocks, Cursor, HDF5Error, begun, check


class Kind(IntEnum):
    """The messages that are looked at, by their numbers in the format."""

    DATASPACE = 0x01
    LINK_INFO = 0x02
    DATATYPE = 0x03
    LINK = 0x06
    EXTERNAL_FILES = 0x07
    LAYOUT = 0x08
    GROUP_INFO = 0x0A
    FILTERS = 0x0B
    ATTRIBUTE = 0x0C
    CONTINUATION = 0x10
    SYMBOL_TABLE = 0x11
    ATTRIBUTE_INFO = 0x15


#: what an HDF5 file begins with
SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: for error messages: what to do with a file that uses more of the format than is read
AGAIN = "save it again with Keras, or with the default options of h5py"

_SHARED = 0x02  # flag of a message that stands elsewhere, a pointer in its place
_LINK_KINDS = {1: "SoftLink", 64: "ExternalLink"}
_PLAIN_LINKS, _SOFT_LINK = (0, 1), 2  # how the table of an older group marks them
_MAX_TREE_DEPTH = 16
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,255}")


class Message(NamedTuple):
    """One message of an object."""

    kind: int
    flags: int
    content: bytes


class HDF5Object:
    """A group, an array or something else: its address and its messages."""

    def __init__(self, blocks: Blocks, address: int) -> None:
        self.blocks, self.address = blocks, address
        self._messages = _messages(blocks, address)

    def has(self, *kinds: Kind) -> bool:
        """Whether there is a message of one of these kinds."""
        return any(message.kind in kinds for message in self._messages)

    def all(self, kind: Kind) -> list[Cursor]:
        """The messages of a kind."""
        found = [message for message in self._messages if message.kind == kind]
        if any(message.flags & _SHARED for message in found):
            raise HDF5Error("it has messages that several objects share")
        return [Cursor(message.content) for message in found]

    def one(self, kind: Kind) -> Cursor:
        """The message of a kind, of which there must be one."""
        found = self.all(kind)
        if len(found) != 1:
            raise HDF5Error(f"an object has {len(found)} messages of kind {kind.name}, not one")
        return found[0]

    def is_group(self) -> bool:
        """Whether it holds others."""
        return self.has(Kind.SYMBOL_TABLE, Kind.LINK_INFO, Kind.LINK, Kind.GROUP_INFO)

    def links(self) -> dict[str, int]:
        """name -> address of each object in a group.

        Raises:
            HDF5Error: a link that is not the object itself but a path to it or to another file; a
                name that no layer can have, or that stands there twice.
        """
        found: dict[str, int] = {}
        for name, address in self._links():
            if not _NAME.fullmatch(name):
                raise HDF5Error(f"the impossible name {name[:80]!a}")
            if name in found:
                raise HDF5Error(f"the name {name} twice")
            found[name] = address
        return found

    def _links(self) -> Iterator[tuple[str, int]]:
        for table in self.all(Kind.SYMBOL_TABLE):
            yield from _in_table(self.blocks, table.number(8), table.number(8))
        for message in self.all(Kind.LINK):
            message.only(1, 1)
            yield _link(message)
        for info in self.all(Kind.LINK_INFO):
            info.only(1, 0)
            info.take(8 if info.number(1) & 0x01 else 0)  # a count, if their order is kept
            heap = info.number(8)
            if heap != UNDEFINED:
                yield from _in_heap(self.blocks, heap)


def root(blocks: Blocks) -> HDF5Object:
    """The group that holds all else.

    Raises:
        HDF5Error: the file has another version, or is shorter than it says.
    """
    start = Cursor(blocks.read(0, 12))
    start.take(8)  # the signature, at which whoever opened the file has looked
    version = start.number(1)
    if version not in (0, 2, 3):
        raise HDF5Error(f"version {version} of the format is not read; {AGAIN}")
    older = version == 0
    block = Cursor(blocks.read(8, 88)) if older else blocks.checked(0, 48, SIGNATURE)
    block.take(5 if older else 1)
    block.only(1, 8)  # bytes of an address
    block.only(1, 8)  # bytes of a length
    block.take(9 if older else 1)
    base, _, end, *_, address = (block.number(8) for _ in range(6 if older else 4))
    if base != 0:
        raise HDF5Error("its addresses do not count from its beginning")
    if end > blocks.size:
        raise HDF5Error(f"it has {blocks.size:,} bytes of {end:,}: it was cut off")
    return HDF5Object(blocks, address)


# -- messages -----------------------------------------------------------------------------------


def _messages(blocks: Blocks, address: int) -> list[Message]:
    """The messages of an object: in its header, and in the blocks in which that goes on."""
    newer = blocks.read(address, 4) == b"OHDR"
    block, count, gap = (_newer_header if newer else _older_header)(blocks, address)
    kind_size = 1 if newer else 2
    found: list[Message] = []
    pending: list[tuple[int, int]] = []
    while True:
        while block.left >= kind_size + 3 + gap:
            kind, size, flags = block.number(kind_size), block.number(2), block.number(1)
            block.take(gap)
            found.append(Message(kind, flags, block.take(size)))
            if kind == Kind.CONTINUATION:
                place = Cursor(found[-1].content)
                pending.append((place.number(8), place.number(8)))
        if not pending or (count is not None and len(found) > count):
            break
        at, size = pending.pop(0)
        block = blocks.checked(at, size, b"OCHK") if newer else Cursor(blocks.read(at, size))
    if count not in (None, len(found)):
        raise HDF5Error(f"an object has not the {count} messages that it claims to have")
    return found


def _older_header(blocks: Blocks, address: int) -> tuple[Cursor, int | None, int]:
    """(first messages, number of all, unused bytes in each); there are no checksums."""
    start = Cursor(blocks.read(address, 16))
    start.only(1, 1)
    start.take(1)
    count = start.number(2)
    start.take(4)
    return Cursor(blocks.read(address + 16, start.number(4))), count, 3


def _newer_header(blocks: Blocks, address: int) -> tuple[Cursor, int | None, int]:
    """The same; the number is not known, and there may be bytes that say when it was made."""
    start = Cursor(blocks.read(address, min(34, max(blocks.size - address, 0))))
    start.take(4)
    start.only(1, 2)
    flags = start.number(1)
    before = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    start.take(before - 6)
    width = 1 << (flags & 3)
    block = blocks.checked(address, before + width + start.number(width) + 4, b"OHDR")
    block.take(before + width - 4)
    return block, None, 2 if flags & 0x04 else 0


# -- links --------------------------------------------------------------------------------------


def _in_table(blocks: Blocks, tree: int, heap: int) -> Iterator[tuple[str, int]]:
    """The links of an older group: a tree of nodes, and its names, each with a zero behind it."""
    start = begun(blocks.read(heap, 32), b"HEAP")
    start.only(1, 0)
    start.take(3)
    size, _, content = (start.number(8) for _ in range(3))
    names = blocks.read(content, size)
    for address in _nodes(blocks, tree):
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
            if kind not in _PLAIN_LINKS:
                what = "SoftLink" if kind == _SOFT_LINK else f"link of kind {kind}"
                raise HDF5Error(f"{_text(names[at:end])[:80]!a} is a {what}")
            yield _text(names[at:end]), child


def _nodes(blocks: Blocks, address: int, depth: int | None = None) -> Iterator[int]:
    """Addresses of the leaves of a tree (B-tree, version 1) from left to right."""
    start = begun(blocks.read(address, 24), b"TREE")
    start.only(1, 0)  # a tree of names
    level, count = start.number(1), start.number(2)
    if level > _MAX_TREE_DEPTH or depth not in (None, level):
        raise HDF5Error(f"a tree has a node of level {level} where it cannot be")
    entries = Cursor(blocks.read(address + 24, 16 * count))
    for _ in range(count):
        entries.take(8)  # the first name below
        child = entries.number(8)
        if level:
            yield from _nodes(blocks, child, level - 1)
        else:
            yield child


def _link(message: Cursor) -> tuple[str, int]:
    """A link as a message, behind its version."""
    flags = message.number(1)
    kind = message.number(1) if flags & 0x08 else 0
    message.take(8 if flags & 0x04 else 0)
    message.take(1 if flags & 0x10 else 0)
    name = _text(message.take(message.number(1 << (flags & 3))))
    if kind != 0:
        raise HDF5Error(f"{name[:80]!a} is a {_LINK_KINDS.get(kind, f'link of kind {kind}')}")
    return name, message.number(8)


def _in_heap(blocks: Blocks, address: int) -> Iterator[tuple[str, int]]:
    """The links in a heap (a "fractal heap"), block by block.

    Beside it the file has a tree that finds one link by its name. All are wanted here, and they lie
    one behind the other: the tree is not needed.
    """
    header = blocks.checked(address, 146, b"FRHP")
    header.only(1, 0)
    header.take(2)
    header.only(2, 0)  # bytes about filters: heaps are not compressed
    summed = bool(header.number(1) & 0x02)  # blocks have checksums
    header.take(4)
    count = [header.number(8) for _ in range(12)][7]
    width, first, largest, bits = (header.number(n) for n in (2, 8, 8, 2))
    header.take(2)
    top, rows = header.number(8), header.number(2)
    if not 0 < first <= largest <= 1 << 24 or not 0 < width <= 64:
        raise HDF5Error("a heap has blocks of impossible sizes")
    offset_size = (bits + 7) // 8
    places = [(0, first, top)]  # offset in the heap, size, address of each block
    if rows:  # of blocks: two rows of the first size, then each row twice as large
        sizes = [first << max(row - 1, 0) for row in range(min(rows, 40)) for _ in range(width)]
        if sizes[-1] > largest:
            raise HDF5Error("a heap is larger than the links of any model")
        table = blocks.checked(top, 17 + offset_size + 8 * len(sizes), b"FHIB")
        table.only(1, 0)
        table.only(8, address)
        table.only(offset_size, 0)
        starts = itertools.accumulate(sizes, initial=0)
        places = [(start, size, table.number(8)) for start, size in zip(starts, sizes)]  # noqa: B905
    found = 0
    for offset, size, place in places:
        if place == UNDEFINED:
            continue
        content = blocks.read(place, size)
        block = begun(content, b"FHDB")
        block.only(1, 0)
        block.only(8, address)
        block.only(offset_size, offset)
        if summed:
            blocks.spend(3 * size)
            at = 13 + offset_size  # the sum is of the block with zeros in its place
            check(content[:at] + bytes(4) + content[at + 4 :], block.take(4))
        while block.left and block.number(1) == 1:  # the version of a link; zeros follow the last
            found += 1
            yield _link(block)
    if found != count:
        raise HDF5Error(f"{found} of the {count} links of a group were found")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
