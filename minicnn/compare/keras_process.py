"""Keras in a process of its own, which may be another Python's."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np

from minicnn.compare.capture import Training
from minicnn.compare.recording import Arrays

_SCRIPT = Path(__file__).with_name("keras_side.py")
_FIND = "import importlib.util as u; print(*(n for n in {names} if u.find_spec(n) is None))"
_NEEDED = ["keras", "tensorflow", "h5py"]


def check_keras(python: str) -> None:
    """Look for Keras before anything long begins.

    Raises:
        ImportError: the Python at the path ``python`` lacks what is needed; it says what to do.
        OSError: there is no such Python.
    """
    found = subprocess.run(
        [python, "-c", _FIND.format(names=_NEEDED)], capture_output=True, text=True, check=False
    )
    if found.returncode:
        raise OSError(f"{python!r} is not a working Python: {found.stderr.strip()[-300:]}")
    if missing := found.stdout.split():
        raise ImportError(
            f"this compares with the real Keras, but {python} has no {' and no '.join(missing)}. "
            f"Install it there:  {python} -m pip install keras tensorflow-cpu   (or tensorflow), "
            "or name a Python that has it with --keras-python PATH"
        )


def run_keras(training: Training, python: str) -> Arrays:
    """The same arrays as ``recording.record``, from Keras.

    Raises:
        RuntimeError: Keras failed; the end of its report is in the message.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        training.fresh().save(folder / "model.keras")
        batches: dict[str, np.ndarray] = {}
        for i, (x, y, weights) in enumerate(training.batches):
            batches |= {f"x{i}": x, f"y{i}": y}
            if weights is not None:
                batches[f"w{i}"] = weights
        np.savez(folder / "batches.npz", **batches)  # type: ignore[arg-type]
        done = subprocess.run(
            [python, str(_SCRIPT), name], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"Keras failed:\n{done.stderr.strip()[-2000:]}")
        with np.load(folder / "keras.npz") as file:
            return dict(file)
