"""Arrays in an HDF5 file, written with checksums, and read as if the file meant harm.

Nothing here knows about models: ``write`` takes arrays by path, ``opened`` gives them back. Of what
HDF5 can do only the plain part is accepted: groups, and arrays of numbers that lie in the file
itself. Links to other places or files, virtual and external data, foreign filters and sizes that
the stored bytes cannot fill are refused before any memory is asked for.
"""

import contextlib
import json
import math
import re
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from minicnn.saving.errors import ModelFileError

#: attribute of the file for what is not an array, and of each array for its checksum
STATE, CHECKSUM = "minicnn", "crc32"

_MAX_OBJECTS, _MAX_DEPTH, _MAX_STATE = 100_000, 64, 1 << 24
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")
#: deflate cannot shrink data to less than a thousandth
_MAX_EXPANSION = 1100
_FILTERS = ("deflate", "shuffle", "fletcher32")


class StoredArray(NamedTuple):
    """An array in an open file: its header is checked, its entries are not read yet."""

    dataset: Any
    source: str
    path: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return tuple(self.dataset.shape)

    @property
    def dtype(self) -> np.dtype:
        """Type of the entries."""
        return self.dataset.dtype

    def read(self) -> np.ndarray:
        """The entries, in this machine's byte order.

        Raises:
            ModelFileError: they are damaged.
        """
        try:
            array = np.asarray(self.dataset[()], self.dtype.newbyteorder("="))
            stored = _attribute(self.dataset, CHECKSUM, "u", 4)
        except Exception as error:
            raise ModelFileError(self.source, f"{self.path} is damaged ({error})") from error
        if stored is not None and int(stored) != _checksum(array):
            raise ModelFileError(
                self.source, f"{self.path} is damaged", f"entries with checksum {int(stored):08x}"
            )
        return array


class Content(NamedTuple):
    """What an HDF5 file holds: arrays by path, and minicnn's own dictionary if it wrote it."""

    arrays: dict[str, StoredArray]
    state: dict[str, Any] | None


def write(
    file: BinaryIO, arrays: dict[str, np.ndarray], groups: dict[str, str], state: dict[str, Any]
) -> None:
    """Write an HDF5 file.

    Args:
        arrays: by path, such as "layers/dense/vars/0".
        groups: path -> "name" attribute of that group.
        state: what is to be kept beside the arrays; numbers and text.
    """
    import h5py

    # version 1.8 of the format has checksums for its headers, and every HDF5 since 2008 reads it
    with h5py.File(file, "w", libver=("v108", "v108")) as target:
        for path, name in groups.items():
            target.require_group(path).attrs["name"] = name
        for path, array in arrays.items():
            dataset = target.create_dataset(path, data=array)
            dataset.attrs[CHECKSUM] = np.uint32(_checksum(array))
        target.attrs[STATE] = np.bytes_(json.dumps(state).encode())


@contextlib.contextmanager
def opened(file: BinaryIO, source: str) -> Iterator[Content]:
    """The content of an HDF5 file, readable inside the block.

    Raises:
        ModelFileError: the file is damaged, or holds anything but plain arrays.
    """
    import h5py

    with contextlib.ExitStack() as stack:
        try:
            root = stack.enter_context(h5py.File(file, "r"))
            content = Content(_arrays(root, source), _state(root, source))
        except ModelFileError:
            raise
        except Exception as error:  # h5py raises nearly every type for a damaged file
            raise ModelFileError(source, f"the HDF5 data is damaged ({error})") from error
        yield content


def _arrays(root: Any, source: str) -> dict[str, StoredArray]:
    """Every array of the file by path, headers checked."""
    import h5py

    found: dict[str, StoredArray] = {}
    seen = {_address(root)}
    pending = [("", root, 0)]
    while pending:
        prefix, group, depth = pending.pop()
        for name in group:
            if not _NAME.fullmatch(name):
                raise ModelFileError(source, f"{prefix} holds the impossible name {name[:80]!a}")
            path = f"{prefix}{name}"
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise ModelFileError(source, f"{path} is a {type(link).__name__}", "no links")
            item = group[name]
            if not isinstance(item, (h5py.Group, h5py.Dataset)):
                raise ModelFileError(source, f"{path} is neither a group nor an array")
            if _address(item) in seen:
                raise ModelFileError(source, f"{path} stands in more than one place", "no links")
            seen.add(_address(item))
            if len(seen) > _MAX_OBJECTS or depth > _MAX_DEPTH:
                raise ModelFileError(
                    source, "the HDF5 data holds too many or too deeply nested groups",
                    f"at most {_MAX_OBJECTS:,} objects in {_MAX_DEPTH} levels",
                )  # fmt: skip
            if isinstance(item, h5py.Group):
                pending.append((f"{path}/", item, depth + 1))
            else:
                _check_header(item, source, path)
                found[path] = StoredArray(item, source, path)
    return found


def _check_header(dataset: Any, source: str, path: str) -> None:
    if dataset.is_virtual or dataset.external:
        kind = "virtual" if dataset.is_virtual else "external"
        raise ModelFileError(source, f"{path} is {kind}: its entries lie elsewhere")
    if dataset.shape is None or dataset.dtype.kind not in "fiu" or dataset.dtype.subdtype:
        raise ModelFileError(source, f"{path} does not hold an array of numbers ({dataset.dtype})")
    filters = set(_filters(dataset))
    if not filters <= set(_FILTERS):
        raise ModelFileError(
            source, f"{path} is stored with {', '.join(sorted(filters - set(_FILTERS)))}",
            f"no filters but {', '.join(_FILTERS)}",
        )  # fmt: skip
    declared = math.prod(dataset.shape) * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    chunk = math.prod(dataset.chunks or ()) * dataset.dtype.itemsize
    if declared > stored * (_MAX_EXPANSION if filters else 1) or chunk > max(declared, 1 << 20):
        raise ModelFileError(
            source,
            f"{path} claims shape {dataset.shape}, which is {declared:,} bytes, but only "
            f"{stored:,} are stored",
        )


def _filters(dataset: Any) -> Iterator[str]:
    import h5py

    known = {
        h5py.h5z.FILTER_DEFLATE: "deflate",
        h5py.h5z.FILTER_SHUFFLE: "shuffle",
        h5py.h5z.FILTER_FLETCHER32: "fletcher32",
    }
    properties = dataset.id.get_create_plist()
    for i in range(properties.get_nfilters()):
        code = properties.get_filter(i)[0]
        yield known.get(code, f"filter {code}")


def _state(root: Any, source: str) -> dict[str, Any] | None:
    text = _attribute(root, STATE, "S", _MAX_STATE)
    if text is None:
        return None
    state = json.loads(bytes(text))
    if not isinstance(state, dict):
        raise ModelFileError(source, f"attribute {STATE!r} holds no JSON object")
    return state


def _attribute(item: Any, name: str, kind: str, max_bytes: int) -> Any:
    """A scalar attribute whose type was looked at before it is read, or None."""
    if name not in item.attrs:
        return None
    header = item.attrs.get_id(name)
    dtype = header.dtype
    if header.shape != () or dtype.kind != kind or dtype.itemsize > max_bytes:
        raise ValueError(f"attribute {name!r} has type {dtype} and shape {header.shape}")
    return item.attrs[name]


def _address(item: Any) -> Any:
    import h5py

    info = h5py.h5o.get_info(item.id)
    return info.addr


def _checksum(array: np.ndarray) -> int:
    """CRC-32 of the entries, little-endian in C order."""
    plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return zlib.crc32(plain.reshape(-1).view(np.uint8).data)
