"""Downloads a published file: several addresses, a bound, both hashes, and nothing half done.

The bytes go to a file beside the target whose name ends in ``.part``. Only when its hashes are
right is it renamed, so that under its final name a file is complete or absent.
"""

import http.client
import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from minicnn.datasets.cache import Digest, PublishedFile
from minicnn.datasets.errors import DownloadError

TIMEOUT = 20.0  # seconds without a byte after which an address is given up
LEAST = 20_000  # bytes that must come in this time: with fewer nobody would wait for the end
_CHUNK = 1 << 16
_ABANDONED = 24 * 3600.0  # seconds after which a .part file belongs to no running download


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
                _fetch(file, target, out)
                out.flush()
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


def _fetch(file: PublishedFile, target: Path, out: BinaryIO) -> None:
    """Write the file to ``out`` from the first address that serves it."""
    reasons = []
    for url in file.urls:
        print(f"Downloading data from {url}", flush=True)
        out.seek(0)  # whoever succeeds writes file.size bytes, over all that came before
        digest = Digest()
        try:
            for chunk in _body(url, file.size):
                digest.update(chunk)
                out.write(chunk)
            if difference := digest.difference(file):
                raise _AddressFailed(difference)
            return
        except _AddressFailed as error:
            reasons.append(f"  {url}: {error}")
    raise DownloadError(
        "\n".join(
            [
                f"{target.name} is not on this machine and could not be downloaded:",
                *reasons,
                f"Get it by hand ({file.size:,} bytes, SHA-256 {file.sha256}) and put it at",
                f"  {target}",
                "or use minicnn.datasets.rendered_digits, which needs no network.",
            ]
        )
    )


def _body(url: str, size: int) -> Iterator[bytes]:
    """The bytes that an address serves, ``size`` of them at most.

    Raises:
        _AddressFailed: an HTTP error, a broken or silent connection, another length.
    """
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
