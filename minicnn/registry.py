"""Objects by name: a name, saved dictionary or class becomes an object, an object a dictionary.

Losses, metrics, optimizers, initializers and the others each have one table of names; a
:class:`Registry` reads it. What the saved form of an object holds, its class says once, in
``saved_arguments``.
"""

import difflib
import functools
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

#: what stands for an object: its name, its saved form, its class, itself, or None for nothing
Identifier = str | dict[str, Any] | Callable[..., Any] | None

#: family -> what makes something that JSON can hold of its objects
SERIALIZERS: dict[str, Callable[[Any], object]] = {}


#: how many objects of a class have been named so far, in this process
_counts: Counter[str] = Counter()


@functools.lru_cache(maxsize=1024)  # a model of thousands of layers has few classes
def snake_case(class_name: str) -> str:
    """``MaxPooling2D`` -> ``max_pooling2d``, by Keras's three rules (``ReLU`` -> ``re_lu``)."""
    name = re.sub(r"\W+", "", class_name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(cls: type) -> str:
    """The next unused name for an object of this class: conv2d, conv2d_1, ..."""
    prefix = snake_case(cls.__name__)
    number = _counts[prefix]
    _counts[prefix] += 1
    return f"{prefix}_{number}" if number else prefix


def reset_names() -> None:
    """Start counting from zero again."""
    _counts.clear()


def suggestion(name: str, known: Iterable[str]) -> str:
    """ "; did you mean 'relu'?" for the nearest known name, or nothing."""
    known = list(known)
    lowered = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    return f"; did you mean {lowered[near[0]]!r}?" if near else ""


def names_of(*classes: type) -> dict[str, type]:
    """The classes by name, in both spellings: "GlorotUniform" and "glorot_uniform"."""
    return {c.__name__: c for c in classes} | {snake_case(c.__name__): c for c in classes}


def public_names(package: str) -> list[str]:
    """What a package shows, for its ``__all__``: the classes and functions that users meet."""
    modules = {n: str(getattr(v, "__module__", "")) for n, v in vars(sys.modules[package]).items()}
    return sorted(
        name
        for name, module in modules.items()
        if not name.startswith("_")
        and module.startswith("minicnn.")
        and not module.startswith(("minicnn.backends.", "minicnn.engine."))
    )


class Configured:
    """An object that is rebuilt from the arguments of its constructor.

    Attributes:
        saved_arguments: the names of those arguments, each kept in the attribute of that name, in
            the order in which Keras saves them.
    """

    saved_arguments: tuple[str, ...] = ()

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this object."""
        return saved_arguments(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A new object from what ``get_config`` returned."""
        return cls(**config)


def saved_arguments(owner: Any) -> dict[str, Any]:
    """The values of ``owner.saved_arguments``, as JSON can hold them.

    Attributes whose name ends in the name of a family hold its objects: "initializer",
    "kernel_initializer".
    """
    config = {}
    for name in owner.saved_arguments:
        value, serialize = getattr(owner, name), SERIALIZERS.get(name.rpartition("_")[2])
        config[name] = value if serialize is None else serialize(value)
    return config


def serialized_function(function: Any) -> dict[str, Any]:
    """Keras's dictionary of a function: only its name."""
    name = getattr(function, "__name__", repr(function))
    kind = {"module": "builtins", "class_name": "function"}
    return {**kind, "config": name, "registered_name": "function"}


class Registry:
    """One family of objects: what may be named, and how an object becomes a dictionary.

    Args:
        family: its name in messages, such as "initializer".
        module: where Keras has it, such as "keras.initializers".
        names: the closed table of what may be named: classes, of which a name gives an object, and
            functions, of which it gives the function.
        further: names to suggest beside these.
        foreign: makes the "module" of an object whose class is not in the table; by default such
            an object is saved like the others.
        ignore_case: whether a name may be written in any case; those in the table are lower-case.
        needs: a method that objects of the family have beside ``__call__``.
        advice: what to do where it is missing, for the message.
    """

    def __init__(
        self, family: str, module: str, names: Mapping[str, Any], further: Iterable[str] = (),
        foreign: Callable[[type], str | None] | None = None, ignore_case: bool = False,
        needs: str = "__call__", advice: str = "",
    ) -> None:  # fmt: skip
        self.family, self.module, self.names = family, module, names
        self.further, self.foreign, self.ignore_case = tuple(further), foreign, ignore_case
        self.needs, self.advice = needs, advice
        SERIALIZERS[family] = self.serialize

    def find(self, name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The class or function of that name, one's own before the family's.

        Raises:
            ValueError: an unknown name; the nearest known one is suggested.
        """
        custom = custom_objects or {}
        key = str(name).lower() if self.ignore_case else name
        if name in custom:
            return custom[name]
        if key in self.names:
            return self.names[key]
        hint = suggestion(str(name), [*self.names, *self.further, *custom])
        raise ValueError(f"Could not interpret {self.family} identifier: {name}{hint}")

    def get(self, identifier: Identifier) -> Any:
        """The object that ``identifier`` stands for; None for None.

        Args:
            identifier: a name or Keras's serialized form ({"class_name": ..., "config": {...}}) or
                a class gives an object; the name of a function gives the function; an object or a
                function gives itself.

        Raises:
            ValueError: an unknown name (the nearest known one is suggested), or none of these.
        """
        if identifier is None:
            return None
        if isinstance(identifier, dict) and "class_name" in identifier:
            return self.deserialize(identifier)
        found = self.find(identifier) if isinstance(identifier, str) else identifier
        if isinstance(found, type):
            found = found()
        if callable(found) and hasattr(found, self.needs):
            return found
        advice = self.advice if callable(found) else "; expected a name, an object or a callable"
        raise ValueError(f"Could not interpret {self.family} identifier: {identifier!r}{advice}")

    def serialize(self, obj: Any) -> Any:
        """Keras's dictionary of an object; None of None."""
        if obj is None:
            return None
        cls = type(obj)
        is_foreign = self.foreign is not None and cls not in self.names.values()
        return {
            "module": self.foreign(cls) if self.foreign and is_foreign else self.module,
            "class_name": cls.__name__,
            "config": obj.get_config() if hasattr(obj, "get_config") else {},
            "registered_name": cls.__name__ if is_foreign else None,
        }

    def deserialize(
        self, config: dict[str, Any] | str, custom_objects: dict[str, Any] | None = None
    ) -> Any:
        """The object of a dictionary (or name) that ``serialize`` made.

        Args:
            config: the dictionary, or a name.
            custom_objects: classes and functions of your own, by name.

        Raises:
            ValueError: an unknown name; the nearest known one is suggested.
        """
        if isinstance(config, str):
            custom = custom_objects or {}
            return custom[config] if config in custom else self.get(config)
        if not isinstance(config, dict) or "class_name" not in config:
            raise ValueError(
                f"Could not interpret serialized {self.family}: {config!r}; expected a dictionary "
                "with class_name and config"
            )
        if config["class_name"] == "function" and isinstance(config.get("config"), str):
            return self.deserialize(config["config"], custom_objects)
        cls = self.find(config["class_name"], custom_objects)
        arguments = dict(config.get("config") or {})
        return cls.from_config(arguments) if hasattr(cls, "from_config") else cls(**arguments)
