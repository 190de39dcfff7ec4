"""Modules named ``keras...`` and ``tensorflow...`` that show minicnn's own objects."""

import importlib
from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from minicnn import __version__
from minicnn.keras_alias import table
from minicnn.registry import suggestion


class AliasModule(ModuleType):
    """A module without code: a name is looked up where minicnn has it, when it is asked for.

    Args:
        name: such as "keras.layers".
        source: a minicnn module, all of whose public names are shown.
        names: further names, each with the minicnn module that has it.
    """

    def __init__(
        self, name: str, source: str | None = None, names: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(name, f"minicnn under the name {name}.")
        self.__path__: list[str] = []  # a package: ``from keras import layers`` asks the finder
        self.__spec__ = ModuleSpec(name, None, is_package=True)
        self._source = source
        self._names = dict(names or {})

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return self.__dir__()
        if name in self._names:
            return getattr(importlib.import_module(self._names[name]), name)
        if self._source and not name.startswith("_"):
            module = importlib.import_module(self._source)
            if name in _public_names(module):
                return getattr(module, name)
        raise AttributeError(missing(self, name), name=name)

    def __dir__(self) -> list[str]:
        own = {name for name in vars(self) if not name.startswith("_")}
        shown = _public_names(importlib.import_module(self._source)) if self._source else set()
        return sorted(own | shown | self._names.keys())


def missing(module: AliasModule, name: str) -> str:
    """The sentence that says a name is not there, and what is nearest to it."""
    why = table.WHY_NOT.get(name)
    hint = f": {why}" if why else suggestion(name, dir(module))
    return f"minicnn has no {module.__name__}.{name}{hint}"


def build() -> dict[str, AliasModule]:
    """Fresh alias modules under every name they can be imported by."""
    keras = AliasModule("keras", names=table.TOP_LEVEL)
    vars(keras)["__version__"] = f"{table.KERAS_VERSION}+minicnn.{__version__}"
    tensorflow = AliasModule("tensorflow")
    vars(tensorflow)["__version__"] = f"{table.TENSORFLOW_VERSION}+minicnn.{__version__}"
    modules = {"keras": keras, "tensorflow": tensorflow, "tensorflow.keras": keras}
    for path, source in sorted(table.MODULES.items()):  # a parent comes before its children
        module = AliasModule(f"keras.{path}", source)
        modules[f"keras.{path}"] = modules[f"tensorflow.keras.{path}"] = module
    for path, names in table.TENSORFLOW.items():
        modules[f"tensorflow.{path}"] = AliasModule(f"tensorflow.{path}", names=names)
    for path, module in modules.items():
        parent, _, name = path.rpartition(".")
        if parent:
            setattr(modules[parent], name, module)
    return modules


def _public_names(module: ModuleType) -> set[str]:
    """What a module means to show: ``__all__``, else the classes and functions of minicnn in it."""
    if hasattr(module, "__all__"):
        return set(module.__all__)
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and str(getattr(value, "__module__", "")).startswith("minicnn.")
    }
