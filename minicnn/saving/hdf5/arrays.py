"""An array in an HDF5 file: its header is checked first, its entries are read when they are wanted.

Entries lie in the header itself, in one piece, or in chunks, which may be compressed.
Source: The HDF Group, "HDF5 File Format Specification Version 3.0", IV.A.2.i and l.
"""

import itertools
import math
import zlib
from typing import NamedTuple

import numpy as np

from minicnn.saving.hdf5 import btree
from minicnn.saving.hdf5.blocks import UNDEFINED, Cursor, HDF5Error
from minicnn.saving.hdf5.datatypes import dtype_of, shape_of
from minicnn.saving.hdf5.objects import HDF5Object, Kind

_COMPACT, _CONTIGUOUS, _CHUNKED, _VIRTUAL = 0, 1, 2, 3
_DEFLATE, _SHUFFLE, _FLETCHER32 = 1, 2, 3
_FILTERS = {_DEFLATE: "deflate", _SHUFFLE: "shuffle", _FLETCHER32: "fletcher32"}
#: deflate cannot shrink data to less than a thousandth
_MAX_EXPANSION = 1100
_CHUNK_PRICE = 500  # of finding and unpacking one, in the units of an allowance
_SMALL_CHUNK = 1 << 20


class _Chunk(NamedTuple):
    """A piece of an array: what the file has of it, and where it belongs."""

    address: int
    size: int
    skipped: int  # filter i was left out if bit i is set
    origin: tuple[int, ...]


