"""Programs that obey the permissions of files, even where the tests run as root."""

import ctypes
import os
import subprocess
import sys

import pytest

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


def run_obedient(program, *arguments, **environment):
    """Run a Python program that may only do what the permission bits say; returns what it said."""
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        preexec_fn=_obey if os.geteuid() == 0 else None,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def read_only(folder):
    """Make a folder that nobody may write to; skip where that cannot be tried."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o555)
    tried = run_obedient("import sys; open(sys.argv[1], 'w')", folder / "x")
    if tried.returncode == 0:
        pytest.skip("this user may write to read-only folders, and cannot give that up")
    return folder


def _obey():
    """Give up root's right to go past permissions, for the program that is started next."""
    libc = ctypes.CDLL(None)
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
