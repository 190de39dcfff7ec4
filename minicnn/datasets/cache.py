"""Where the files of the data sets lie: a folder of the user's, Keras's cache, our part of it.

Keras's cache is read and never written; what is downloaded goes to the folder ``minicnn`` inside
it. Nothing that exists is replaced or deleted, whatever it holds.
"""

import hashlib
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

from minicnn.datasets.errors import DatasetFileError, DownloadError


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


class Digest:
    """Hashes a file piece by piece and tells whether it is the published one."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)

    def update(self, chunk: bytes) -> None:
        """Take the next piece."""
        self.size += len(chunk)
        self._sha256.update(chunk)
        self._md5.update(chunk)

    def difference(self, file: PublishedFile) -> str | None:
        """What differs from the published file, or None."""
        if self.size != file.size:
            return f"{self.size:,} bytes instead of {file.size:,}"
        if self._sha256.hexdigest() != file.sha256:
            return f"SHA-256 {self._sha256.hexdigest()} instead of {file.sha256}"
        if self._md5.hexdigest() != file.md5:
            return f"MD5 {self._md5.hexdigest()} instead of {file.md5}"
        return None


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
        difference = _difference(keras_path, file)
        if difference is None:
            return keras_path
        warnings.warn(
            f"{keras_path} is not the published file ({difference}). It is left as it is.",
            stacklevel=3,
        )
    if os.path.exists(path):
        difference = _difference(path, file)
        if difference is None:
            return path
        raise DatasetFileError(path, difference, "the published file: move this one away")

    from minicnn.datasets.download import download  # urllib and ssl, which only a download needs

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


def _difference(path: Path, file: PublishedFile) -> str | None:
    """How a file on disk differs from the published one, or None."""
    if not path.is_file():  # a folder, or a pipe that would block when opened
        return "not a regular file"
    if (size := path.stat().st_size) != file.size:
        return f"{size:,} bytes instead of {file.size:,}"
    digest = Digest()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        return f"not readable: {error.strerror}"
    return digest.difference(file)
