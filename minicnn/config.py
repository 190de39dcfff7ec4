"""Settings of the process: backend, float type, the epsilon of probability losses.

A model looks its backend up once, when it is built, and passes it down explicitly: changing a
setting later concerns the models built after it.
"""

import os

from minicnn import backends
from minicnn.backends.precision import precision, set_precision

__all__ = [
    "backend", "epsilon", "floatx", "image_data_format", "precision", "set_backend", "set_floatx",
    "set_precision",
]  # fmt: skip

_floatx = "float32"
_backend: str | None = None


def backend() -> str:
    """Name of the backend that new models use: "numba" unless set otherwise.

    The first value comes from the environment variable ``MINICNN_BACKEND``.
    """
    return _backend or os.environ.get("MINICNN_BACKEND") or "numba"


def set_backend(name: str) -> None:
    """Choose the backend of the models built from now on: "numba", "numpy" or "cupy".

    Raises:
        ValueError: no backend has that name.
        minicnn.backends.BackendError: it exists but cannot run here; the message says why.
    """
    global _backend
    backends.get(name)
    _backend = name


def floatx() -> str:
    """Float type of the weights of new layers: "float32" unless set otherwise."""
    return _floatx


def set_floatx(value: str) -> None:
    """Choose "float32" (training) or "float64" (gradient checks).

    Raises:
        ValueError: any other name.
    """
    global _floatx
    if value not in ("float32", "float64"):
        raise ValueError(f"floatx must be 'float32' or 'float64', got {value!r}")
    _floatx = value


def epsilon() -> float:
    """The smallest probability that a logarithm is taken of, 1e-7 as in Keras."""
    return 1e-7


def image_data_format() -> str:
    """Always "channels_last": images are (batch, height, width, channels)."""
    return "channels_last"