class StoredArray:
    """An array in an open file.

    Attributes:
        shape, dtype: of the array; the dtype may have another byte order than this machine.
        nbytes: size of the array in memory.
    """

    def __init__(self, item: HDF5Object) -> None:
        if item.has(Kind.EXTERNAL_FILES):
            raise HDF5Error("it is external: its entries lie elsewhere")
        layout = item.one(Kind.LAYOUT)
        version, self._layout = layout.only(1, 3, 4), layout.number(1)
        if self._layout == _VIRTUAL:
            raise HDF5Error("it is virtual: its entries lie elsewhere")
        if self._layout > _VIRTUAL or (self._layout == _CHUNKED and version != 3):
            raise HDF5Error("its entries are laid out in a way that only newer HDF5 knows")
        self.dtype = dtype_of(item.one(Kind.DATATYPE))
        shape = shape_of(item.one(Kind.DATASPACE))
        if shape is None or self.dtype.kind not in "fiu":
            raise HDF5Error(f"it does not hold an array of numbers ({self.dtype})")
        self.item, self.shape = item, shape
        self.nbytes = math.prod(shape) * self.dtype.itemsize
        self._filters = _filters(item)
        if self._filters and self._layout != _CHUNKED:
            raise HDF5Error("it has filters, but no chunks")
        stored = getattr(self, ("_compact", "_contiguous", "_chunked")[self._layout])(layout)
        most = stored * _MAX_EXPANSION if _DEFLATE in self._filters else stored
        if self.nbytes > most:
            raise HDF5Error(
                f"it claims shape {shape}, which is {self.nbytes:,} bytes, but only {stored:,} are "
                "stored"
            )

    def read(self) -> np.ndarray:
        """The entries."""
        if not self.nbytes:
            return np.empty(self.shape, self.dtype)
        if self._layout != _CHUNKED:
            content = self._content or self.item.blocks.data(self._address, self.nbytes)
            return np.frombuffer(content, self.dtype).reshape(self.shape)
        array = np.empty(self.shape, self.dtype)
        for chunk in self._chunks:
            entries = self._unpacked(chunk)
            inside = tuple(
                slice(start, min(start + n, end))
                for start, n, end in zip(chunk.origin, self._chunk_shape, self.shape, strict=True)
            )
            array[inside] = entries[tuple(slice(0, s.stop - s.start) for s in inside)]
        return array

    # -- the three layouts: each returns how many bytes are stored ------------------------------

    def _compact(self, layout: Cursor) -> int:
        self._content = layout.take(layout.number(2))[: self.nbytes]
        return len(self._content)

    def _contiguous(self, layout: Cursor) -> int:
        self._content = b""
        self._address, size = layout.number(8), layout.number(8)
        if self._address == UNDEFINED:
            return 0
        if self._address + size > self.item.blocks.size:
            raise HDF5Error("its entries lie beyond the end of the file")
        return size

    def _chunked(self, layout: Cursor) -> int:
        axes = layout.number(1) - 1
        address = layout.number(8)
        lengths = [layout.number(4) for _ in range(axes + 1)]
        self._chunk_shape = tuple(lengths[:-1])
        if axes != len(self.shape) or lengths[-1] != self.dtype.itemsize or 0 in lengths:
            raise HDF5Error(f"its chunks have shape {self._chunk_shape}, it has {self.shape}")
        self._chunk_bytes = math.prod(lengths)
        if self._chunk_bytes > max(self.nbytes, _SMALL_CHUNK):
            raise HDF5Error(
                f"a chunk claims {self._chunk_bytes:,} bytes, but only {self.nbytes:,} are needed"
            )
        self._chunks = [] if address == UNDEFINED else self._index(address)
        stored = sum(chunk.size for chunk in self._chunks)
        grid = [-(-n // c) for n, c in zip(self.shape, self._chunk_shape, strict=True)]
        if self._chunks and len(self._chunks) != math.prod(grid):
            raise HDF5Error(f"it has {len(self._chunks)} chunks of {math.prod(grid)}")
        return stored

    def _index(self, address: int) -> list[_Chunk]:
        """Every chunk, each place once."""
        found: dict[tuple[int, ...], _Chunk] = {}
        blocks = self.item.blocks
        key_size = 8 + 8 * (len(self.shape) + 1)
        for key, place in btree.leaves(blocks, address, btree.CHUNKS, key_size):
            blocks.spend(_CHUNK_PRICE)
            cursor = Cursor(key)
            size, skipped = cursor.number(4), cursor.number(4)
            origin = tuple(cursor.number(8) for _ in self.shape)
            misplaced = any(
                start % n or start >= end
                for start, n, end in zip(origin, self._chunk_shape, self.shape, strict=True)
            )
            if misplaced or origin in found or place + size > blocks.size:
                raise HDF5Error(f"a chunk at {origin} cannot be there")
            found[origin] = _Chunk(place, size, skipped, origin)
        return list(found.values())

    # -- chunks ---------------------------------------------------------------------------------

    def _unpacked(self, chunk: _Chunk) -> np.ndarray:
        """The entries of a chunk, in its whole shape."""
        content = self.item.blocks.data(chunk.address, chunk.size)
        for i, code in reversed(list(enumerate(self._filters))):
            if chunk.skipped >> i & 1:
                continue
            if code == _DEFLATE:
                content = _inflated(content, self._chunk_bytes + 4)
            elif code == _FLETCHER32:
                content = _checked(content)
            else:
                content = _unshuffled(content, self.dtype.itemsize)
        if len(content) != self._chunk_bytes:
            raise HDF5Error(f"a chunk has {len(content):,} bytes, not {self._chunk_bytes:,}")
        return np.frombuffer(content, self.dtype).reshape(self._chunk_shape)


def _filters(item: HDF5Object) -> list[int]:
    """The filters that chunks went through, in their order."""
    if not item.has(Kind.FILTERS):
        return []
    message = item.one(Kind.FILTERS)
    version, count = message.only(1, 1, 2), message.number(1)
    message.take(6 if version == 1 else 0)
    codes = []
    for _ in range(count):
        code = message.number(2)
        named = version == 1 or code >= 256
        name_size = message.number(2) if named else 0
        message.take(2)
        values = message.number(2)
        message.take(name_size + -name_size % 8 if version == 1 else name_size)
        message.take(4 * (values + (values % 2 if version == 1 else 0)))
        codes.append(code)
    if foreign := sorted(set(codes) - set(_FILTERS)):
        known = ", ".join(_FILTERS.values())
        raise HDF5Error(f"it is stored with filter {foreign[0]}; there may be {known}")
    if len(set(codes)) != len(codes):
        raise HDF5Error("it went through the same filter twice")
    return codes


def _inflated(content: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj()
    unpacked = unpacker.decompress(content, most)
    if not unpacker.eof:
        raise HDF5Error("a compressed chunk has no end, or is larger than it may be")
    return unpacked


def _unshuffled(content: bytes, size: int) -> bytes:
    """First bytes of all entries, then all second bytes, ... -> entries."""
    whole = len(content) // size * size
    planes = np.frombuffer(content[:whole], np.uint8).reshape(size, -1)
    return planes.T.tobytes() + content[whole:]


def _checked(content: bytes) -> bytes:
    """Without the four bytes of Fletcher's checksum at the end, which must be right."""
    body, stored = content[:-4], content[-4:]
    words = np.frombuffer(body + bytes(len(body) % 2), ">u2").astype(np.uint64)
    first = int(words.sum()) % 65535
    second = int((words * np.arange(len(words), 0, -1, dtype=np.uint64) % 65535).sum()) % 65535
    right = {(f, s) for f, s in itertools.product(_both(first), _both(second))}
    number = int.from_bytes(stored, "little")
    if (number & 0xFFFF, number >> 16) not in right:
        raise HDF5Error("the checksum of a chunk is wrong")
    return body


def _both(number: int) -> tuple[int, ...]:
    """Modulo 65535, 0 and 65535 are the same, and HDF5 stores either."""
    return (0, 65535) if number == 0 else (number,)
