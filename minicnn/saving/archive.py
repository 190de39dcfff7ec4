"""The zip around a model: three members, read whole and checked, never unpacked to disk."""

import os
import stat
import zipfile
from collections import Counter
from pathlib import Path
from typing import BinaryIO

from minicnn import zipped
from minicnn.saving import strict_json
from minicnn.saving.errors import ModelFileError, kind_of

METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"

#: most bytes that a member may hold; weights are limited by what is stored
_LIMITS = {METADATA: 1 << 20, CONFIG: strict_json.MAX_BYTES}
#: by how many bytes what is in a file may be larger, unpacked, than the file
_ROOM = 48 << 20
_WHOLE = "a whole file, as model.save or Keras writes it"


def write(file: BinaryIO, members: dict[str, bytes | memoryview]) -> None:
    """Write a zip of ``members``, stored without compression, as Keras does."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            with archive.open(name, "w", force_zip64=len(content) >= 1 << 31) as member:
                member.write(content)


def read(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Every member of a ``.keras`` file; their checksums are verified.

    Raises:
        ModelFileError: not such a file, or one with unknown, double, encrypted, damaged or
            implausibly large members.
    """
    with open_regular(path, b"PK\x03\x04", "a .keras file (a zip archive)") as file:
        try:
            with zipped.opened(file) as archive:
                infos = archive.infolist()
                _check_members(path, infos, os.fstat(file.fileno()).st_size)
                return {info.filename: _member(archive, info) for info in infos}
        except ModelFileError:
            raise
        except Exception as error:  # zipfile raises many types for a damaged file
            raise ModelFileError(
                path, f"the zip archive is damaged ({error!s:.300})", _WHOLE
            ) from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The content of a member. Asked for all at once, zipfile unpacks more than was declared."""
    with archive.open(info) as member:
        return member.read(info.file_size + 1)


def room(path: str | os.PathLike[str]) -> int:
    """How many bytes the arrays of a file may take in memory, all together.

    A loaded model has its weights, their gradients, what was read and what that was read from: with
    this bound a stranger's file takes at most four times its size and 256 MB.
    """
    return os.stat(path).st_size + _ROOM


def _check_members(
    path: str | os.PathLike[str], infos: list[zipfile.ZipInfo], file_size: int
) -> None:
    names = [info.filename for info in infos]
    expected = f"the members {METADATA}, {CONFIG} and {WEIGHTS}, each once"
    unknown = sorted(set(names) - {METADATA, CONFIG, WEIGHTS})
    if unknown:
        listed = ", ".join(repr(name[:80]) for name in unknown[:5])
        raise ModelFileError(path, f"the archive holds {listed}", expected)
    if len(set(names)) != len(names):
        [(double, _)] = Counter(names).most_common(1)
        raise ModelFileError(path, f"the archive holds {double} more than once", expected)
    missing = [name for name in (CONFIG, WEIGHTS) if name not in names]
    if missing:
        raise ModelFileError(path, f"the archive has no {' and no '.join(missing)}", expected)
    for info in infos:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ModelFileError(
                path, f"{info.filename} is compressed by method {info.compress_type}",
                "stored or deflated members",
            )  # fmt: skip
        if info.header_offset + info.compress_size > file_size:
            raise ModelFileError(path, f"{info.filename} claims to be longer than the file", _WHOLE)
        limit = _LIMITS.get(info.filename, file_size + _ROOM)
        if info.file_size > limit:
            raise ModelFileError(
                path,
                f"{info.filename} claims to unpack from {info.compress_size:,} to "
                f"{info.file_size:,} bytes",
                f"at most {limit:,}",
            )


def open_regular(path: str | os.PathLike[str], beginning: bytes, expected: str) -> BinaryIO:
    """Open an ordinary file that starts with ``beginning``.

    Raises:
        ModelFileError: anything else; it says what the file seems to be.
        OSError: it cannot be opened.
    """
    mode = Path(path).stat().st_mode  # looked at before opening: opening a pipe would wait
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise ModelFileError(path, f"this is {kind}", expected)
    file = open(path, "rb")  # noqa: SIM115 - handed to the caller
    head = file.read(512)
    if not head.startswith(beginning):
        file.close()
        raise ModelFileError(path, f"this is {kind_of(head)}", expected)
    file.seek(0)
    return file
