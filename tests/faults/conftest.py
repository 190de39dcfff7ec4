"""Processes to be killed."""

import multiprocessing
import sys

import pytest


@pytest.fixture(scope="session")
def processes():
    """New processes in a few milliseconds each, forked from one that has imported everything."""
    if sys.platform == "win32":
        pytest.skip("there is no SIGKILL")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.test_backup", "tests.faults.test_resume", "h5py"])
    return context
