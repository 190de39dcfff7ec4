"""Reads the four arrays of a data set from a NumPy archive, in the layout of Keras's ``mnist.npz``.

An .npz file is a zip archive of .npy files. Both are read here under a bound known beforehand, so
that a file which lies about its size cannot fill the memory. Objects are never unpickled.
"""

import math
import re
import zipfile
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np

from minicnn import zipped
from minicnn.datasets.errors import DatasetFileError, reading

Split = tuple[np.ndarray, np.ndarray]  # the images x and the labels y of one part


class Shapes(NamedTuple):
    """Shapes of the training images and labels and of the test images and labels."""

    x_train: tuple[int, ...]
    y_train: tuple[int, ...]
    x_test: tuple[int, ...]
    y_test: tuple[int, ...]


_HEADER_ROOM = 1024  # bytes that a .npy file may have before its data; NumPy writes 128
_PIECE = 1 << 20  # bytes read at a time: the array is the only copy of the data in memory
_STORED_OR_DEFLATED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Magic and version 1.0, the length of the header, and the header of an array of bytes as NumPy
# writes it (one axis at least). An L after a number is how Python 2 wrote it.
_NPY_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(?P<length>..)"
    rb"\{'descr': '[|<]u1', 'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>\d{1,9}L?(?:, \d{1,9}L?){0,7},?)\), \} *\n",
    re.DOTALL,
)


def read_npz(path: Path, largest: Shapes, *, exact: bool) -> tuple[Split, Split]:
    """The arrays ``x_train, y_train, x_test, y_test`` of an archive, uint8.

    Args:
        path: the archive.
        largest: the shapes of the published data set.
        exact: whether the number of images must be the published one; otherwise it may be less,
            but as many labels as images.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``.

    Raises:
        DatasetFileError: anything else than these four arrays.
    """
    size = sum(int(np.prod(shape)) + 2 * _HEADER_ROOM for shape in largest)
    names = [f"{name}.npy" for name in Shapes._fields]
    expected = f"a NumPy archive of {', '.join(names)}, once each"
    with (
        reading(path, expected, max_bytes=size),
        path.open("rb") as stream,
        zipped.opened(stream) as archive,
    ):
        found = sorted(archive.namelist())
        if found != sorted(names):
            listed = ", ".join(n[:40] if n.isprintable() else repr(n[:40]) for n in found[:8])
            listed += ", ..." if len(found) > 8 else ""
            raise DatasetFileError(path, f"members [{listed}]", expected)
        arrays = [
            _read_member(path, archive, name, shape, exact)
            for name, shape in zip(names, largest, strict=True)
        ]
    x_train, y_train, x_test, y_test = arrays
    for which, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y):
            found_text = f"{len(x)} images and {len(y)} labels in x_{which} and y_{which}"
            raise DatasetFileError(path, found_text, "as many labels as images")
    return (x_train, y_train), (x_test, y_test)


def _read_member(
    path: Path, archive: zipfile.ZipFile, name: str, largest: tuple[int, ...], exact: bool
) -> np.ndarray:
    """One .npy file of the archive; nothing is allocated before its declared size is checked."""
    expected = f"{name} to hold uint8 {largest}" + ("" if exact else ", or fewer rows")
    size = int(np.prod(largest))
    info = archive.getinfo(name)
    if info.compress_type not in _STORED_OR_DEFLATED or info.flag_bits & 1:
        raise DatasetFileError(path, f"{name} encrypted or compressed in another way", expected)
    if info.file_size > size + _HEADER_ROOM:
        raise DatasetFileError(path, f"{name} of {info.file_size:,} bytes", expected)

    with archive.open(info) as opened:
        member = cast(BinaryIO, opened)
        start = member.read(10)
        start += member.read(int.from_bytes(start[8:], "little"))
        header = _NPY_HEADER.fullmatch(start)
        if header is None or header.end() != 10 + int.from_bytes(header["length"], "little"):
            raise DatasetFileError(path, f"{name} with another header: {start[:80]!r}", expected)
        shape = tuple(int(n) for n in re.findall(rb"\d+", header["shape"]))
        rows_fit = shape[0] == largest[0] if exact else 0 < shape[0] <= largest[0]
        if shape[1:] != largest[1:] or not rows_fit:
            raise DatasetFileError(path, f"{name} of shape {shape}", expected)
        array = np.empty(shape, np.uint8)
        if header["fortran"] == b"True" and len(shape) > 1:
            plane = np.empty(math.prod(shape[:-1]), np.uint8)
            come = 0
            for i in range(shape[-1]):  # the last axis varies slowest
                come += fill(plane, member)
                array[..., i] = plane.reshape(shape[:-1], order="F")
        else:
            come = fill(array.reshape(-1), member)
        beyond = len(member.read(1))  # at the end of the member its checksum is compared
    if come + beyond != array.size:
        found = f"{name} with {come + beyond:,} bytes or more for {shape}"
        raise DatasetFileError(path, found, expected)
    return array


def fill(flat: np.ndarray, stream: BinaryIO) -> int:
    """Fill an array of bytes from a stream, piece by piece; return how many there were."""
    come = 0
    while come < flat.size and (piece := stream.read(min(flat.size - come, _PIECE))):
        flat[come : come + len(piece)] = np.frombuffer(piece, np.uint8)
        come += len(piece)
    return come
