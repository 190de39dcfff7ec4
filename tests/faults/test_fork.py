"""A process forked after kernels ran: an error or a right result, never a hang or a kill."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

PROGRAM = """
import multiprocessing, os, signal, threading
import numpy as np
import minicnn
from minicnn.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from minicnn.models import Sequential

x = np.random.default_rng(0).random((400, 28, 28, 1), "float32")


def made():
    return Sequential([Input((28, 28, 1)), Conv2D(8, 3, activation="relu"), MaxPooling2D(),
                       Flatten(), Dense(10)])


def in_child(function):
    # what function() says in a forked process; an alarm ends it should it hang
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            said = function()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    status = os.waitpid(child, 0)[1]
    assert status == 0, f"the child ended with {status}"
    return os.read(reader, 10_000).decode()
"""

CASES = {
    "kernels ran": """
model = made()
model.predict(x, verbose=0)
print(in_child(lambda: str(model.predict(x, verbose=0).shape)))
""",
    "none ran": """
model = made()
print(in_child(lambda: str(model.predict(x, verbose=0).shape)))
print(model.predict(x, verbose=0).shape)
""",
    "weights and files": """
model = made()
right = model.predict(x, verbose=0)
model.save("m.keras")

def load():
    minicnn.config.set_backend("numpy")
    loaded = minicnn.models.load_model("m.keras")
    model.save("again.keras")
    assert (loaded.get_weights()[0] == model.get_weights()[0]).all()
    return str(np.abs(loaded.predict(x, verbose=0) - right).max() < 1e-5)

print(in_child(load))
""",
    "another thread computes": """
model = made()
model.predict(x, verbose=0)
held, go_on = threading.Event(), threading.Event()

def hold():
    with model.executor().ops.running():
        held.set()
        go_on.wait(60)

thread = threading.Thread(target=hold)
thread.start()
held.wait()
print(in_child(lambda: str(model.predict(x, verbose=0).shape)))
go_on.set()
thread.join()
""",
    "multiprocessing": """
model = made()
right = model.predict(x, verbose=0)

def work(begin):
    return model.predict(x[begin : begin + 100], verbose=0)

with multiprocessing.get_context("fork").Pool(2) as pool:
    try:
        parts = pool.map(work, range(0, 400, 100))
        assert np.allclose(np.concatenate(parts), right, atol=1e-5)
        print("(400, 10)")
    except RuntimeError as error:
        print(f"RuntimeError: {error}")
""",
}

REFUSED = "RuntimeError: this process was forked after kernels had run"
SHAPE = "(400, 10)"

#: (case, what computes) -> what is said; Numba's own threads ("workqueue") survive a fork
EXPECTED = {
    ("kernels ran", "omp"): [REFUSED],
    ("kernels ran", "workqueue"): [SHAPE],
    ("none ran", "omp"): [SHAPE, SHAPE],
    ("weights and files", "omp"): ["True"],
    ("another thread computes", "omp"): [REFUSED],
    ("another thread computes", "numpy"): [SHAPE],
    ("multiprocessing", "omp"): [REFUSED],
    ("multiprocessing", "numpy"): [SHAPE],
}


def run(code, tmp_path, **environment):
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM + code],
        capture_output=True, text=True, cwd=tmp_path, timeout=120, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    ).stdout.splitlines()  # fmt: skip


@pytest.mark.parametrize(("case", "computes"), EXPECTED)
def test_forked(case, computes, tmp_path):
    if computes == "numpy":
        lines = run(CASES[case], tmp_path, MINICNN_BACKEND="numpy")
    else:
        if computes == "omp" and not gnu_openmp():
            pytest.skip("Numba does not run on GNU's OpenMP here")
        lines = run(CASES[case], tmp_path, MINICNN_BACKEND="numba", NUMBA_THREADING_LAYER=computes)
    expected = EXPECTED[case, computes]
    assert [line[: len(e)] for line, e in zip(lines, expected, strict=True)] == expected
    if lines[0].startswith(REFUSED):
        assert "get_context('spawn')" in lines[0]


def gnu_openmp():
    try:
        from numba.np.ufunc import omppool
    except ImportError:
        return False
    return omppool.openmp_vendor == "GNU"
