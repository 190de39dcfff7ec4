"""Optimizers, with Keras's names, arguments and arithmetic."""

from typing import Any

from minicnn.engine.identify import suggestion
from minicnn.optimizers import schedules
from minicnn.optimizers.adam import Adam, AdamW
from minicnn.optimizers.base import Optimizer
from minicnn.optimizers.rmsprop import RMSprop
from minicnn.optimizers.sgd import SGD

__all__ = [
    "SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "deserialize", "get", "schedules", "serialize",
]  # fmt: skip

_CLASSES = {c.__name__.lower(): c for c in (Adam, AdamW, SGD, RMSprop)}


def get(identifier: Any) -> Optimizer:
    """An optimizer from its name (in any case), its configuration, or itself.

    Raises:
        ValueError: unknown name, with the nearest known one; a class; anything else.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier, "config": {}})
    message = f"Could not interpret optimizer identifier: {identifier!r}"
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        message += f"; this is the class, write {identifier.__name__}() to make an optimizer"
    raise ValueError(message)


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Keras's dictionary of an optimizer, with its ``class_name`` and ``config``."""
    return {
        "module": "keras.optimizers",
        "class_name": type(optimizer).__name__,
        "config": optimizer.get_config(),
        "registered_name": None,
    }


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
    """The optimizer of a dictionary that ``serialize`` made.

    Args:
        config: the dictionary.
        custom_objects: optimizers, schedules and learning rate functions of your own, by name.

    Raises:
        ValueError: unknown ``class_name``; the nearest known one is suggested.
    """
    custom = custom_objects or {}
    name = config["class_name"]
    cls = custom.get(name) or _CLASSES.get(str(name).lower())
    if cls is None:
        raise ValueError(
            f"Could not interpret optimizer identifier: {name}"
            f"{suggestion(str(name), [*_CLASSES, *custom])}"
        )
    return cls.from_config(dict(config.get("config") or {}), custom)
