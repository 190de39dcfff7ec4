"""Compiled kernels are kept on disk; a cache that cannot be used costs a compilation, no more.

Numba's own cache ends the program when no folder can be written, when the disk is full and when a
file in it is damaged: object code that a killed machine left half written is run as it is. Here a
kernel's file begins with its checksum, what cannot be read is compiled again, and what cannot be
written is done without, which is said once.

Nor does Numba's cache see a change in another file: a kernel kept on disk goes on calling what it
was compiled with. Here a change in any file of this package makes every kernel anew.
"""

import hashlib
import pickle
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile

_DIGEST_SIZE = 32
_njit: Any = njit  # Numba's own annotations leave two of its options out


def cached_njit(**options: Any) -> Callable[[Callable], Any]:
    """``numba.njit`` with a cache on disk, no fault of which is a fault of the program."""

    def decorate(function: Callable) -> Any:
        kernel = _njit(no_cfunc_wrapper=True, **options)(function)
        try:
            kernel._cache = _KernelCache(function)
        except (RuntimeError, OSError) as error:  # no place for it: Numba's own stands for "none"
            _say(error)
        return kernel

    return decorate


def part(**options: Any) -> Callable[[Callable], Any]:
    """``numba.njit`` for a function that only kernels call: nothing is made to call it from Python.

    That would be a fifth of the time that all kernels take to compile.
    """
    return _njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)


@cache
def _sources() -> str:
    """A digest of every file that a kernel's code may come from."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _KernelCache(FunctionCache):
    """Numba's cache of a function, whose faults are those of a cache that is empty."""

    def __init__(self, function: Callable) -> None:
        super().__init__(function)
        self._cache_file = _CheckedFiles(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=(self._impl.locator.get_source_stamp(), _sources()),
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kernel for these types, None if it is not there or cannot be used."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # unpickling something foreign raises whatever it likes
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a kernel, if that can be done."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _say(error)


class _CheckedFiles(IndexDataCacheFile):
    """The files of a cache: an index, and one file for each kernel with its checksum in front."""

    def _load_index(self) -> dict:
        try:
            return super()._load_index()
        except FileNotFoundError:
            return {}
        except OSError:
            raise
        except Exception:  # damaged: it is written anew with the next kernel
            return {}

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(content).digest() + content)

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        digest, content = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
        if hashlib.sha256(content).digest() != digest:
            raise OSError(f"{name} is damaged")  # for the caller as if it were not there
        return pickle.loads(content)


_said = False


def _say(error: Exception) -> None:
    """Say once why kernels are not kept."""
    global _said
    if not _said:
        _said = True
        print(
            f"minicnn: compiled kernels cannot be kept ({error}); they are compiled again at every "
            "start. Set NUMBA_CACHE_DIR to a folder that can be written",
            file=sys.stderr, flush=True,
        )  # fmt: skip
