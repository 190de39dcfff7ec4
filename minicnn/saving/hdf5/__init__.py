"""Arrays in an HDF5 file, written by the HDF5 library and read by hand, as if the file meant harm.

Nothing here knows about models: ``write`` takes arrays by path, ``Content`` gives them back.

* ``blocks``: bytes at an address, under bounds; checksums of blocks.
* ``objects``: groups and arrays as lists of messages; which objects a group holds.
* ``arrays``: shapes, types, attributes, entries.

The HDF5 library does not read: it is written in C and made for files that one trusts, and some of
those that a stranger might send end the process. Links to other places or files, virtual and
external data, chunks, filters and sizes that the stored bytes cannot fill are refused before any
memory is asked for.
"""

import json
from typing import Any, BinaryIO

import numpy as np

from minicnn.saving.files import ModelFileError
from minicnn.saving.hdf5.arrays import CHECKSUM, WHOLE, Array, Value, attribute, checksum
from minicnn.saving.hdf5.blocks import Blocks, HDF5Error
from minicnn.saving.hdf5.objects import SIGNATURE, HDF5Object, Kind, root

__all__ = ["SIGNATURE", "STATE", "Array", "Content", "write"]

#: attribute of the file for what is not an array
STATE = "minicnn"

_MAX_DEPTH, _MAX_STATE = 64, 1 << 20
_PIECE = 64_000  # most bytes of text in one attribute, as in Keras
_PLAIN = "groups and arrays of numbers that lie in the file itself"


class Content:
    """What an HDF5 file holds. Its arrays can be read while the file is open.

    Args:
        file: open for reading, with the signature of HDF5 at its beginning.
        source: the file, for messages.
        room: bytes that all arrays together may take in memory.

    Attributes:
        arrays: by path.
        state: minicnn's own dictionary, if it wrote the file, or None.

    Raises:
        ModelFileError: the file is damaged, or holds anything but plain arrays.
    """

    def __init__(self, file: BinaryIO, source: str, room: int) -> None:
        self._source = source
        try:
            top = root(Blocks(file))
            self._groups = {"": top}
            self.arrays = _found(self._groups, source, room)
            self.state = _state(top)
        except HDF5Error as error:
            raise ModelFileError(source, f"the HDF5 data is damaged ({error})", WHOLE) from error

    def attribute(self, path: str, name: str) -> Value | None:
        """An attribute of the group at ``path`` ("" is the whole file), or None.

        Numbers and truth values are an array, texts a text or a list; a list of no texts is an
        array of no numbers, because h5py writes it so. Where Keras had to split a
        long list ("weight_names0", "weight_names1", ...), ``name`` stands for the whole.

        Raises:
            ModelFileError: it is damaged, or of a type that is not read.
        """
        try:
            return attribute(self._groups[path], name) if path in self._groups else None
        except HDF5Error as error:
            raise ModelFileError(
                self._source, f"attribute {name!r} of {path or 'the file'} is damaged ({error})",
                "numbers or texts",
            ) from error  # fmt: skip


def write(
    file: BinaryIO, arrays: dict[str, np.ndarray], groups: dict[str, str], state: dict[str, Any]
) -> None:
    """Write an HDF5 file, with checksums.

    Args:
        file: open for writing.
        arrays: by path, such as "layers/dense/vars/0".
        groups: path -> "name" attribute of that group.
        state: what is to be kept beside the arrays; numbers and text.
    """
    import h5py

    text = json.dumps(state).encode()
    pieces = [text[i : i + _PIECE] for i in range(0, len(text), _PIECE)]
    # version 1.8 of the format has checksums for its headers, and every HDF5 since 2008 reads it
    with h5py.File(file, "w", libver=("v108", "v108")) as target:
        for path, name in groups.items():
            target.require_group(path).attrs["name"] = name
        for path, array in arrays.items():
            dataset = target.create_dataset(path, data=array)
            dataset.attrs[CHECKSUM] = np.uint32(checksum(array))
        for i, piece in enumerate(pieces):
            target.attrs[STATE if len(pieces) == 1 else f"{STATE}{i}"] = np.bytes_(piece)


def _found(groups: dict[str, HDF5Object], source: str, room: int) -> dict[str, Array]:
    """Every array below the group of path "" by path, headers checked; ``groups`` is completed."""
    found: dict[str, Array] = {}
    top = groups[""]
    seen = {top.address}
    pending = [("", top, 0)]
    while pending:
        prefix, group, depth = pending.pop()
        try:
            links = group.links()
        except HDF5Error as error:
            where = prefix or "its first group"
            raise ModelFileError(source, f"in {where}: {error}", _PLAIN) from error
        for name, address in links.items():
            path = f"{prefix}{name}"
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
                if item.is_group():
                    groups[path] = item
                    pending.append((f"{path}/", item, depth + 1))
                    continue
                if not item.has(Kind.LAYOUT):
                    raise HDF5Error("it is neither a group nor an array")
                found[path] = Array(item, source, path)
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


def _state(top: HDF5Object) -> dict[str, Any] | None:
    text = attribute(top, STATE)
    if text is None:
        return None
    if not isinstance(text, str) or len(text) > _MAX_STATE:
        raise HDF5Error(f"attribute {STATE!r} is not a short text")
    try:
        state = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HDF5Error(f"attribute {STATE!r} is no JSON: {error}") from error
    if not isinstance(state, dict):
        raise HDF5Error(f"attribute {STATE!r} holds no JSON object")
    return state
