"""Classes and functions of one's own that model files may name, beside minicnn's.

A file names a class; it never says where to import it from. So the classes of a program are handed
over: in one call (``load_model(path, custom_objects={"Scale": Scale})``), for some lines
(``with custom_object_scope({"Scale": Scale}):``), or for good
(``@register_keras_serializable()`` above the class).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_registered: dict[str, Any] = {}


def get_custom_objects() -> dict[str, Any]:
    """The classes and functions handed over so far, by name. What is put in is handed over, too."""
    return _registered


@contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Hand classes and functions over, by name, inside a ``with`` block."""
    before = dict(_registered)
    _registered.update(custom_objects or {})
    try:
        yield
    finally:
        _registered.clear()
        _registered.update(before)


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Any], Any]:
    """Hand the class or function below over, as ``package>name``.

    Example::

        @register_keras_serializable(package="course")
        class Scale(Layer): ...

    Raises:
        ValueError: a class without ``get_config``, or a name that stands for something else.
    """

    def register(decorated: Any) -> Any:
        full = f"{package}>{name or decorated.__name__}"
        if isinstance(decorated, type) and not hasattr(decorated, "get_config"):
            raise ValueError(
                f"Cannot register a class that does not have a get_config() method: {decorated}"
            )
        if _registered.get(full, decorated).__qualname__ != decorated.__qualname__:
            raise ValueError(f"{full} has already been registered to {_registered[full]}")
        _registered[full] = decorated
        return decorated

    return register


def get_registered_name(obj: Any) -> str:
    """``package>name`` of a registered class or function, else its own name."""
    return next((n for n, o in _registered.items() if o is obj), obj.__name__)


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Any = None
) -> Any:
    """What ``name`` stands for among what was handed over, or None."""
    return known(custom_objects).get(name, (module_objects or {}).get(name))


def known(custom_objects: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All that was handed over, and ``custom_objects``: by full name and by class name."""
    short = {name.rpartition(">")[2]: obj for name, obj in _registered.items()}
    return {**short, **_registered, **(custom_objects or {})}
