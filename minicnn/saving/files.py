"""Files from strangers: the one error of all that is unusable, the zip around a model, and JSON.

A ``.keras`` file is a zip of three members, which are read whole and checked, never unpacked to
disk. Its JSON has no double keys, no NaN, nothing too deep or too large to be meant.
"""

import json
import math
import os
import stat
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

from minicnn import zipped

METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"

#: of JSON: levels, bytes in all, characters of a text, size of an integer
MAX_DEPTH, MAX_BYTES, MAX_TEXT, MAX_INTEGER = 64, 1 << 22, 1 << 16, 1 << 63
#: most bytes that a member may hold; weights are limited by what is stored
_LIMITS = {METADATA: 1 << 20, CONFIG: MAX_BYTES}
#: by how many bytes what is in a file may be larger, unpacked, than the file
_ROOM = 48 << 20
_WHOLE = "a whole file, as model.save or Keras writes it"

PathLike = str | os.PathLike[str]


class ModelFileError(ValueError):
    """A file cannot be read as a model, or does not fit the model.

    Attributes:
        path: of the file.
        found: what is wrong with it.
        expected: what a good file has instead.
    """

    def __init__(self, path: PathLike, found: str, expected: str) -> None:
        self.path, self.found, self.expected = os.fspath(path), found, expected
        between = "" if found.endswith("\n") else "; "  # a list ends with a line of its own
        super().__init__(f"{self.path}: {printable(found)}{between}expected {expected}")

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self.found, self.expected)


def printable(text: str) -> str:
    """``text`` from a stranger's file, without characters that a terminal would obey."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c == "\n" or c.isprintable() else ascii(c)[1:-1] for c in text)


# -- what a file is -----------------------------------------------------------------------------

_BEGINNINGS = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; run  git lfs pull"),
    (b"\x89PNG", "a PNG picture"),
    (b"GGUF", "a GGUF file"),
)


def _kind_of(head: bytes) -> str:
    """What a file that begins with the bytes ``head`` (some hundred of them) seems to be."""
    if not head:
        return "an empty file"
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "a Python pickle, which can run code when it is read and is never opened here"
    if head[257:262] == b"ustar":
        return "a tar archive"
    try:
        text = head.decode("utf-8").lstrip().lower()
    except UnicodeDecodeError:
        return "data of an unknown type"
    if text.startswith(("<!doctype html", "<html")):
        return "an HTML page, probably the error page of a download"
    return "text" if text.isprintable() or "\n" in text else "data of an unknown type"


def open_regular(path: PathLike, beginning: bytes, expected: str) -> BinaryIO:
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
        raise ModelFileError(path, f"this is {_kind_of(head)}", expected)
    file.seek(0)
    return file


# -- the zip ------------------------------------------------------------------------------------


def write_zip(file: BinaryIO, members: dict[str, bytes | memoryview]) -> None:
    """Write a zip of ``members``, stored without compression, as Keras does."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # not dated by the clock


def read_zip(path: PathLike) -> dict[str, bytes]:
    """Every member of a ``.keras`` file; their checksums are verified.

    Raises:
        ModelFileError: not such a file, or one with unknown, double, encrypted, damaged or
            implausibly large members.
    """
    with open_regular(path, b"PK\x03\x04", "a .keras file (a zip archive)") as file:
        try:
            with zipped.opened(file) as archive:
                infos = archive.infolist()
                if wrong := _wrong(infos, os.fstat(file.fileno()).st_size):
                    raise ModelFileError(path, *wrong)
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


def room(path: PathLike) -> int:
    """How many bytes the arrays of a file may take in memory, all together.

    A loaded model has its weights, their gradients, what was read and what that was read from: with
    this bound a stranger's file takes at most four times its size and 256 MB.
    """
    return os.stat(path).st_size + _ROOM


def _wrong(infos: list[zipfile.ZipInfo], file_size: int) -> tuple[str, str] | None:
    """What is wrong with the members, and what is expected instead."""
    names = Counter(info.filename for info in infos)
    expected = f"the members {METADATA}, {CONFIG} and {WEIGHTS}, each once"
    if unknown := sorted(set(names) - {METADATA, CONFIG, WEIGHTS}):
        return f"the archive holds {', '.join(repr(n[:80]) for n in unknown[:5])}", expected
    if double := [name for name, count in names.items() if count > 1]:
        return f"the archive holds {double[0]} more than once", expected
    if missing := [name for name in (CONFIG, WEIGHTS) if name not in names]:
        return f"the archive has no {' and no '.join(missing)}", expected
    for info in infos:
        name, packed = info.filename, info.compress_size
        limit = _LIMITS.get(name, file_size + _ROOM)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            found = f"{name} is compressed by method {info.compress_type}"
            return found, "stored or deflated members"
        if info.header_offset + packed > file_size:
            return f"{name} claims to be longer than the file", _WHOLE
        if info.file_size > limit:
            found = f"{name} claims to unpack from {packed:,} to {info.file_size:,} bytes"
            return found, f"at most {limit:,}"
    return None


# -- JSON ---------------------------------------------------------------------------------------


def parse_json(text: str | bytes, source: str, what: str) -> dict[str, Any]:
    """The JSON object that ``text`` spells.

    Args:
        text: UTF-8.
        source: file it comes from, for the message.
        what: what it is, for the message.

    Raises:
        ModelFileError: no JSON, no object, or outside the limits of this module.
    """
    if len(text) > MAX_BYTES:
        raise ModelFileError(source, f"{what} has {len(text):,} bytes", f"at most {MAX_BYTES:,}")
    try:
        data = json.loads(
            text if isinstance(text, str) else text.decode(),
            object_pairs_hook=_object,
            parse_constant=_refuse,
            parse_float=_finite,
        )
        _check(data)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ModelFileError(
            source, f"{what} is not usable JSON: {reason}", "JSON in UTF-8"
        ) from None
    if not isinstance(data, dict):
        raise ModelFileError(source, f"{what} is a JSON {type(data).__name__}", "a JSON object")
    return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        [(double, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"key {double[:80]!r} stands there twice")
    return made


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is too large")
    return value


def _check(data: object) -> None:
    """Look at every value, level by level: depth, length of texts, size of integers."""
    level = [data]
    for _ in range(MAX_DEPTH + 1):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below += value
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str):
                value.encode()  # a ValueError for half a surrogate pair, which nothing could print
                if len(value) > MAX_TEXT:
                    raise ValueError(f"a text is {len(value):,} characters long")
            elif isinstance(value, int) and abs(value) >= MAX_INTEGER:
                raise ValueError("an integer has more than 63 bits")
        if not below:
            return
        level = below
    raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
