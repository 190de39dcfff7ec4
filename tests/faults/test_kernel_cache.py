"""Numba's cache of kernels: read-only, nowhere, full, stale, damaged, filled by several at once."""

import importlib.util
import os
import resource
import subprocess
import sys

import numba
import numpy as np
import pytest

from minicnn.backends.numba_cpu import caching
from tests.faults.privileges import read_only, run_obedient

KERNEL = """
from minicnn.backends.numba_cpu.caching import cached_njit

@cached_njit()
def scaled(x):
    return {factor} * x
"""
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from kernel import scaled
print(scaled(7))
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of the cache; a program with a kernel is in the folder ``program`` beside it."""
    folder = tmp_path / "캐시 1"
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder))
    monkeypatch.setattr(caching, "_said", False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "kernel.py").write_text(KERNEL.format(factor=3))
    return folder


def call(cache):
    """(value of the kernel, how often it came from the cache), as a program that starts sees it."""
    source = cache.parent / "program" / "kernel.py"
    spec = importlib.util.spec_from_file_location("kernel", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.scaled(7), sum(module.scaled.stats.cache_hits.values())


def test_a_kernel_is_compiled_once(cache):
    assert call(cache) == (21, 0)
    assert call(cache) == (21, 1)


@pytest.mark.parametrize("ending", [".nbc", ".nbi"])
def test_a_damaged_cache_is_made_anew(cache, ending, capfd):
    call(cache)
    [path] = cache.rglob(f"*{ending}")
    whole = path.read_bytes()
    place = int(np.random.default_rng(1).integers(len(whole) // 2, len(whole)))  # in object code
    flipped = whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
    for spoilt in (b"", whole[: len(whole) // 2], b"\x80\x04.", b"no pickle", flipped):
        path.write_bytes(spoilt)
        value, hits = call(cache)
        assert value == 21
        assert hits == 0 or ending == ".nbi"  # no damaged code is run, whatever is damaged
        assert call(cache) == (21, 1)  # mended
    assert capfd.readouterr() == ("", "")


def test_a_cache_of_older_code_is_not_used(cache):
    call(cache)
    (cache.parent / "program" / "kernel.py").write_text(KERNEL.format(factor=50))
    assert call(cache) == (350, 0)
    assert call(cache) == (350, 1)


def test_a_cache_of_kernels_that_called_older_code_is_not_used(cache, monkeypatch):
    """A kernel's own file may be as it was, while one that it calls into has changed."""
    monkeypatch.setattr(caching, "_sources", lambda: "before")
    call(cache)
    assert call(cache) == (21, 1)
    monkeypatch.setattr(caching, "_sources", lambda: "after")
    assert call(cache) == (21, 0)


def test_several_processes_fill_one_cache(cache):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-c", PROGRAM, str(cache.parent / "program")]
    three = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate(timeout=300)[0] for process in three] == [b"21\n"] * 3
    # a fourth one: what a process stores is found again by name, as the programs import it
    command[2] += "print(sum(scaled.stats.cache_hits.values()))"
    assert subprocess.check_output(command, env=environment, timeout=300) == b"21\n1\n"
    assert list(cache.rglob("*.tmp*")) == []


def test_a_full_disk(cache, capfd):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        assert call(cache) == (21, 0)
        assert call(cache) == (21, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    said = capfd.readouterr().err
    assert said.startswith("minicnn: compiled kernels cannot be kept")
    assert said.count("\n") == 1
    assert "NUMBA_CACHE_DIR" in said
    assert call(cache) == (21, 0)  # nothing half written was taken for a kernel
    assert call(cache) == (21, 1)


def test_no_folder_can_be_written(cache, tmp_path):
    """A package that another user installed, and no home: kernels run, and it is said."""
    folder = read_only(tmp_path / "nowhere")
    program = tmp_path / "program"
    program.chmod(0o555)
    done = run_obedient(
        PROGRAM, program, NUMBA_CACHE_DIR=str(folder / "cache"), HOME=str(folder),
        XDG_CACHE_HOME=str(folder), IPYTHONDIR=str(folder),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "21\n"
    assert done.stderr.count("compiled kernels cannot be kept") == 1


def test_every_kernel_of_the_backend_is_kept_in_this_way():
    from numba.core.caching import FunctionCache
    from numba.core.dispatcher import Dispatcher

    from minicnn.backends import get

    get("numba")
    modules = [m for name, m in sys.modules.items() if name.startswith("minicnn.backends.numba_")]
    kernels = {k for m in modules for k in vars(m).values() if isinstance(k, Dispatcher)}
    caches = [k._cache for k in kernels if isinstance(k._cache, FunctionCache)]
    assert len(caches) > 30
    assert all(isinstance(cache, caching._KernelCache) for cache in caches)
