"""Reads CIFAR-10's binary edition, a gzipped tar archive of six batches.

A batch is a sequence of records: one byte of label, then the red, the green and the blue plane of
an image. Nothing is extracted to disk and, unlike in the Python edition, nothing is unpickled.
Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, and its web page.
"""

import gzip
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self, cast

import numpy as np

from minicnn.datasets.errors import DatasetFileError, reading
from minicnn.datasets.npz import Split, fill

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
    """The images and labels of the archive.

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
    """(name, content) of each batch, in the order in which the archive has them.

    Raises:
        ValueError: a member that does not belong there.
    """
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
