"""Put the alias modules into ``sys.modules`` and take them out again."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from minicnn.keras_alias.modules import AliasModule, build, missing

_ROOTS = ("keras", "tensorflow")


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
