"""The GPU backend for the tests of this folder: on the stand-in, or where asked for on a GPU."""

from pathlib import Path

import pytest

from minicnn import config
from tests.conftest import load_backend
from tests.gpu.stand_in.device import DEVICE


def pytest_collection_modifyitems(items):
    """All tests here are about the GPU's backend: ``make test-gpu`` runs them on one."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gpu)


@pytest.fixture
def gpu():
    """The backend "cupy", set for the models that the test builds."""
    backend = load_backend("cupy")
    before = config.backend()
    config.set_backend("cupy")
    yield backend
    config.set_backend(before)


@pytest.fixture
def device(gpu):
    """The stand-in's device, whose counts begin at zero; a GPU does not count."""
    import cupy

    if not getattr(cupy, "is_stand_in", False):
        pytest.skip("a GPU does not count what it does")
    DEVICE.counts.reset()
    yield DEVICE
    DEVICE.thread_order = 0
