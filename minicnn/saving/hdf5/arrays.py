"""Arrays and attributes of the objects of an HDF5 file: their shapes, types and entries.

Of what HDF5 can do only the plain part is read: attributes, and arrays of numbers that lie in one
piece in the file itself. That is all that Keras and minicnn write. The header of an array is
checked first, its entries are read when they are wanted.
Source: The HDF Group, "HDF5 File Format Specification Version 3.0", III.E and IV.A.2.
"""

import itertools
import math
import zlib
from typing import NamedTuple

import numpy as np

from minicnn.saving.files import ModelFileError
from minicnn.saving.hdf5.blocks import UNDEFINED, Blocks, Cursor, HDF5Error, begun
from minicnn.saving.hdf5.objects import AGAIN, HDF5Object, Kind

#: attribute of an array for its checksum
CHECKSUM = "crc32"
#: for error messages: what a good file is
WHOLE = "a whole file, as model.save_weights or Keras writes it"

_MAX_AXES = 32
_COMPACT, _CONTIGUOUS, _CHUNKED, _VIRTUAL = 0, 1, 2, 3  # where the entries of an array lie
_CLASSES = (
    "integers", "floats", "times", "text", "bit fields", "opaque data", "records", "references",
    "enumerations", "texts of any length", "arrays of arrays",
)  # fmt: skip
_INTEGERS, _FLOAT_CLASS, _TEXT, _ENUMERATION, _ANY_LENGTH = 0, 1, 3, 8, 9
#: bytes -> place of sign, place and size of exponent, place and size of mantissa, bias: IEEE 754
_FLOATS = {
    2: (15, 10, 5, 0, 10, 15), 4: (31, 23, 8, 0, 23, 127), 8: (63, 52, 11, 0, 52, 1023),
}  # fmt: skip

#: of an attribute
Value = np.ndarray | list[str] | str


class Array:
    """An array in an open file: its header is checked, its entries are not read yet.

    Attributes:
        shape, nbytes, size: of the array in memory.
        dtype: of its entries, in this machine's byte order.
    """

    def __init__(self, item: HDF5Object, source: str, path: str) -> None:
        if item.has(Kind.EXTERNAL_FILES):
            raise HDF5Error("it is external: its entries lie elsewhere")
        layout = item.one(Kind.LAYOUT)
        version, kind = layout.number(1), layout.number(1)
        if kind == _VIRTUAL:
            raise HDF5Error("it is virtual: its entries lie elsewhere")
        if kind == _CHUNKED or item.has(Kind.FILTERS):
            raise HDF5Error(f"its entries lie in chunks, which are not read; {AGAIN}")
        if version not in (3, 4) or kind not in (_COMPACT, _CONTIGUOUS):
            raise HDF5Error(f"its entries are laid out in way {version}.{kind}; {AGAIN}")
        self._stored_dtype = _dtype_of(item.one(Kind.DATATYPE))
        shape = _shape_of(item.one(Kind.DATASPACE))
        if shape is None or self._stored_dtype.kind not in "fiu":
            raise HDF5Error(f"it does not hold an array of numbers ({self._stored_dtype})")
        self._item, self._source, self._path, self.shape = item, source, path, shape
        self.dtype = self._stored_dtype.newbyteorder("=")
        self.size = math.prod(shape)
        self.nbytes = self.size * self.dtype.itemsize
        self._content, self._address = b"", UNDEFINED
        if kind == _COMPACT:
            self._content = layout.take(layout.number(2))[: self.nbytes]
            stored = len(self._content)
        else:
            self._address, stored = layout.number(8), layout.number(8)
            if self._address == UNDEFINED:
                stored = 0
            elif self._address + stored > item.blocks.size:
                raise HDF5Error("its entries lie beyond the end of the file")
        if self.nbytes > stored:
            raise HDF5Error(
                f"it claims shape {shape}, which is {self.nbytes:,} bytes, but only {stored:,} are "
                "stored"
            )

    def read(self) -> np.ndarray:
        """The entries, in this machine's byte order.

        Raises:
            ModelFileError: they are damaged.
        """
        try:
            content = self._content
            if self.nbytes and not content:
                content = self._item.blocks.data(self._address, self.nbytes)
            stored = _attributes(self._item).get(CHECKSUM)
            plain = stored is not None and stored.dtype() == "<u4" and stored.shape() == ()
        except HDF5Error as error:
            raise ModelFileError(
                self._source, f"{self._path} is damaged ({error})", WHOLE
            ) from error
        array = np.frombuffer(content, self._stored_dtype).reshape(self.shape)
        array = array.astype(self.dtype, copy=False)
        if stored is not None:
            number = int.from_bytes(stored.content[:4], "little")
            if not plain or number != checksum(array):
                raise ModelFileError(
                    self._source, f"{self._path} is damaged",
                    f"entries with checksum {number:08x}",
                )  # fmt: skip
        return array


def checksum(array: np.ndarray) -> int:
    """CRC-32 of the entries, little-endian in C order."""
    plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return zlib.crc32(plain.reshape(-1).view(np.uint8).data)


# -- attributes ---------------------------------------------------------------------------------


class _Attribute(NamedTuple):
    """What the file has of an attribute."""

    shared: bool
    dtype_message: bytes
    shape_message: bytes
    content: bytes

    def dtype(self) -> np.dtype:
        if self.shared:
            raise HDF5Error("an attribute shares its type with others")
        return _dtype_of(Cursor(self.dtype_message))

    def shape(self) -> tuple[int, ...] | None:
        return _shape_of(Cursor(self.shape_message))


