"""Opens zip archives of a few members; the list of millions that a stranger's may have is not read.

``zipfile`` reads the whole directory of an archive before anybody can look at it, at ten bytes of
memory for each byte in the file and half a second for each megabyte.
"""

import struct
import zipfile
from typing import BinaryIO

_MOST = 1 << 16  # bytes that the directory of a few members may take
#: the last record: its signature, bytes of the directory, bytes of a comment
_END = struct.Struct("<4s8xL4xH")
_LARGE_END = struct.Struct("<4s36xQ8x")  # the same, with more digits, for large files
_LOCATOR_SIZE = 20  # of the record between the two
_LARGE = 1 << 31


def opened(file: BinaryIO) -> zipfile.ZipFile:
    """An archive whose directory is small.

    Args:
        file: open for reading.

    Raises:
        zipfile.BadZipFile: the archive is damaged, has a comment or too many members.
    """
    size = file.seek(0, 2)
    signature, directory, comment = _END.unpack(_last(file, size, _END.size))
    if signature != b"PK\x05\x06" or comment:
        raise zipfile.BadZipFile("it does not end as a zip archive: it was cut off or goes on")
    before = size - _END.size - _LOCATOR_SIZE
    if _last(file, before + 4, 4) == b"PK\x06\x07":
        signature, directory = _LARGE_END.unpack(_last(file, before, _LARGE_END.size))
        if signature != b"PK\x06\x06" or size < _LARGE:
            raise zipfile.BadZipFile("it claims to be larger than it is")
    if directory > _MOST:
        raise zipfile.BadZipFile(f"its directory has {directory:,} bytes; a few members need 1000")
    file.seek(0)
    return zipfile.ZipFile(file)


def _last(file: BinaryIO, end: int, size: int) -> bytes:
    """The ``size`` bytes before ``end``."""
    if end < size:
        raise zipfile.BadZipFile("it is too short for a zip archive")
    file.seek(end - size)
    return file.read(size)
