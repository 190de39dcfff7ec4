"""Layers as plain dictionaries, in Keras's form, and back."""

from typing import Any

from minicnn import layers
from minicnn.layers.base import Layer
from minicnn.layers.core import InputLayer
from minicnn.registry import suggestion
from minicnn.saving.custom_objects import get_registered_name, known


def serialize_layer(layer: Layer) -> dict[str, Any]:
    """Keras's serialized form of a layer."""
    module = "keras.layers" if type(layer).__module__.startswith("minicnn.") else None
    if hasattr(layer, "compile"):  # a model inside a model
        module = "keras"
    serialized: dict[str, Any] = {
        "module": module,
        "class_name": type(layer).__name__,
        "config": layer.get_config(),
        "registered_name": None if module else get_registered_name(type(layer)),
    }
    if layer.built and layer._input_shape is not None and not isinstance(layer, InputLayer):
        serialized["build_config"] = {"input_shape": layer._input_shape}
    return serialized


def deserialize_layer(data: dict[str, Any], custom_objects: Any = None) -> Layer:
    """A new layer from its serialized form; classes come from a closed table.

    Args:
        custom_objects: classes of one's own by name, beside those handed over for good.

    Raises:
        ValueError: a class that is neither minicnn's nor one's own.
    """
    from minicnn.models.sequential import Sequential  # which is made of layers itself

    table: dict[str, Any] = {name: getattr(layers, name) for name in layers.__all__}
    table = {n: c for n, c in table.items() if isinstance(c, type)} | known(custom_objects)
    table["Sequential"] = Sequential
    if not isinstance(data, dict) or not isinstance(data.get("config"), dict):
        raise ValueError(
            f"a layer is a dictionary with class_name and config. Expected 'config' to be a dict, "
            f"got {data!r:.200}"
        )
    name = data.get("class_name")
    if name not in table:
        raise ValueError(
            f"unknown layer class {name!r}{suggestion(str(name), table) or '.'} Pass your own "
            "classes with custom_objects={'Name': Class}"
        )
    cls: Any = table[name]
    config = dict(data["config"])
    is_model = isinstance(cls, type) and issubclass(cls, Sequential)
    return cls.from_config(config, custom_objects) if is_model else cls.from_config(config)
