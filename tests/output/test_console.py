import errno
import io
import sys

import pytest

from minicnn.engine import console

pytestmark = pytest.mark.filterwarnings("error")


class Broken(io.StringIO):
    """A stream whose reader is gone."""

    def write(self, text):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


class BrokenAtFlush(io.StringIO):
    def flush(self):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_writes_to_the_stdout_of_the_moment(monkeypatch):
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", first)
    console.write("a")
    monkeypatch.setattr(sys, "stdout", second)
    console.write("b")
    assert (first.getvalue(), second.getvalue()) == ("a", "b")


def test_without_a_console_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    console.write("a")


@pytest.mark.parametrize("stream", [Broken(), BrokenAtFlush()])
def test_a_console_that_fails_warns_and_lets_go_on(stream):
    with pytest.warns(RuntimeWarning, match="standard output cannot be written"):
        console.write("a", stream)


def test_a_closed_stream_warns_and_lets_go_on():
    stream = io.StringIO()
    stream.close()
    with pytest.warns(RuntimeWarning, match="closed"):
        console.write("a", stream)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "━┃┏ 가 x…"),
        ("cp949", "━┃┏ 가 x…"),  # the Korean code page has them all
        ("cp437", "=|+ ? x~"),
        ("ascii", "=|+ ? x~"),
    ],
)
def test_what_the_encoding_lacks_becomes_ascii(encoding, expected):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    console.write("━┃┏ 가 x…", stream)
    assert raw.getvalue().decode(encoding) == expected
