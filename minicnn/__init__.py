"""minicnn: a convolutional network engine that a person can read.

The names are Keras's: ``minicnn.layers``, ``minicnn.models``, ``minicnn.losses``,
``minicnn.datasets`` and so on. Everything is imported on first use, so that ``import minicnn``
loads NumPy and nothing heavier.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_MODULES = (
    "activations", "backend", "backends", "callbacks", "config",
    "constraints", "datasets", "exercises", "export",
    "gradcheck", "initializers", "keras_alias", "layers", "losses", "metrics", "models",
    "optimizers", "plots", "regularizers", "saving", "tracing", "utils",
)  # fmt: skip
#: name -> module that has it
_NAMES = {
    "Sequential": "models",
    "Input": "layers",
    "ModelFileError": "saving",
    "NonFiniteError": "engine.loop",
    "check_gradients": "gradcheck",
    "assert_gradients": "gradcheck",
    "trace": "tracing",
}

__all__ = [*_MODULES, *_NAMES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"minicnn.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"minicnn.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'minicnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
