"""The blocks of an HDF5 file: bytes at an address, read under bounds, and their checksum.

An HDF5 file is a web of small blocks that point at one another by address. In a file that means
harm the pointers lead anywhere: beyond the end, in circles, a million times to the same place. So
every read has a price, and a file has an allowance that no honest one uses up.
"""

import os
import struct
from typing import BinaryIO

#: address of what is not there
UNDEFINED = 0xFFFF_FFFF_FFFF_FFFF

#: what may be spent on one file: about a second. A model of 2000 layers takes half of it.
_ALLOWANCE = 16_000_000
#: price of a read, and of a byte whose checksum is computed; of any other byte it is 1
_READ_PRICE, _CHECKSUM_PRICE = 100, 4


class HDF5Error(ValueError):
    """The file is damaged, or uses a part of HDF5 that weights have no need of."""


class Blocks:
    """An open HDF5 file as blocks at addresses."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)
        self._left = _ALLOWANCE

    def spend(self, price: int) -> None:
        """Pay for some work.

        Raises:
            HDF5Error: the allowance of the file is used up.
        """
        self._left -= price
        if self._left < 0:
            raise HDF5Error("it has more groups or arrays than any model, or a circle")

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes of the structure of the file."""
        self.spend(_READ_PRICE + size)
        return self.data(address, size)

    def data(self, address: int, size: int) -> bytes:
        """``size`` bytes of an array, at no price: what arrays take is bounded elsewhere."""
        if address + size > self.size:
            raise HDF5Error(f"address {address:#x} and {size:,} bytes lead beyond the end")
        self._file.seek(address)
        content = self._file.read(size)
        if len(content) != size:
            raise HDF5Error("the file became shorter while it was read")
        return content

    def checked(self, address: int, size: int, signature: bytes) -> "Cursor":
        """A block that begins with ``signature`` and ends with its checksum; without both."""
        self.spend(_READ_PRICE + _CHECKSUM_PRICE * size)
        content = self.data(address, size)
        check(content[:-4], content[-4:])
        return begun(content[:-4], signature)


class Cursor:
    """Takes the fields of a block one after the other."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    @property
    def left(self) -> int:
        """Number of bytes not yet taken."""
        return len(self._content) - self._at

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        if size > self.left:
            raise HDF5Error(f"a block of {len(self._content)} bytes is too short")
        self._at += size
        return self._content[self._at - size : self._at]

    def number(self, size: int) -> int:
        """The next ``size`` bytes as an unsigned integer, little-endian."""
        return int.from_bytes(self.take(size), "little")

    def only(self, size: int, *values: int) -> int:
        """A number that must be one of ``values``."""
        number = self.number(size)
        if number not in values:
            wanted = " or ".join(map(str, values))
            raise HDF5Error(f"a field is {number} where it must be {wanted}")
        return number


def begun(content: bytes, signature: bytes) -> Cursor:
    """A cursor behind ``signature``, with which the block must begin."""
    if not content.startswith(signature):
        raise HDF5Error(f"a block begins with {content[:4]!r} instead of {signature!r}")
    cursor = Cursor(content)
    cursor.take(len(signature))
    return cursor


def check(content: bytes, stored: bytes) -> None:
    """Compare a block with its checksum of four bytes."""
    if checksum(content) != int.from_bytes(stored, "little"):
        raise HDF5Error("the checksum of a block is wrong")


def checksum(content: bytes) -> int:
    """Bob Jenkins's lookup3 hash, 32 bits, which HDF5 puts behind its blocks.

    Source: B. Jenkins, "lookup3.c", 2006, function hashlittle with initval 0.
    """
    mask = 0xFFFF_FFFF
    a = b = c = (0xDEADBEEF + len(content)) & mask
    if not content:
        return c
    head = (len(content) - 1) // 12 * 12  # the last 1 to 12 bytes are mixed in differently
    words = struct.unpack(f"<{head // 4 + 3}I", content.ljust(head + 12, b"\0"))
    for i in range(0, head // 4, 3):
        a, b, c = (a + words[i]) & mask, (b + words[i + 1]) & mask, (c + words[i + 2]) & mask
        for turn in (4, 6, 8, 16, 19, 4):  # the three change roles at each step
            a = ((a - c) & mask) ^ (c << turn & mask | c >> 32 - turn)
            a, b, c = b, (c + b) & mask, a
    a, b, c = ((old + word) & mask for old, word in zip((a, b, c), words[-3:], strict=True))
    for turn in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - (b << turn & mask | b >> 32 - turn)) & mask
        a, b, c = b, c, a
    return b
