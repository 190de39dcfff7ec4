"""Reads the files in which data sets are published: NumPy archives, idx files, CIFAR-10's tar.

All of them are read under a bound known beforehand, so that a file which lies about its size cannot
fill the memory. Nothing is extracted to disk, and objects are never unpickled.
"""

import gzip
import math
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self, cast

import numpy as np

from minicnn import zipped

Split = tuple[np.ndarray, np.ndarray]  # the images x and the labels y of one part


class Shapes(NamedTuple):
    """Shapes of the training images and labels and of the test images and labels."""

    x_train: tuple[int, ...]
    y_train: tuple[int, ...]
    x_test: tuple[int, ...]
    y_test: tuple[int, ...]


class DatasetFileError(ValueError):
    """A file of a data set is not what it should be. Nothing of it was used.

    Attributes:
        path: the file.
        found: what is there.
        expected: what should be there.
    """

    def __init__(self, path: Path, found: str, expected: str) -> None:
        super().__init__(f"{path}: found {found}, expected {expected}")
        self.path, self.found, self.expected = path, found, expected

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self.found, self.expected)


@contextmanager
def reading(path: Path, expected: str, max_bytes: int) -> Iterator[None]:
    """Read a file inside this: it must be regular and not too large, and a fault is typed.

    Raises:
        DatasetFileError: the file is missing, a folder, a pipe, empty, larger than ``max_bytes``
            or not readable in its format.
    """
    try:
        status = path.stat()  # before it is opened: opening a pipe would wait for ever
        if stat.S_ISDIR(status.st_mode):
            raise DatasetFileError(path, "a folder", expected)
        if not stat.S_ISREG(status.st_mode):
            raise DatasetFileError(path, "something that is not a regular file", expected)
        if status.st_size == 0:
            raise DatasetFileError(path, "an empty file", expected)
        if status.st_size > max_bytes:
            found = f"{status.st_size:,} bytes, more than the {max_bytes:,} it can need"
            raise DatasetFileError(path, found, expected)
        yield
    except DatasetFileError:
        raise
    except FileNotFoundError:
        raise DatasetFileError(path, "no file", expected) from None
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        found = f"a damaged or foreign file ({str(error)[:300] or type(error).__name__})"
        raise DatasetFileError(path, found, expected) from error
    except (OSError, ValueError, NotImplementedError) as error:
        found = f"a file that cannot be read ({error!s:.300})"
        raise DatasetFileError(path, found, expected) from error


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


def read_idx_gz(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The array of a gzipped idx file, the format that MNIST was published in, uint8 of this shape.

    The header is big-endian: two zero bytes, the element type (8 = unsigned byte), the number of
    axes, then the length of each axis as four bytes. The elements follow in C order.
    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", file formats.

    Raises:
        DatasetFileError: anything else. No more is decompressed than the shape needs.
    """
    expected = f"a gzipped idx file of unsigned bytes {shape}"
    header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    size = len(header) + math.prod(shape)
    with reading(path, expected, max_bytes=size + size // 8 + 1024), gzip.open(path) as stream:
        content = stream.read(size + 1)
    if content[: len(header)] != header:
        raise DatasetFileError(path, f"the header {content[: len(header)].hex(' ')}", expected)
    if len(content) != size:
        found = "bytes after the last element" if len(content) > size else f"{len(content):,} bytes"
        raise DatasetFileError(path, found, expected)
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape).copy()


FOLDER = "cifar-10-batches-bin"
TRAIN_BATCHES = tuple(f"{FOLDER}/data_batch_{i}.bin" for i in range(1, 6))
TEST_BATCH = f"{FOLDER}/test_batch.bin"
_BATCHES = (*TRAIN_BATCHES, TEST_BATCH)
_NOTES = (f"{FOLDER}/batches.meta.txt", f"{FOLDER}/readme.html")

_CLASSES = 10
_IMAGE = (3, 32, 32)  # planes, rows, columns
_RECORD = 1 + 3 * 32 * 32
_ROOM = 256 * 1024  # bytes for tar headers, padding and the two notes


def read_cifar_tar_gz(path: Path, images_per_batch: int = 10_000) -> tuple[Split, Split]:
    """The images and labels of CIFAR-10's binary edition, a gzipped tar archive of six batches.

    A batch is a sequence of records: one byte of label, then the red, the green and the blue plane
    of an image. The Python edition would have to be unpickled.
    Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, and its page.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: x (n, 32, 32, 3) uint8, y (n, 1) uint8, the five
        training batches in their order.

    Raises:
        DatasetFileError: a member of another name, kind or size, one that is missing or there
            twice, or a label beyond 9.
    """
    n = images_per_batch
    x, y = np.empty((6 * n, *_IMAGE[1:], _IMAGE[0]), np.uint8), np.empty((6 * n, 1), np.uint8)
    missing = list(_BATCHES)
    expected = f"CIFAR-10's binary edition: {FOLDER}/ with six batches of {n * _RECORD:,} bytes"
    most = 6 * n * _RECORD + _ROOM
    records = np.empty((n, _RECORD), np.uint8)  # of one batch
    with reading(path, expected, max_bytes=most), gzip.open(path) as unpacked:
        for name, batch in _batches(_Bounded(unpacked, most), n * _RECORD):
            if fill(records.reshape(-1), batch) != records.size:
                raise ValueError(f"an incomplete {name}")
            if (highest := records[:, 0].max()) >= _CLASSES:
                raise DatasetFileError(path, f"label {highest} in {name}", "labels from 0 to 9")
            rows = slice(_BATCHES.index(name) * n, (_BATCHES.index(name) + 1) * n)
            planes = records[:, 1:].reshape(-1, *_IMAGE)  # (n, 3, 32, 32)
            x[rows], y[rows] = planes.transpose(0, 2, 3, 1), records[:, :1]
            missing.remove(name)
    if missing:
        raise DatasetFileError(path, f"no {', '.join(missing)}", expected)
    return (x[: 5 * n], y[: 5 * n]), (x[5 * n :], y[5 * n :])


def _batches(stream: "_Bounded", batch_bytes: int) -> Iterator[tuple[str, BinaryIO]]:
    """(name, content) of each batch, in the order in which the archive has them."""
    seen: set[str] = set()
    with tarfile.open(fileobj=cast(BinaryIO, stream), mode="r|", tarinfo=_Header) as tar:
        for member in tar:  # front to back, once
            if member.name in seen:
                raise ValueError(f"{member.name[:100]!r} twice")
            seen.add(member.name)
            plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and member.sparse is None
            note = plain and member.name in _NOTES and member.size <= _ROOM
            if plain and member.name in _BATCHES and member.size == batch_bytes:
                yield member.name, cast(BinaryIO, tar.extractfile(member))
            elif not note and not (member.isdir() and member.name == FOLDER):
                raise ValueError(f"the member {member.name[:100]!r} of {member.size:,} bytes")
    while stream.read(1 << 16):  # to the end, where gzip's checksum is
        pass


class _Bounded:
    """A stream that ends in an error if it holds more than ``most`` bytes."""

    def __init__(self, stream: gzip.GzipFile, most: int) -> None:
        self._stream, self._left = stream, most

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise ValueError("it holds more than that, unpacked")
        return content


class _Header(tarfile.TarInfo):
    """The header of a member; one that announces a long header of its own is refused."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type not in (*tarfile.SUPPORTED_TYPES, *tarfile.REGULAR_TYPES) or (
            header.type not in tarfile.REGULAR_TYPES and not 0 <= header.size <= _ROOM
        ):
            raise tarfile.ReadError(f"a member of type {header.type!r} of {header.size:,} bytes")
        return header
