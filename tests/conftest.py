"""Fixtures and settings for every test: backends, random numbers, data sets, Hypothesis."""

import importlib.util
import os
import random
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from minicnn import backends, config
from tests.gpu import draws, stand_in

hypothesis = draws.find()  # first, so that the tests' own imports find the same
HealthCheck, settings = hypothesis.HealthCheck, hypothesis.settings

# Examples are the same at every run; a first call that compiles a kernel is not "too slow".
settings.register_profile(
    "minicnn",
    deadline=None,
    derandomize=True,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("brief", parent=settings.get_profile("minicnn"), max_examples=3)
settings.load_profile("minicnn")

# Jobs in the background of a shell ignore Ctrl-C, and so would every test that presses it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

DATA_SETS = ("mnist", "fashion_mnist", "cifar10")


def pytest_addoption(parser):
    if hypothesis is draws:
        parser.addoption("--hypothesis-profile", help="minicnn, or brief: few examples a test")


def pytest_configure(config):
    if hypothesis is draws and (name := config.getoption("--hypothesis-profile", None)):
        settings.load_profile(name)


def pytest_report_header():
    if hypothesis is draws:
        return f"Hypothesis is not installed: examples are drawn by {draws.__name__}"
    return None


def load_backend(name):
    """The backend; that of the GPU runs on the stand-in, with MINICNN_TEST_GPU=1 on a real one."""
    if name == "cupy":
        if os.environ.get("MINICNN_TEST_GPU") == "1":
            if reason := _why_no_gpu():
                pytest.fail(f"MINICNN_TEST_GPU=1, but {reason}", pytrace=False)
        elif shutil.which("g++") is None:
            pytest.skip("there is no g++ to run the GPU's kernels on the CPU")
        else:
            stand_in.install()
    return backends.get(name)


@pytest.fixture(
    scope="session", params=["numpy", "numba", pytest.param("cupy", marks=pytest.mark.gpu)]
)
def ops(request):
    """Every backend in turn."""
    return load_backend(request.param)


@pytest.fixture(scope="session", params=["numba", pytest.param("cupy", marks=pytest.mark.gpu)])
def fast_ops(request):
    """Every backend but the textbook, to be compared with it."""
    return load_backend(request.param)


@pytest.fixture
def rng():
    """A random generator that starts from the same seed in every test."""
    return np.random.default_rng(20240229)


@pytest.fixture(autouse=True)
def same_weights_at_every_run():
    """Initial weights, masks and shuffles are drawn from Python's ``random``: seed it."""
    random.seed(0)


@pytest.fixture(autouse=True)
def same_backend_after_every_test():
    """What a test sets is its own."""
    before = config.backend()
    yield
    config.set_backend(before)


@pytest.fixture(scope="session")
def mnist():
    """(x_train, y_train), (x_test, y_test): uint8 (n, 28, 28) and labels (n,)."""
    return _data_set("mnist")


@pytest.fixture(scope="session")
def fashion_mnist():
    """(x_train, y_train), (x_test, y_test): uint8 (n, 28, 28) and labels (n,)."""
    return _data_set("fashion_mnist")


@pytest.fixture(scope="session")
def cifar10():
    """(x_train, y_train), (x_test, y_test): uint8 (n, 32, 32, 3) and labels (n, 1)."""
    return _data_set("cifar10")


def pytest_collection_modifyitems(items):
    """A test that takes a data set is marked ``data``, so that -m "not data" leaves it out."""
    for item in items:
        if set(DATA_SETS) & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.data)


def _why_no_gpu():
    if importlib.util.find_spec("cupy") is None:
        return "CuPy is not installed"
    import cupy

    try:
        return None if cupy.cuda.runtime.getDeviceCount() else "there is no GPU"
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"there is no usable GPU: {error}"


def _data_set(name):
    folder = os.environ.get("MINICNN_DATA")
    if not folder:
        _skip_unless_required("MINICNN_REQUIRE_DATA", "MINICNN_DATA names no folder of data sets")
    path = Path(folder) / f"{name}.npz"
    if not path.is_file():
        _skip_unless_required("MINICNN_REQUIRE_DATA", f"MINICNN_DATA has no {path.name}: {folder}")
    with np.load(path) as file:
        x_train, y_train, x_test, y_test = (
            file[key] for key in ("x_train", "y_train", "x_test", "y_test")
        )
    return (x_train, y_train), (x_test, y_test)


def _skip_unless_required(variable, reason):
    """Skip with the reason; where ``variable`` is 1, nothing may be skipped, so fail instead."""
    if os.environ.get(variable) == "1":
        pytest.fail(f"{reason}, and {variable}=1 does not allow skipping", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(params=["numpy", "numba", pytest.param("cupy", marks=pytest.mark.gpu)])
def backend(request):
    """Name of every backend in turn, set for the models that the test builds."""
    load_backend(request.param)
    before = config.backend()
    config.set_backend(request.param)
    yield request.param
    config.set_backend(before)
