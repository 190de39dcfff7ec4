"""From a name, a configuration, a class or an object to an object, for every family."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from minicnn.engine.naming import snake_case


def suggestion(name: str, known: Iterable[str]) -> str:
    """ "; did you mean 'relu'?" for the nearest known name, or nothing."""
    known = list(known)
    lowered = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    return f"; did you mean {lowered[near[0]]!r}?" if near else ""


def lookup(
    identifier: Any,
    family: str,
    classes: Iterable[type],
    aliases: Mapping[str, type] | None = None,
    ignore_case: bool = False,
) -> Any:
    """The object that ``identifier`` stands for.

    Args:
        identifier: a name ("glorot_uniform" or "GlorotUniform"), Keras's serialized form
            ({"class_name": ..., "config": {...}}), a class of the family, or an object.
        family: its name in messages, such as "initializer".
        classes: the closed table of what may be named.
        aliases: further names.

    Raises:
        ValueError: an unknown name; the nearest known one is suggested.
    """
    table: dict[str, type] = {c.__name__: c for c in classes}
    table |= {snake_case(c.__name__): c for c in classes} | dict(aliases or {})
    if ignore_case:
        table |= {name.lower(): c for name, c in table.items()}
    if isinstance(identifier, dict) and "class_name" in identifier:
        name, config = identifier["class_name"], dict(identifier.get("config") or {})
        if name not in table:
            raise _unknown(name, family, table)
        cls = table[name]
        return cls.from_config(config) if hasattr(cls, "from_config") else cls(**config)
    if isinstance(identifier, str):
        name = identifier.lower() if ignore_case else identifier
        if name not in table:
            raise _unknown(identifier, family, table)
        return table[name]()
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier):
        return identifier
    raise ValueError(
        f"Could not interpret {family} identifier: {identifier!r}; expected a name, an object or "
        "a callable"
    )


def _unknown(name: str, family: str, table: dict[str, type]) -> ValueError:
    return ValueError(
        f"Could not interpret {family} identifier: {name}{suggestion(str(name), table)}"
    )
