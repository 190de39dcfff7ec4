"""The arithmetic. ``get(name)`` returns a backend: a module of the functions in ``spec.py``."""

import importlib
from functools import cache
from types import ModuleType
from typing import cast

from minicnn.backends.spec import REQUIRED, Backend, BackendError

__all__ = ["BackendError", "get", "names"]

#: name a user gives -> module, packages it needs beside NumPy, extra that installs them
_BACKENDS = {
    "numpy": ("minicnn.backends.reference", (), None),
    "numba": ("minicnn.backends.numba_cpu", ("numba", "scipy"), None),
    "cupy": ("minicnn.backends.cupy_gpu", ("cupy",), "cuda13"),
}


def names() -> tuple[str, ...]:
    """Every backend's name, the reference first."""
    return tuple(_BACKENDS)


def get(name: str) -> Backend:
    """Import a backend on demand.

    Args:
        name: "numpy" (plain NumPy, the reference), "numba" (fast on a CPU), "cupy" (NVIDIA GPU).

    Raises:
        ValueError: no backend has that name.
        BackendError: something that the backend needs is missing, or an operation that it must
            have; the message names it.
    """
    if name not in _BACKENDS:
        raise ValueError(f"unknown backend {name!r}; there are {', '.join(map(repr, _BACKENDS))}")
    module, needs, extra = _BACKENDS[name]
    try:
        backend = importlib.import_module(module)
    except BackendError:
        raise  # the backend has looked for itself and says what is missing
    except ImportError as error:
        if error.name == module:
            raise BackendError(
                f"the {name!r} backend is not part of this version of minicnn; choose another one "
                "with minicnn.config.set_backend(...)",
                name=module,
            ) from error
        if (error.name or "").startswith("minicnn"):
            raise  # a fault of the library, not of the machine
        missing = error.name or ", ".join(needs)
        install = f"minicnn[{extra}]" if extra else " ".join(needs)
        raise BackendError(
            f"the {name!r} backend cannot be used: {error}. It needs {missing}; "
            f"install it with  pip install {install!r}  or choose another backend "
            "with minicnn.config.set_backend(...)",
            name=missing,
        ) from error
    _check(name, backend)
    return cast(Backend, backend)


@cache  # once a backend
def _check(name: str, backend: ModuleType) -> None:
    """Nothing falls back: every operation of the contract must be there before a model is built."""
    if missing := [f for f in REQUIRED if not callable(getattr(backend, f, None))]:
        raise BackendError(
            f"the {name!r} backend ({backend.__name__}) has no {', '.join(missing)}; expected "
            "every operation of minicnn/backends/spec.py, as it is described there",
            name=backend.__name__,
        )
