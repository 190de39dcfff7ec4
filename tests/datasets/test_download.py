"""Whatever a server does, a file is complete under its final name or not there at all."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minicnn.datasets import DatasetFileError, DownloadError, cache
from tests.datasets import helpers as h

CONTENT = np.random.default_rng(3).bytes(300_000)
BAD = (
    *("403", "404", "500", "html", "html_no_length", "truncated", "truncated_no_length"),
    *("too_long", "endless", "wrong_length", "absurd_length", "wrong_bytes", "circle"),
    *("redirect_to_file", "stalls_at_once", "stalls_halfway", "drips", "not_http"),
)
STALLS = ("stalls_at_once", "stalls_halfway")
CLOSED = "http://127.0.0.1:1/closed"  # nothing listens there


def own_path(keras_home, name="mnist.npz"):
    return keras_home / "datasets" / "minicnn" / name


def files_below(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(cache, "TIMEOUT", 0.2)


@pytest.mark.parametrize("how", ["good", "no_length", "redirect"])
def test_a_file_is_fetched_once(keras_home, server, capsys, how):
    file = h.published(CONTENT, [server.url(how, CONTENT)])
    path = cache.fetch(file)
    assert path == own_path(keras_home)
    assert path.read_bytes() == CONTENT
    assert files_below(keras_home) == ["datasets/minicnn/mnist.npz"]
    assert capsys.readouterr().out == f"Downloading data from {file.urls[0]}\n"

    asked = len(server.asked)
    assert cache.fetch(file) == path
    assert len(server.asked) == asked
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("how", BAD)
def test_a_bad_address_is_followed_by_the_next(keras_home, server, impatient, how):
    file = h.published(CONTENT, [server.url(how, CONTENT), server.url("good", CONTENT)])
    assert cache.fetch(file).read_bytes() == CONTENT
    assert files_below(keras_home) == ["datasets/minicnn/mnist.npz"]


@pytest.mark.parametrize("how", [*BAD, "nobody", "not_tls"])
def test_only_bad_addresses(keras_home, server, impatient, how):
    url = CLOSED if how == "nobody" else server.url("good" if how == "not_tls" else how, CONTENT)
    if how == "not_tls":
        url = url.replace("http:", "https:")
    file = h.published(CONTENT, [url, CLOSED])
    with pytest.raises(DownloadError) as caught:
        cache.fetch(file)
    message = str(caught.value)
    for part in (url, CLOSED, str(own_path(keras_home)), file.sha256, "rendered_digits"):
        assert part in message
    if how.isdigit():
        assert f"HTTP {how}" in message
    assert len(message) < 1500
    assert files_below(keras_home) == []


def test_what_the_message_asks_for_works(keras_home):
    file = h.published(CONTENT, [CLOSED])
    with pytest.raises(DownloadError) as caught:
        cache.fetch(file)
    place = Path(str(caught.value).splitlines()[-2].strip())
    place.write_bytes(CONTENT)
    assert cache.fetch(file) == place


def test_progress_on_a_terminal(keras_home, server, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    cache.fetch(h.published(CONTENT, [server.url("good", CONTENT)]))
    out = capsys.readouterr().out
    assert out.endswith("\r  100%  0.3 of 0.3 MB\n")
    assert out.isascii()


def test_keras_own_copy_is_used(keras_home, capsys):
    theirs = keras_home / "datasets" / "mnist.npz"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(CONTENT)
    assert cache.fetch(h.published(CONTENT, [CLOSED])) == theirs
    assert capsys.readouterr() == ("", "")


def test_another_file_in_keras_place_is_left_there(keras_home, server):
    theirs = keras_home / "datasets" / "mnist.npz"
    theirs.parent.mkdir(parents=True)
    for other in (CONTENT[::-1], b"", CONTENT[:-1]):
        theirs.write_bytes(other)
        with pytest.warns(UserWarning, match="not the published file.*left as it is"):
            path = cache.fetch(h.published(CONTENT, [server.url("good", CONTENT)]))
        assert path == own_path(keras_home)
        assert path.read_bytes() == CONTENT
        assert theirs.read_bytes() == other


def test_another_file_in_our_place_is_left_there_too(keras_home, server):
    path = own_path(keras_home)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    with pytest.raises(DatasetFileError, match=r"4 bytes instead of 300,000.*move this one away"):
        cache.fetch(h.published(CONTENT, [server.url("good", CONTENT)]))
    assert path.read_bytes() == b"mine"
    assert server.asked == []


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_something_else_in_the_cache(keras_home, make):
    path = own_path(keras_home)
    path.parent.mkdir(parents=True)
    make(path)
    with pytest.raises(DatasetFileError, match="not a regular file"):
        cache.fetch(h.published(CONTENT, [CLOSED]))


def test_both_hashes_count(tmp_path):
    file, path = h.published(CONTENT, []), tmp_path / "a.npz"
    path.write_bytes(CONTENT)
    assert cache.difference(path, file) is None
    for name in ("sha256", "md5"):
        other = replace(file, **{name: "0" * len(getattr(file, name))})
        assert name.upper().replace("SHA", "SHA-") in cache.difference(path, other)


def test_a_cache_that_cannot_be_made(keras_home, server):
    keras_home.parent.mkdir()
    keras_home.write_bytes(b"a file in the way")
    with pytest.raises(DownloadError, match="KERAS_HOME"):
        cache.fetch(h.published(CONTENT, [server.url("good", CONTENT)]))
    assert server.asked == []


def test_a_full_disk(keras_home, server, monkeypatch):
    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(DownloadError, match="No space left on device"):
        cache.fetch(h.published(CONTENT, [server.url("good", CONTENT)]))
    assert files_below(keras_home) == []


def test_no_home_folder(monkeypatch, keras_home):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(DownloadError, match="KERAS_HOME"):
        cache.fetch(h.published(CONTENT, [CLOSED]))


def test_the_default_is_keras_folder_at_home(monkeypatch, keras_home, tmp_path):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    theirs = tmp_path / ".keras" / "datasets" / "mnist.npz"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(CONTENT)
    assert cache.fetch(h.published(CONTENT, [CLOSED])) == theirs


def test_interrupted_by_the_user(keras_home, server, monkeypatch):
    def ctrl_c(self, come):
        raise KeyboardInterrupt

    monkeypatch.setattr(cache._Progress, "show", ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        cache.fetch(h.published(CONTENT, [server.url("good", CONTENT)]))
    assert files_below(keras_home) == []


def fetch_elsewhere(file):
    """Start a process of its own that fetches the file."""
    program = f"from minicnn.datasets.cache import *; print(fetch({file!r}))"
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("how", STALLS)
def test_killed_while_it_downloads(keras_home, server, how):
    file = h.published(CONTENT, [server.url(how, CONTENT)])
    with fetch_elsewhere(file) as process:
        limit = time.monotonic() + 30
        least = len(CONTENT) // 4 if how == "stalls_halfway" else 0
        while sum(p.stat().st_size for p in parts(keras_home)) < least or not server.asked:
            assert time.monotonic() < limit
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    left = parts(keras_home)
    assert len(left) == 1
    assert not own_path(keras_home).exists()

    # The next one succeeds; it leaves the rest of the first alone until that is a day old.
    file = h.published(CONTENT, [server.url("good", CONTENT)])
    assert cache.fetch(file).read_bytes() == CONTENT
    assert parts(keras_home) == left
    own_path(keras_home).unlink()
    os.utime(left[0], (0, 0))
    cache.fetch(file)
    assert parts(keras_home) == []


def parts(keras_home):
    return list(own_path(keras_home).parent.glob("*.part"))


def test_two_processes_fill_one_cache(keras_home, server):
    file = h.published(CONTENT, [server.url("for_two", CONTENT)])
    both = [fetch_elsewhere(file) for _ in range(2)]
    outputs = [process.communicate(timeout=30)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert all(out.splitlines()[-1].endswith("mnist.npz") for out in outputs)
    assert server.asked == ["for_two"] * 2
    assert own_path(keras_home).read_bytes() == CONTENT
    assert files_below(keras_home) == ["datasets/minicnn/mnist.npz"]
