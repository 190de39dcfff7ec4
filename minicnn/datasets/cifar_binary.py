"""Reads CIFAR-10's binary edition, a gzipped tar archive of six batches.

A batch is a sequence of records: one byte of label, then the red, the green and the blue plane of
an image. Nothing is extracted to disk and, unlike in the Python edition, nothing is unpickled.
Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, and its web page.
"""

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np

from minicnn.datasets.errors import DatasetFileError, reading
from minicnn.datasets.npz import Split

FOLDER = "cifar-10-batches-bin"
TRAIN_BATCHES = tuple(f"{FOLDER}/data_batch_{i}.bin" for i in range(1, 6))
TEST_BATCH = f"{FOLDER}/test_batch.bin"
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
    batches = _read_batches(path, images_per_batch * _RECORD)
    records = [
        np.frombuffer(batches[name], np.uint8).reshape(-1, _RECORD)
        for name in (*TRAIN_BATCHES, TEST_BATCH)
    ]
    for name, rows in zip((*TRAIN_BATCHES, TEST_BATCH), records, strict=True):
        if (highest := rows[:, 0].max()) >= _CLASSES:
            raise DatasetFileError(path, f"label {highest} in {name}", "labels from 0 to 9")
    return _split(records[:-1]), _split(records[-1:])


def _split(batches: list[np.ndarray]) -> Split:
    """Batches of records (n, 1 + 3 * 32 * 32) -> images, colours last, and labels (n, 1)."""
    x = np.empty((sum(map(len, batches)), *_IMAGE[1:], _IMAGE[0]), np.uint8)
    y = np.concatenate([records[:, :1] for records in batches])
    start = 0
    for records in batches:
        planes = records[:, 1:].reshape(-1, *_IMAGE)  # (n, 3, 32, 32)
        x[start : start + len(records)] = planes.transpose(0, 2, 3, 1)
        start += len(records)
    return x, y


def _read_batches(path: Path, batch_bytes: int) -> dict[str, bytes]:
    """The content of each batch by its name in the archive."""
    names = (*TRAIN_BATCHES, TEST_BATCH)
    expected = f"CIFAR-10's binary edition: {FOLDER}/ with six batches of {batch_bytes:,} bytes"
    most = len(names) * batch_bytes + _ROOM
    batches: dict[str, bytes] = {}
    seen: set[str] = set()
    with reading(path, expected, max_bytes=most):
        with gzip.open(path) as stream:
            unpacked = stream.read(most + 1)
        if len(unpacked) > most:
            raise DatasetFileError(path, "more than that, unpacked", expected)
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r|") as tar:  # front to back, once
            for member in tar:
                if member.name in seen:
                    raise DatasetFileError(path, f"{member.name} twice", expected)
                seen.add(member.name)
                plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
                if plain and member.name in names and member.size == batch_bytes:
                    content = tar.extractfile(member)
                    assert content is not None  # a plain file always has content
                    batches[member.name] = content.read()
                elif not (plain and member.name in _NOTES) and not (
                    member.isdir() and member.name == FOLDER
                ):
                    found = f"the member {member.name[:100]!r} of {member.size:,} bytes"
                    raise DatasetFileError(path, found, expected)
    if missing := [name for name in names if len(batches.get(name, b"")) != batch_bytes]:
        raise DatasetFileError(path, f"no complete {', '.join(missing)}", expected)
    return batches
