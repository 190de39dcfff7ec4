"""Where the files of the data sets lie: a folder of the user's, Keras's cache, our part of it.

Keras's cache is read and never written; what is downloaded goes to the folder ``minicnn`` inside
it. Nothing that exists is replaced or deleted, whatever it holds. A download goes to a file beside
the target whose name ends in ``.part``; only when its hashes are right is it renamed, so that under
its final name a file is complete or absent.
"""

import hashlib
import os
import secrets
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from minicnn.datasets.readers import DatasetFileError

TIMEOUT = 20.0  # seconds without a byte after which an address is given up
LEAST = 20_000  # bytes that must come in this time: with fewer nobody would wait for the end
_CHUNK = 1 << 16
_ABANDONED = 24 * 3600.0  # seconds after which a .part file belongs to no running download


class DownloadError(OSError):
    """A file of a data set could not be fetched, or not be written to the cache.

    The message names each address with its reason, and where to put the file by hand.
    """


@dataclass(frozen=True)
class PublishedFile:
    """A file as its authors published it.

    Attributes:
        name: its path inside Keras's ``datasets`` folder.
        urls: the addresses that serve it, the one to try first in front.
        size: in bytes.
        sha256: its hash, in hexadecimal digits.
        md5: the older hash that its authors publish.
    """

    name: str
    urls: tuple[str, ...]
    size: int
    sha256: str
    md5: str


def user_archive(name: str) -> Path | None:
    """The archive of this name in the folder ``MINICNN_DATA``, or at an absolute path.

    Raises:
        DatasetFileError: ``MINICNN_DATA`` is set to something that is not a folder.
    """
    folder = os.environ.get("MINICNN_DATA", "")
    if folder and not os.path.isdir(folder):
        raise DatasetFileError(
            Path(folder), "no folder", f"MINICNN_DATA to be unset or a folder that may hold {name}"
        )
    if not folder and not os.path.isabs(name):
        return None
    path = Path(folder, name)
    return path if os.path.exists(path) else None


def fetch(file: PublishedFile) -> Path:
    """The path of a published file, downloaded if neither Keras nor we have it.

    Raises:
        DatasetFileError: something else lies where the download belongs.
        DownloadError: no address served the file, or the cache cannot be written.
    """
    folder = _keras_folder() / "datasets"
    keras_path, path = folder / file.name, folder / "minicnn" / file.name
    if os.path.exists(keras_path) and keras_path != path:
        if (other := difference(keras_path, file)) is None:
            return keras_path
        warnings.warn(
            f"{keras_path} is not the published file ({other}). It is left as it is.", stacklevel=3
        )
    if os.path.exists(path):
        if (other := difference(path, file)) is None:
            return path
        raise DatasetFileError(path, other, "the published file: move this one away")
    download(file, path)
    return path


def _keras_folder() -> Path:
    """``KERAS_HOME`` if it is set, else ``.keras`` in the home folder."""
    if folder := os.environ.get("KERAS_HOME"):
        return Path(folder)
    try:
        return Path.home() / ".keras"
    except RuntimeError as error:
        raise DownloadError(
            "There is no home folder to keep data sets in. Set KERAS_HOME to a folder that can be "
            "written, or MINICNN_DATA to one that holds the data."
        ) from error


def difference(path: Path, file: PublishedFile) -> str | None:
    """How a file on disk differs from the published one, or None."""
    if not path.is_file():  # a folder, or a pipe that would block when opened
        return "not a regular file"
    if (size := path.stat().st_size) != file.size:
        return f"{size:,} bytes instead of {file.size:,}"
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                sha256.update(chunk)
                md5.update(chunk)
    except OSError as error:
        return f"not readable: {error.strerror}"
    for name, found, published in (("SHA-256", sha256, file.sha256), ("MD5", md5, file.md5)):
        if found.hexdigest() != published:
            return f"{name} {found.hexdigest()} instead of {published}"
    return None


class _AddressFailed(Exception):
    """An address did not serve the file; the text says why."""


def download(file: PublishedFile, target: Path) -> None:
    """Fetch a file from the first of its addresses that serves it, and put it at ``target``.

    Prints the address, and on a terminal how much has come.

    Raises:
        DownloadError: every address failed, or ``target`` cannot be written.
    """
    part = target.with_name(f"{target.name}.{secrets.token_hex(8)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        try:
            with part.open("xb") as out:
                _fetch(file, target, out, part)
                os.fsync(out.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(
            f"Cannot keep {file.name} in {target.parent}: {error.strerror or error}. "
            "Set KERAS_HOME to a folder that can be written, or MINICNN_DATA to one that holds the "
            "data. minicnn.datasets.rendered_digits needs neither."
        ) from error


def _fetch(file: PublishedFile, target: Path, out: BinaryIO, part: Path) -> None:
    """Write the file to ``out``, which lies at ``part``, from the first address that serves it."""
    reasons = []
    for url in file.urls:
        print(f"Downloading data from {url}", flush=True)
        out.seek(0)
        out.truncate()
        try:
            for chunk in _body(url, file.size):
                out.write(chunk)
            out.flush()
            if other := difference(part, file):
                raise _AddressFailed(other)
            return
        except _AddressFailed as error:
            reasons.append(f"  {url}: {error}")
    lines = [
        f"{target.name} is not on this machine and could not be downloaded:",
        *reasons,
        f"Get it by hand ({file.size:,} bytes, SHA-256 {file.sha256}) and put it at",
        f"  {target}",
        "or use minicnn.datasets.rendered_digits, which needs no network.",
    ]
    raise DownloadError("\n".join(lines))


def _body(url: str, size: int) -> Iterator[bytes]:
    """The bytes that an address serves, ``size`` of them at most, or ``_AddressFailed``."""
    import http.client  # these load ssl, which only a download needs
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            announced = response.headers.get("Content-Length")
            if announced is not None and announced != str(size):
                kind = response.headers.get_content_type()
                raise _AddressFailed(f"{announced} bytes of {kind} instead of {size:,}")
            progress = _Progress(size)
            come, before, since = 0, 0, time.monotonic()
            while chunk := response.read1(_CHUNK):  # what is there: read() waits for all of it
                come += len(chunk)
                if come > size:
                    raise _AddressFailed(f"more than {size:,} bytes")
                if (now := time.monotonic()) - since > TIMEOUT:
                    if come - before < LEAST:
                        raise _AddressFailed(f"only {come - before:,} bytes in {now - since:.0f} s")
                    before, since = come, now
                progress.show(come)
                yield chunk
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        raise _AddressFailed(f"HTTP {error.code} {str(error.reason).splitlines()[0]}") from error
    except urllib.error.URLError as error:
        raise _AddressFailed(str(error.reason)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _AddressFailed(str(error) or type(error).__name__) from error


class _Progress:
    """``  42 %  4.8 of 11.5 MB`` on one line of a terminal; nothing elsewhere."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._wanted = sys.stdout is not None and sys.stdout.isatty()
        self._next = 0.0

    def show(self, come: int) -> None:
        done = come == self._size
        if not self._wanted or (time.monotonic() < self._next and not done):
            return
        self._next = time.monotonic() + 0.1
        text = f"\r  {come / self._size:4.0%}  {come / 1e6:.1f} of {self._size / 1e6:.1f} MB"
        print(text, end="\n" if done else "", flush=True)


def _remove_abandoned(target: Path) -> None:
    """Delete what downloads of this file left that were killed long ago."""
    for part in target.parent.glob(f"{target.name}.*.part"):
        if part.stat().st_mtime < time.time() - _ABANDONED:
            part.unlink(missing_ok=True)
