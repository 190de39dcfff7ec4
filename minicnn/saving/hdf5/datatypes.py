"""What an HDF5 file says of an array: its shape, the type of its entries, its attributes.

Source: The HDF Group, "HDF5 File Format Specification Version 3.0", IV.A.2.b, d and m.
"""

import math
from typing import NamedTuple

import numpy as np

from minicnn.saving.hdf5 import heap
from minicnn.saving.hdf5.blocks import Cursor, HDF5Error
from minicnn.saving.hdf5.objects import HDF5Object, Kind

_MAX_AXES = 32
_CLASSES = (
    "integers", "floats", "times", "text", "bit fields", "opaque data", "records", "references",
    "enumerations", "texts of any length", "arrays of arrays",
)  # fmt: skip
#: bytes -> place of sign, place and size of exponent, place and size of mantissa, bias: IEEE 754
_FLOATS = {
    2: (15, 10, 5, 0, 10, 15), 4: (31, 23, 8, 0, 23, 127), 8: (63, 52, 11, 0, 52, 1023),
}  # fmt: skip
_INTEGERS, _FLOAT_CLASS, _TEXT = 0, 1, 3


class Attribute(NamedTuple):
    """A single value that belongs to a group or array: its type, and its bytes."""

    dtype: np.dtype
    content: bytes


def shape_of(message: Cursor) -> tuple[int, ...] | None:
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
    return tuple(message.number(8) for _ in range(axes))


def dtype_of(message: Cursor) -> np.dtype:
    """The type in a datatype message.

    Raises:
        HDF5Error: neither integers nor IEEE floats nor text of a fixed length.
    """
    first = message.number(1)
    kind, bits, size = first & 15, message.number(3), message.number(4)
    order = ">" if bits & 1 else "<"
    if kind == _TEXT and 0 < size < 1 << 31:
        return np.dtype(f"S{size}")
    if kind in (_INTEGERS, _FLOAT_CLASS):
        unused, used = message.number(2), message.number(2)  # bits
        whole = unused == 0 and used == 8 * size
        if kind == _INTEGERS and whole and size in (1, 2, 4, 8) and bits & ~0b1001 == 0:
            return np.dtype(f"{order}{'i' if bits & 0b1000 else 'u'}{size}")
        if kind == _FLOAT_CLASS and whole and size in _FLOATS:
            places = (bits >> 8, *(message.number(1) for _ in range(4)), message.number(4))
            if places == _FLOATS[size] and bits & 0xFE == 0x20:  # the highest bit is implied
                return np.dtype(f"{order}f{size}")
    return _unusable(_CLASSES[kind] if kind < len(_CLASSES) else f"class {kind}")


def _unusable(what: str) -> np.dtype:
    raise HDF5Error(f"it does not hold an array of numbers but {what} of another kind")


def attribute(item: HDF5Object, wanted: str) -> Attribute | None:
    """The attribute of this name, which must be one number or text; None if there is none."""
    messages = item.all(Kind.ATTRIBUTE)
    for info in item.all(Kind.ATTRIBUTE_INFO):
        info.only(1, 0)
        info.take(2 if info.number(1) & 0x01 else 0)
        place, tree = info.number(8), info.number(8)
        pieces = heap.pieces(item.blocks, place, tree, heap.ATTRIBUTES_BY_NAME)
        messages += [Cursor(piece) for piece in pieces]
    for message in messages:
        found = _attribute(message, wanted)
        if found is not None:
            return found
    return None


def _attribute(message: Cursor, wanted: str) -> Attribute | None:
    version, flags = message.only(1, 1, 2, 3), message.number(1)
    sizes = [message.number(2) for _ in range(3)]
    message.take(1 if version == 3 else 0)  # ASCII or UTF-8
    padded = [-size % 8 if version == 1 else 0 for size in sizes]
    parts = []
    for size, padding in zip(sizes, padded, strict=True):
        parts.append(message.take(size))
        message.take(padding)
    if parts[0].rstrip(b"\0") != wanted.encode():
        return None
    if version > 1 and flags:
        raise HDF5Error(f"attribute {wanted!r} shares its type with others")
    dtype, shape = dtype_of(Cursor(parts[1])), shape_of(Cursor(parts[2]))
    if shape is None or math.prod(shape) != 1 or shape:
        raise HDF5Error(f"attribute {wanted!r} has shape {shape}")
    return Attribute(dtype, message.take(dtype.itemsize))