def _attributes(item: HDF5Object) -> dict[str, _Attribute]:
    """The attributes of an object by name."""
    for info in item.all(Kind.ATTRIBUTE_INFO):
        info.only(1, 0)
        info.take(2 if info.number(1) & 0x01 else 0)
        if info.number(8) != UNDEFINED:  # a heap
            raise HDF5Error(f"it has attributes outside its header, which are not read; {AGAIN}")
    found = {}
    for message in item.all(Kind.ATTRIBUTE):
        version, flags = message.only(1, 1, 2, 3), message.number(1)
        sizes = [message.number(2) for _ in range(3)]
        message.take(1 if version == 3 else 0)  # ASCII or UTF-8
        parts = []
        for size in sizes:
            parts.append(message.take(size))
            message.take(-size % 8 if version == 1 else 0)
        name, dtype, shape = parts
        shared = version > 1 and flags != 0
        found[name.rstrip(b"\0").decode(errors="replace")] = _Attribute(
            shared, dtype, shape, message.take(message.left)
        )
    return found


def attribute(item: HDF5Object, name: str) -> Value | None:
    """The value of an attribute, put together if it was split; None if there is none."""
    found = _attributes(item)
    if name in found:
        return _value(item.blocks, found[name])
    numbered = (found.get(f"{name}{i}") for i in itertools.count())
    pieces = [_value(item.blocks, p) for p in itertools.takewhile(bool, numbered) if p]
    if not pieces:
        return None
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(map(str, pieces))
    return [text for piece in pieces if isinstance(piece, list) for text in piece]


def _value(blocks: Blocks, stored: _Attribute) -> Value:
    dtype, shape = stored.dtype(), stored.shape()
    if shape is None:
        raise HDF5Error("an attribute is empty")
    content = Cursor(stored.content).take(math.prod(shape) * dtype.itemsize)
    if dtype.kind not in "SV":
        return np.frombuffer(content, dtype).reshape(shape)
    items = [content[i : i + dtype.itemsize] for i in range(0, len(content), dtype.itemsize)]
    if dtype.kind == "V":
        items = _from_heaps(blocks, items)
    try:
        texts = [item.rstrip(b"\0").decode() for item in items]
    except UnicodeDecodeError as error:
        raise HDF5Error("a text is not UTF-8") from error
    return texts if shape else texts[0]


def _from_heaps(blocks: Blocks, places: list[bytes]) -> list[bytes]:
    """Texts of any length, which lie in "global heaps": length, address of the heap, number."""
    heaps: dict[int, dict[int, bytes]] = {}
    texts = []
    for place in map(Cursor, places):
        length, address, number = place.number(4), place.number(8), place.number(4)
        if length and address not in heaps:
            heaps[address] = _global_heap(blocks, address)
        text = heaps[address].get(number, b"") if length else b""
        if len(text) < length:
            raise HDF5Error("a text is not where it should be")
        blocks.spend(length)
        texts.append(text[:length])
    return texts


def _global_heap(blocks: Blocks, address: int) -> dict[int, bytes]:
    """The pieces in a heap by number."""
    start = begun(blocks.read(address, 16), b"GCOL")
    start.only(1, 1)
    start.take(3)
    heap = Cursor(blocks.read(address, start.number(8)))
    heap.take(16)
    found = {}
    while heap.left >= 16:
        number = heap.number(2)
        heap.take(6)
        size = heap.number(8)
        if number == 0:  # the rest is free
            break
        found[number] = heap.take(size)
        heap.take(min(-size % 8, heap.left))
    return found


# -- shapes and types ---------------------------------------------------------------------------


def _shape_of(message: Cursor) -> tuple[int, ...] | None:
    """The shape in a dataspace message; None for no entries at all ("null")."""
    version, axes, flags = message.only(1, 1, 2), message.number(1), message.number(1)
    if axes > _MAX_AXES:
        raise HDF5Error(f"{axes} axes")
    if version == 1:
        message.take(5)
    elif message.only(1, 0, 1, 2) == 2:  # 0 is a scalar, 1 an array
        return None
    if flags & ~1:
        raise HDF5Error("a shape with unknown flags")
    shape = tuple(message.number(8) for _ in range(axes))
    if math.prod(max(n, 1) for n in shape) >= 1 << 60:  # whatever there is of an axis of length 0
        raise HDF5Error(f"an impossible shape {shape}")
    return shape


def _dtype_of(message: Cursor) -> np.dtype:
    """The type in a datatype message; texts of any length have one of 16 bytes without meaning.

    Raises:
        HDF5Error: neither integers nor IEEE floats nor truth values nor text.
    """
    first = message.number(1)
    kind, bits, size = first & 15, message.number(3), message.number(4)
    order = ">" if bits & 1 else "<"
    if kind == _TEXT and 0 < size < 1 << 31:
        return np.dtype(f"S{size}")
    if kind == _ANY_LENGTH and bits & 15 == 1 and size == 16:
        return np.dtype("V16")
    if kind == _ENUMERATION and size == 1 and message.number(1) & 15 == _INTEGERS:
        return np.dtype(bool)
    if kind in (_INTEGERS, _FLOAT_CLASS):
        unused, used = message.number(2), message.number(2)  # bits
        whole = unused == 0 and used == 8 * size
        if kind == _INTEGERS and whole and size in (1, 2, 4, 8) and bits & ~0b1001 == 0:
            return np.dtype(f"{order}{'i' if bits & 0b1000 else 'u'}{size}")
        if kind == _FLOAT_CLASS and whole and size in _FLOATS:
            places = (bits >> 8, *(message.number(1) for _ in range(4)), message.number(4))
            if places == _FLOATS[size] and bits & 0xFE == 0x20:  # the highest bit is implied
                return np.dtype(f"{order}f{size}")
    what = _CLASSES[kind] if kind < len(_CLASSES) else f"class {kind}"
    raise HDF5Error(f"it does not hold an array of numbers but {what} of another kind")
