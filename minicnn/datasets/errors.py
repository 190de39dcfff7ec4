"""What can go wrong with a data set: a file that is not what it should be, a failed download."""

import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DatasetFileError(ValueError):
    """A file of a data set is not what it should be. Nothing of it was used.

    Attributes:
        path: the file.
        found: what is there.
        expected: what should be there.
    """

    def __init__(self, path: Path, found: str, expected: str) -> None:
        super().__init__(f"{path}: found {found}, expected {expected}")
        self.path = path
        self.found = found
        self.expected = expected

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self.found, self.expected)


class DownloadError(OSError):
    """A file of a data set could not be fetched, or not be written to the cache.

    The message names each address with its reason, and where to put the file by hand.
    """


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
        raise DatasetFileError(
            path, f"a file that cannot be read ({error!s:.300})", expected
        ) from error
