"""The arithmetic. ``get(name)`` returns a backend: a module of the functions in ``spec.py``."""

import importlib
from types import ModuleType

from minicnn.backends.errors import BackendError

__all__ = ["BackendError", "get", "names"]

#: name a user gives -> module, packages it needs beside NumPy, extra that installs them
_BACKENDS = {
    "numpy": ("minicnn.backends.reference", (), None),
    "numba": ("minicnn.backends.numba_cpu", ("numba", "scipy"), None),
    "cupy": ("minicnn.backends.cupy_gpu", ("cupy",), "cuda13"),
}


def names() -> tuple[str, ...]:
    """Every backend's name, the textbook first."""
    return tuple(_BACKENDS)


def get(name: str) -> ModuleType:
    """Import a backend on demand.

    Args:
        name: "numpy" (plain NumPy, the textbook), "numba" (fast on a CPU), "cupy" (NVIDIA GPU).

    Raises:
        ValueError: no backend has that name.
        BackendError: the backend exists but something it needs is missing; the message names it.
    """
    if name not in _BACKENDS:
        raise ValueError(f"unknown backend {name!r}; there are {', '.join(map(repr, _BACKENDS))}")
    module, needs, extra = _BACKENDS[name]
    try:
        return importlib.import_module(module)
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
