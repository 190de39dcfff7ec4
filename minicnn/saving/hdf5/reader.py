"""The content of an HDF5 file, read as if the file meant harm.

It is read here, in Python, and not by the HDF5 library: the library is written in C and made for
files that one trusts, and some of those that a stranger might send end the process. Of what HDF5
can do only the plain part is accepted: groups, and arrays of numbers that lie in the file itself.
Links to other places or files, virtual and external data, foreign filters and sizes that the
stored bytes cannot fill are refused before any memory is asked for.
"""

import contextlib
import json
import re
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from minicnn.saving.errors import ModelFileError
from minicnn.saving.hdf5.arrays import StoredArray
from minicnn.saving.hdf5.blocks import Blocks, HDF5Error
from minicnn.saving.hdf5.datatypes import attribute
from minicnn.saving.hdf5.groups import is_group, links
from minicnn.saving.hdf5.objects import HDF5Object, Kind, root

#: attribute of the file for what is not an array, and of each array for its checksum
STATE, CHECKSUM = "minicnn", "crc32"

_MAX_DEPTH, _MAX_STATE = 64, 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_WHOLE = "a whole file, as model.save_weights or Keras writes it"
_PLAIN = "groups and arrays of numbers that lie in the file itself"


class Array:
    """An array in an open file: its header is checked, its entries are not read yet."""

    def __init__(self, stored: StoredArray, source: str, path: str) -> None:
        self._stored, self._source, self._path = stored, source, path
        self.shape, self.nbytes = stored.shape, stored.nbytes

    @property
    def dtype(self) -> np.dtype:
        """Type of the entries, in this machine's byte order."""
        return self._stored.dtype.newbyteorder("=")

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.nbytes // self.dtype.itemsize

    def read(self) -> np.ndarray:
        """The entries, in this machine's byte order.

        Raises:
            ModelFileError: they are damaged.
        """
        try:
            array = self._stored.read().astype(self.dtype, copy=False)
            stored = attribute(self._stored.item, CHECKSUM)
        except (HDF5Error, zlib.error) as error:
            raise ModelFileError(
                self._source, f"{self._path} is damaged ({error})", _WHOLE
            ) from error
        if stored is None:
            return array
        number = int.from_bytes(stored.content[:4], "little")
        if stored.dtype != np.dtype("<u4") or number != checksum(array):
            raise ModelFileError(
                self._source, f"{self._path} is damaged", f"entries with checksum {number:08x}"
            )
        return array


class Content(NamedTuple):
    """What an HDF5 file holds: arrays by path, and minicnn's own dictionary if it wrote it."""

    arrays: dict[str, Array]
    state: dict[str, Any] | None


@contextlib.contextmanager
def opened(file: BinaryIO, source: str, room: int) -> Iterator[Content]:
    """The content of an HDF5 file, readable inside the block.

    Args:
        file: open for reading, with the signature of HDF5 at its beginning.
        source: the file, for messages.
        room: bytes that all arrays together may take in memory.

    Raises:
        ModelFileError: the file is damaged, or holds anything but plain arrays.
    """
    try:
        top = root(Blocks(file))
        content = Content(_arrays(top, source, room), _state(top, source))
    except HDF5Error as error:
        raise ModelFileError(source, f"the HDF5 data is damaged ({error})", _WHOLE) from error
    yield content


def _arrays(top: HDF5Object, source: str, room: int) -> dict[str, Array]:
    """Every array of the file by path, headers checked."""
    found: dict[str, Array] = {}
    seen = {top.address}
    pending = [("", top, 0)]
    while pending:
        prefix, group, depth = pending.pop()
        for path, address in _checked_links(group, prefix, source):
            if address in seen:
                raise ModelFileError(source, f"{path} stands in more than one place", _PLAIN)
            seen.add(address)
            if depth > _MAX_DEPTH:
                raise ModelFileError(
                    source, "the HDF5 data holds too deeply nested groups",
                    f"at most {_MAX_DEPTH} levels",
                )  # fmt: skip
            try:
                item = HDF5Object(top.blocks, address)
                if is_group(item):
                    pending.append((f"{path}/", item, depth + 1))
                    continue
                if not item.has(Kind.LAYOUT):
                    raise HDF5Error("it is neither a group nor an array")
                found[path] = Array(StoredArray(item), source, path)
            except HDF5Error as error:
                raise ModelFileError(source, f"{path}: {error}", _PLAIN) from error
            room -= found[path].nbytes
            if room < 0:
                raise ModelFileError(
                    source, f"{path} claims shape {found[path].shape}: all arrays together would "
                    "take far more memory than the file has bytes",
                    "arrays that are hardly compressed",
                )  # fmt: skip
    return found


def _checked_links(group: HDF5Object, prefix: str, source: str) -> Iterator[tuple[str, int]]:
    """(path, address) of what is in a group."""
    names = set()
    try:
        for name, address in links(group):
            if not _NAME.fullmatch(name):
                raise HDF5Error(f"the impossible name {name[:80]!a}")
            if name in names:
                raise HDF5Error(f"the name {name} twice")
            names.add(name)
            yield f"{prefix}{name}", address
    except HDF5Error as error:
        raise ModelFileError(
            source, f"in {prefix or 'its first group'}: {error}", _PLAIN
        ) from error


def _state(top: HDF5Object, source: str) -> dict[str, Any] | None:
    stored = attribute(top, STATE)
    if stored is None:
        return None
    if stored.dtype.kind != "S" or len(stored.content) > _MAX_STATE:
        raise HDF5Error(f"attribute {STATE!r} has type {stored.dtype}")
    try:
        state = json.loads(stored.content.rstrip(b"\0"))
    except (ValueError, RecursionError) as error:
        raise HDF5Error(f"attribute {STATE!r} is no JSON: {error}") from error
    if not isinstance(state, dict):
        raise HDF5Error(f"attribute {STATE!r} holds no JSON object")
    return state


def checksum(array: np.ndarray) -> int:
    """CRC-32 of the entries, little-endian in C order."""
    plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return zlib.crc32(plain.reshape(-1).view(np.uint8).data)
