"""A cache folder of its own for every test, and a server that misbehaves on request."""

import pytest

from tests.datasets.server import Server


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    """An empty KERAS_HOME, with a space and Korean letters in its path, and no other source."""
    home = tmp_path / "내 컴퓨터" / "keras home"
    monkeypatch.setenv("KERAS_HOME", str(home))
    monkeypatch.delenv("MINICNN_DATA", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def server():
    with Server() as running:
        yield running
