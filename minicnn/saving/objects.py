"""Objects of minicnn as dictionaries, in Keras's form, and back; and which classes may be named.

A file names a class; it never says where to import it from. Classes are looked up in one closed
table of minicnn's, and among those that a program hands over: in one call
(``load_model(path, custom_objects={"Scale": Scale})``), for some lines
(``with custom_object_scope({"Scale": Scale}):``), or for good
(``@register_keras_serializable()`` above the class).
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeGuard

import minicnn
from minicnn import constraints, initializers, layers, losses, metrics, optimizers, regularizers
from minicnn.optimizers import schedules
from minicnn.registry import serialized_function, suggestion

if TYPE_CHECKING:
    from minicnn.models.model import Model

#: what a program handed over for good, by name
_registered: dict[str, Any] = {}

#: "module" of a dictionary -> base class, what makes dictionaries of its objects, and back
_FAMILIES: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "keras.losses": (losses.Loss, losses.serialize, losses.deserialize),
    "keras.metrics": (metrics.Metric, metrics.serialize, metrics.deserialize),
    "keras.optimizers": (optimizers.Optimizer, optimizers.serialize, optimizers.deserialize),
    "keras.optimizers.schedules": (
        schedules.LearningRateSchedule, schedules.serialize, schedules.deserialize,
    ),
    "keras.initializers": (initializers.Initializer, initializers.serialize, initializers.get),
    "keras.regularizers": (regularizers.Regularizer, regularizers.serialize, regularizers.get),
    "keras.constraints": (constraints.Constraint, constraints.serialize, constraints.get),
}  # fmt: skip


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
    name: str, custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:  # fmt: skip
    """What ``name`` stands for among what was handed over, or None."""
    return known(custom_objects).get(name, (module_objects or {}).get(name))


def known(custom_objects: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All that was handed over, and ``custom_objects``: by full name and by class name."""
    short = {name.rpartition(">")[2]: obj for name, obj in _registered.items()}
    return {**short, **_registered, **(custom_objects or {})}


# -- classes ------------------------------------------------------------------------------------


# A model saves itself, so ``minicnn.models`` imports this package and not the other way round. The
# one class of models is asked for, when it is needed, by the name under which programs have it.


@functools.cache
def own_classes() -> dict[str, type[layers.Layer]]:
    """minicnn's layers and its model by name: the closed table."""
    table = {name: getattr(layers, name) for name in layers.__all__ if name != "Layer"}
    table["Sequential"] = minicnn.Sequential
    return {name: cls for name, cls in table.items() if isinstance(cls, type)}


def is_model(layer: object) -> TypeGuard["Model"]:
    """Whether a layer is made of layers."""
    return isinstance(layer, minicnn.Sequential)


def is_model_class(cls: object) -> bool:
    """Whether layers of this class are made of layers."""
    return isinstance(cls, type) and issubclass(cls, minicnn.Sequential)


# -- layers -------------------------------------------------------------------------------------


def serialize_layer(layer: layers.Layer) -> dict[str, Any]:
    """Keras's serialized form of a layer."""
    is_own = type(layer).__module__.startswith("minicnn.")
    module = "keras" if is_model(layer) else "keras.layers" if is_own else None
    serialized: dict[str, Any] = {
        "module": module,
        "class_name": type(layer).__name__,
        "config": layer.get_config(),
        "registered_name": None if module else get_registered_name(type(layer)),
    }
    if layer.built and layer._input_shape is not None and not isinstance(layer, layers.InputLayer):
        serialized["build_config"] = {"input_shape": layer._input_shape}
    return serialized


def deserialize_layer(
    data: dict[str, Any], custom_objects: dict[str, Any] | None = None
) -> layers.Layer:
    """A new layer from its serialized form; classes come from a closed table.

    Args:
        custom_objects: classes of one's own by name, beside those handed over for good.

    Raises:
        ValueError: a class that is neither minicnn's nor one's own.
    """
    table = own_classes() | known(custom_objects) | {"Sequential": minicnn.Sequential}
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
    cls, config = table[name], dict(data["config"])
    return (
        cls.from_config(config, custom_objects) if is_model_class(cls) else cls.from_config(config)
    )


# -- any object ---------------------------------------------------------------------------------


def serialize_keras_object(obj: object) -> Any:
    """``obj`` as something JSON can hold.

    Args:
        obj: a layer, model, loss, metric, optimizer, schedule, initializer, regularizer or
            constraint; a function, of which the name is kept; a list, tuple or dictionary of
            these; a number, text or None, which stay as they are.

    Raises:
        ValueError: anything else.
    """
    if obj is None or isinstance(obj, (str, int, float)):
        return obj
    if isinstance(obj, (list, tuple)):
        return [serialize_keras_object(item) for item in obj]
    if isinstance(obj, dict):
        return {key: serialize_keras_object(item) for key, item in obj.items()}
    if isinstance(obj, layers.Layer):
        return serialize_layer(obj)
    for base, serialize, _ in _FAMILIES.values():
        if isinstance(obj, base):
            return serialize(obj)
    if hasattr(obj, "__name__"):
        return serialized_function(obj) | {"registered_name": get_registered_name(obj)}
    raise ValueError(f"cannot serialize {obj!r}: it is no object of minicnn and has no name")


def deserialize_keras_object(
    config: object, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """The object of what :func:`serialize_keras_object` returned.

    Classes come from minicnn, from ``custom_objects`` and from what was handed over before (see
    :mod:`minicnn.saving.objects`), and from nowhere else.

    Args:
        config: the dictionary, or a list or dictionary of such.
        custom_objects: classes and functions of your own by name.
        safe_mode: there is no other mode.

    Raises:
        ValueError: an unknown class.
    """
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
    if (module := str(config.get("module"))) in _FAMILIES:
        return _FAMILIES[module][2](config)
    return deserialize_layer(config, custom_objects)
