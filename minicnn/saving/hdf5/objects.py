"""The objects of an HDF5 file: where the first one is, and the messages that each consists of.

A group or an array is a header of messages: its links, its shape, its type, where its entries lie.
Source: The HDF Group, "HDF5 File Format Specification Version 3.0", II and IV.A.
"""

from enum import IntEnum
from typing import NamedTuple

from minicnn.saving.hdf5.blocks import Blocks, Cursor, HDF5Error


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


_SHARED = 0x02  # flag of a message that stands elsewhere, a pointer in its place


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


def root(blocks: Blocks) -> HDF5Object:
    """The group that holds all else.

    Raises:
        HDF5Error: the file has another version, or is shorter than it says.
    """
    start = Cursor(blocks.read(0, 12))
    start.take(8)  # the signature, at which whoever opened the file has looked
    version = start.only(1, 0, 1, 2, 3)
    if version < 2:
        block = Cursor(blocks.read(0, (96, 100)[version]))
        block.take(13)
        block.only(1, 8)  # bytes of an address
        block.only(1, 8)  # bytes of a length
        block.take((9, 13)[version])
        base, _, end, _, _, address = (block.number(8) for _ in range(6))
    else:
        block = blocks.checked(0, 48, b"\x89HDF\r\n\x1a\n")
        block.take(1)
        block.only(1, 8)
        block.only(1, 8)
        block.take(1)
        base, _, end, address = (block.number(8) for _ in range(4))
    if base != 0:
        raise HDF5Error("its addresses do not count from its beginning")
    if end > blocks.size:
        raise HDF5Error(f"it has {blocks.size:,} bytes of {end:,}: it was cut off")
    return HDF5Object(blocks, address)


def _messages(blocks: Blocks, address: int) -> list[Message]:
    if blocks.read(address, 4) == b"OHDR":
        return _messages_2(blocks, address)
    return _messages_1(blocks, address)


def _messages_1(blocks: Blocks, address: int) -> list[Message]:
    """Version 1 of the header: no signature and no checksum."""
    start = Cursor(blocks.read(address, 16))
    start.only(1, 1)
    start.take(1)
    count = start.number(2)
    start.take(4)
    pending = [(address + 16, start.number(4))]
    found = []
    while pending:
        block = Cursor(blocks.read(*pending.pop(0)))
        while block.left >= 8:
            kind, size, flags = block.number(2), block.number(2), block.number(1)
            block.take(3)
            found.append(Message(kind, flags, block.take(size)))
            if kind == Kind.CONTINUATION:
                pending.append(_continued(found[-1]))
        if len(found) > count:
            break
    if len(found) != count:
        raise HDF5Error(f"an object has not the {count} messages that it claims to have")
    return found


def _messages_2(blocks: Blocks, address: int) -> list[Message]:
    """Version 2 of the header: signatures and checksums."""
    start = Cursor(blocks.read(address, min(34, max(blocks.size - address, 0))))
    start.take(4)
    start.only(1, 2)
    flags = start.number(1)
    before = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    start.take(before - 6)
    width = 1 << (flags & 3)
    size = start.number(width)
    block = blocks.checked(address, before + width + size + 4, b"OHDR")
    block.take(before + width - 4)
    ordered = bool(flags & 0x04)
    found: list[Message] = []
    pending: list[tuple[int, int]] = []
    while True:
        while block.left >= 4 + 2 * ordered:
            kind, size, message_flags = block.number(1), block.number(2), block.number(1)
            block.take(2 * ordered)  # when it was made
            found.append(Message(kind, message_flags, block.take(size)))
            if kind == Kind.CONTINUATION:
                pending.append(_continued(found[-1]))
        if not pending:
            return found
        block = blocks.checked(*pending.pop(0), b"OCHK")


def _continued(message: Message) -> tuple[int, int]:
    """(address, size) of the block in which the messages go on."""
    content = Cursor(message.content)
    return content.number(8), content.number(8)
