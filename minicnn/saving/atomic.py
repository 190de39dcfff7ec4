"""Writing a file so that its name always stands for a whole one: the old or the new."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed: no lock is needed
    fcntl = None  # type: ignore[assignment]

_SUFFIX = ".minicnn-tmp"


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new file that takes the place of ``path`` when the block ends without an error.

    What is written goes to a temporary file in the same folder, reaches the disk, and is renamed.
    A crash at any moment leaves the old file or the new one. The permissions of an existing file
    are kept, a symbolic link stays a link, and what an earlier crash left behind is removed.

    Raises:
        OSError: the file cannot be written (no space, no permission, no folder, a folder or device
            in its place); a file that was there is unchanged.
    """
    target = Path(os.path.realpath(path))
    try:
        mode = _mode_of(target)
        _remove_leftovers(target)
        temporary, descriptor = _create(target)
    except OSError as error:
        raise _explained(error, path) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.chmod(temporary, mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:  # renamed while the lock is held: nobody takes it for a leftover
                os.replace(temporary, target)
        if fcntl is None:
            os.replace(temporary, target)
        _sync_folder(target.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise _explained(error, path) from error
        raise


def _mode_of(target: Path) -> int | None:
    """Permissions of the file to be replaced, None if there is none."""
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(21, "it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise OSError(22, "it is not an ordinary file (a pipe or a device)")
    if not os.access(target, os.W_OK):
        raise PermissionError(13, "the file that is there is write-protected")
    return stat.S_IMODE(status.st_mode)


def _create(target: Path) -> tuple[Path, int]:
    """A new temporary file beside ``target``, locked for as long as it is open."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    while True:
        temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}{_SUFFIX}")
        descriptor = os.open(temporary, flags, 0o666)
        if _lock(descriptor) and temporary.exists():
            return temporary, descriptor
        os.close(descriptor)  # another process took it for a leftover before it was locked


def _remove_leftovers(target: Path) -> None:
    """Remove the temporary files of savers that died: nobody holds their locks."""
    beginning = f".{target.name[:100]}."
    for name in os.listdir(target.parent):
        if not (name.startswith(beginning) and name.endswith(_SUFFIX)):
            continue
        with contextlib.suppress(OSError):
            descriptor = os.open(target.with_name(name), os.O_RDWR)
            try:
                if _lock(descriptor):
                    os.unlink(target.with_name(name))
            finally:
                os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; False if another process has locked it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself reach the disk."""
    with contextlib.suppress(OSError):  # some file systems cannot, and Windows
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _explained(error: OSError, path: str | os.PathLike[str]) -> OSError:
    reason = error.strerror or str(error)
    if isinstance(error, FileNotFoundError):
        reason = f"there is no folder {str(Path(path).parent)!r}"
    return OSError(
        error.errno, f"cannot save: {reason}; a file that was there is unchanged", os.fspath(path)
    )
