"""Optimizers, with Keras's names, arguments and arithmetic."""

from typing import Any

from minicnn import registry
from minicnn.optimizers import schedules
from minicnn.optimizers.base import Optimizer
from minicnn.optimizers.rules import SGD, Adam, AdamW, RMSprop

_NAMES = {c.__name__.lower(): c for c in (Adam, AdamW, SGD, RMSprop)}
_FAMILY = registry.Registry("optimizer", "keras.optimizers", _NAMES, ignore_case=True)


def get(identifier: Optimizer | dict[str, Any] | str) -> Optimizer:
    """An optimizer from its name (in any case), its configuration, or itself.

    Raises:
        ValueError: unknown name, with the nearest known one; a class; anything else.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, (dict, str)):
        return deserialize(identifier)
    message = f"Could not interpret optimizer identifier: {identifier!r}"
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        message += f"; this is the class, write {identifier.__name__}() to make an optimizer"
    raise ValueError(message)


def serialize(optimizer: object) -> Any:
    """Keras's dictionary of an optimizer; None of None."""
    return _FAMILY.serialize(optimizer)


def deserialize(
    config: dict[str, Any] | str, custom_objects: dict[str, Any] | None = None
) -> Optimizer:
    """The optimizer of a dictionary (or name) that ``serialize`` made.

    Args:
        config: the dictionary.
        custom_objects: optimizers, schedules and learning rate functions of your own, by name.

    Raises:
        ValueError: unknown ``class_name``; the nearest known one is suggested.
    """
    if isinstance(config, str):
        config = {"class_name": config}
    cls: type[Optimizer] = _FAMILY.find(config["class_name"], custom_objects)
    return cls.from_config(dict(config.get("config") or {}), custom_objects)


__all__ = ["schedules", *registry.public_names(__name__)]
