"""Any object of minicnn as a dictionary, in Keras's form, and back."""

from collections.abc import Callable
from typing import Any

from minicnn import constraints, initializers, losses, metrics, optimizers, regularizers
from minicnn.optimizers import schedules
from minicnn.saving.custom_objects import get_registered_name, known

#: base class -> what serializes its objects
_SERIALIZERS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (losses.Loss, losses.serialize),
    (metrics.Metric, metrics.serialize),
    (optimizers.Optimizer, optimizers.serialize),
    (schedules.LearningRateSchedule, schedules.serialize),
    (initializers.Initializer, initializers.serialize),
    (regularizers.Regularizer, regularizers.serialize),
    (constraints.Constraint, constraints.serialize),
)
#: "module" of a dictionary -> what makes an object of it
_DESERIALIZERS: dict[str, Callable[[Any], Any]] = {
    "keras.losses": losses.deserialize,
    "keras.metrics": metrics.deserialize,
    "keras.optimizers": optimizers.deserialize,
    "keras.optimizers.schedules": schedules.deserialize,
    "keras.initializers": initializers.get,
    "keras.regularizers": regularizers.get,
    "keras.constraints": constraints.get,
}


def serialize_keras_object(obj: Any) -> Any:
    """``obj`` as something JSON can hold.

    Args:
        obj: a layer, model, loss, metric, optimizer, schedule, initializer, regularizer or
            constraint; a function, of which the name is kept; a list, tuple or dictionary of
            these; a number, text or None, which stay as they are.

    Raises:
        ValueError: anything else.
    """
    from minicnn.layers import Layer
    from minicnn.models.configuration import serialize_layer

    if obj is None or isinstance(obj, (str, int, float)):
        return obj
    if isinstance(obj, (list, tuple)):
        return [serialize_keras_object(item) for item in obj]
    if isinstance(obj, dict):
        return {key: serialize_keras_object(item) for key, item in obj.items()}
    if isinstance(obj, Layer):
        return serialize_layer(obj)
    for base, serialize in _SERIALIZERS:
        if isinstance(obj, base):
            return serialize(obj)
    if hasattr(obj, "__name__"):
        return {
            "module": "builtins", "class_name": "function", "config": obj.__name__,
            "registered_name": get_registered_name(obj),
        }  # fmt: skip
    raise ValueError(f"cannot serialize {obj!r}: it is no object of minicnn and has no name")


def deserialize_keras_object(
    config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """The object of what :func:`serialize_keras_object` returned.

    Classes come from minicnn, from ``custom_objects`` and from what was handed over before (see
    :mod:`minicnn.saving.custom_objects`), and from nowhere else.

    Args:
        config: the dictionary, or a list or dictionary of such.
        custom_objects: classes and functions of your own by name.
        safe_mode: there is no other mode.

    Raises:
        ValueError: an unknown class.
    """
    from minicnn.models.configuration import deserialize_layer

    if isinstance(config, (list, tuple)):
        return [deserialize_keras_object(item, custom_objects) for item in config]
    if not isinstance(config, dict):
        return config
    if "class_name" not in config:
        return {k: deserialize_keras_object(v, custom_objects) for k, v in config.items()}
    custom, name = known(custom_objects), config["class_name"]
    if name == "function":
        if not isinstance(config.get("config"), str):
            raise ValueError(f"Expected 'config' to be a non-null str, got {config!r:.200}")
        functions = {f.__name__: f for f in losses.FUNCTIONS} | custom
        if config["config"] in functions:
            return functions[config["config"]]
        raise ValueError(
            f"unknown function {config['config']!r}; pass your own with custom_objects={{...}}"
        )
    if not isinstance(config.get("config"), dict):
        raise ValueError(f"Expected 'config' to be a dict, got {config!r:.200}")
    if name in custom:
        return custom[name].from_config(dict(config["config"]))
    make = _DESERIALIZERS.get(str(config.get("module")))
    return deserialize_layer(config, custom_objects) if make is None else make(config)
