"""Reads a gzipped idx file, the format that MNIST was published in.

The header is big-endian: two zero bytes, the element type (8 = unsigned byte), the number of axes,
then the length of each axis as four bytes. The elements follow in C order.
Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", file formats.
"""

import gzip
import math
import struct
from pathlib import Path

import numpy as np

from minicnn.datasets.errors import DatasetFileError, reading

_UNSIGNED_BYTE = 8


def read_idx_gz(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The array of an idx file, uint8 of exactly this shape.

    Raises:
        DatasetFileError: anything else. No more is decompressed than the shape needs.
    """
    expected = f"a gzipped idx file of unsigned bytes {shape}"
    header = struct.pack(f">HBB{len(shape)}I", 0, _UNSIGNED_BYTE, len(shape), *shape)
    size = len(header) + math.prod(shape)
    with reading(path, expected, max_bytes=size + size // 8 + 1024), gzip.open(path) as stream:
        content = stream.read(size + 1)
    if content[: len(header)] != header:
        raise DatasetFileError(path, f"the header {content[: len(header)].hex(' ')}", expected)
    if len(content) != size:
        found = "bytes after the last element" if len(content) > size else f"{len(content):,} bytes"
        raise DatasetFileError(path, found, expected)
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape).copy()
