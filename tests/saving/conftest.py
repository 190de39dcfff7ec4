"""Files are the same whatever computes: these tests use the textbook backend."""

import pytest

from minicnn import config


@pytest.fixture(autouse=True)
def textbook(request):
    """The NumPy backend, unless the test goes through several itself."""
    if "backend" in request.fixturenames:
        yield
        return
    before = config.backend()
    config.set_backend("numpy")
    yield
    config.set_backend(before)
