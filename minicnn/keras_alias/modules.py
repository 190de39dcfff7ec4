"""Modules named ``keras...`` and ``tensorflow...``, and their way into ``sys.modules`` and out."""

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from minicnn import __version__
from minicnn.keras_alias import table
from minicnn.registry import public_names, suggestion

_ROOTS = ("keras", "tensorflow")


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

    def __getattr__(self, name: str) -> object:
        if name == "__all__":
            return self.__dir__()
        if name in self._names:
            return getattr(importlib.import_module(self._names[name]), name)
        if self._source and not name.startswith("_"):
            module = importlib.import_module(self._source)
            if name in _shown(module):
                return getattr(module, name)
        raise AttributeError(missing(self, name), name=name)

    def __dir__(self) -> list[str]:
        own = {name for name in vars(self) if not name.startswith("_")}
        shown = _shown(importlib.import_module(self._source)) if self._source else []
        return sorted({*own, *shown, *self._names})


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


def _shown(module: ModuleType) -> list[str]:
    """What a module means to show: ``__all__``, else the classes and functions of minicnn in it."""
    return getattr(module, "__all__", None) or public_names(module.__name__)


class _NothingElse(MetaPathFinder):
    """Asked only for names below the roots that are no alias module: says what is missing."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        parent, _, name = fullname.rpartition(".")
        module = sys.modules.get(parent)
        if not isinstance(module, AliasModule):
            return None
        if name in dir(module):
            raise ModuleNotFoundError(f"{fullname} is not a module: from {parent} import {name}")
        # without ``name=``: ``from keras.layers import X`` would swallow it for a poorer sentence
        raise ModuleNotFoundError(missing(module, name))


_finder = _NothingElse()
_set_aside: dict[str, ModuleType] = {}


def install() -> None:
    """Make ``keras`` and ``tensorflow`` mean minicnn until ``uninstall``."""
    if _finder in sys.meta_path:
        return
    _set_aside.update(_take_out())
    sys.modules.update(build())
    sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """Make ``keras`` and ``tensorflow`` mean again what they meant before ``install``."""
    if _finder not in sys.meta_path:
        return
    sys.meta_path.remove(_finder)
    _take_out()
    sys.modules.update(_set_aside)
    _set_aside.clear()


@contextmanager
def installed() -> Iterator[None]:
    """``install`` inside a ``with`` block, as it was before after it."""
    before = _finder in sys.meta_path
    install()
    try:
        yield
    finally:
        if not before:
            uninstall()


def _take_out() -> dict[str, ModuleType]:
    """Remove every module of the two roots from ``sys.modules`` and return them."""
    names = [name for name in sys.modules if name.partition(".")[0] in _ROOTS]
    return {name: sys.modules.pop(name) for name in names}
