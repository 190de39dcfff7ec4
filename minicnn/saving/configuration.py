"""What a ``config.json`` may say, and how Keras's form of it becomes minicnn's.

Class names are looked up in a closed table (the layers of minicnn and the caller's
``custom_objects``); no module is ever imported because a file names it. Keras's arguments that
minicnn lacks are dropped where they ask for nothing (a regularizer of None) and refused by name
where they ask for something.
"""

import inspect
from typing import Any

from minicnn.engine.identify import suggestion
from minicnn.saving.errors import ModelFileError

MAX_LAYERS = 4096

#: keys of a serialized object
_OBJECT_KEYS = {
    "module", "class_name", "config", "registered_name", "build_config", "compile_config",
    "shared_object_id", "name",
}  # fmt: skip
_MODEL_KEYS = {"name", "trainable", "dtype", "layers", "build_input_shape"}
#: arguments every layer takes, from Keras or older programs
_COMMON_KEYS = {"input_shape", "input_dim", "batch_input_shape", "autocast"}
#: Keras's arguments that ask for nothing when they have this value (besides None)
_INERT = {"synchronized": False, "renorm": False, "renorm_momentum": 0.99}
#: Keras's arguments of initializers that minicnn's derive from the shape
_INITIALIZER_KEYS = ("input_axes", "output_axes")


def checked(data: dict[str, Any], source: str, custom_objects: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a Sequential model, in the form that ``from_config`` takes.

    Args:
        data: the parsed ``config.json``.
        source: file it comes from, for messages.
        custom_objects: the caller's classes by name.

    Raises:
        ModelFileError: it names a class or asks for something that minicnn does not have; every
            such place is listed.
    """
    problems: list[str] = []
    counter = [0]
    config = _layer(data, "the model", custom_objects, problems, counter)
    if not problems and "layers" not in config["config"]:
        problems.append(
            f"the model is of class {data['class_name']!r}; minicnn reads Sequential models"
        )
    if problems:
        shown = problems[:20]
        if len(problems) > len(shown):
            shown.append(f"and {len(problems) - len(shown)} more")
        raise ModelFileError(source, "the configuration cannot be used:\n  " + "\n  ".join(shown))
    return config


def _layer(
    data: Any, where: str, custom: dict[str, Any], problems: list[str], counter: list[int]
) -> dict[str, Any]:
    """A serialized layer without the arguments that ask for nothing; problems are collected."""
    counter[0] += 1
    if counter[0] > MAX_LAYERS:
        if counter[0] == MAX_LAYERS + 1:
            problems.append(f"it has more than {MAX_LAYERS} layers")
        return {"class_name": "", "config": {}}
    if (
        not isinstance(data, dict)
        or not isinstance(data.get("class_name"), str)
        or not isinstance(data.get("config"), dict)
    ):
        problems.append(f"{where} is not an object with a class_name and a config")
        return {"class_name": "", "config": {}}
    name, config = data["class_name"], data["config"]
    label = f"{where} ({name[:80]} {str(config.get('name'))[:80]!r})"
    if unknown := set(data) - _OBJECT_KEYS:
        problems.append(f"{label} has unknown keys {sorted(unknown)}")
    if (cls := _class(data, custom)) is None:
        problems.append(f"{label}: " + _unknown_class(data, custom))
        return {"class_name": name, "config": {}}
    if not str(config.get("name") or "x").isprintable():
        problems.append(f"{where} has a name with control characters")
    if _is_model(cls):
        config = _model(config, label, custom, problems, counter)
    elif name in _own_classes() and cls is _own_classes()[name]:
        config = _without_inert(config, cls, label, problems)
    return {**data, "config": config}


def _model(
    config: dict[str, Any], label: str, custom: dict[str, Any], problems: list[str],
    counter: list[int],
) -> dict[str, Any]:  # fmt: skip
    layers = config.get("layers")
    if not isinstance(layers, list):
        problems.append(f"{label} has no list of layers")
        return config
    if unknown := {key for key in set(config) - _MODEL_KEYS if config[key] is not None}:
        problems.append(f"{label} has unknown arguments {sorted(unknown)}")
    cleaned = [
        _layer(layer, f"layer {i} of {label}", custom, problems, counter)
        for i, layer in enumerate(layers[: MAX_LAYERS + 1])
    ]
    return {**config, "layers": cleaned}


def _without_inert(
    config: dict[str, Any], cls: type, label: str, problems: list[str]
) -> dict[str, Any]:
    accepted = _arguments(cls) | _COMMON_KEYS
    kept = {}
    for key, value in config.items():
        if key in accepted:
            kept[key] = _initializer(value)
        elif value is not None and not (key in _INERT and _INERT[key] == value):
            problems.append(
                f"{label} has {key}={_short(value)}, which minicnn does not have"
                f"{suggestion(key, accepted)}"
            )
    return kept


def _initializer(value: Any) -> Any:
    """A serialized initializer without the arguments that minicnn derives itself."""
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        return value
    config = {
        k: v for k, v in value["config"].items() if not (k in _INITIALIZER_KEYS and v is None)
    }
    return {**value, "config": config}


def _class(data: dict[str, Any], custom: dict[str, Any]) -> Any:
    """The class that serialized data names, or None."""
    for key in (data["class_name"], data.get("registered_name")):
        if isinstance(key, str) and key in custom:
            return custom[key]
    module = data.get("module")
    from_keras = isinstance(module, str) and module.split(".")[0] == "keras"
    if from_keras or (module is None and data.get("registered_name") is None):
        return _own_classes().get(data["class_name"])
    return None


def _unknown_class(data: dict[str, Any], custom: dict[str, Any]) -> str:
    name, module = data["class_name"][:80], data.get("module")
    message = f"minicnn has no layer class {name!r}"
    if isinstance(module, str) and module.split(".")[0] != "keras":
        message += f" of module {module[:80]!r}"
    hint = suggestion(name, [n for n in {**_own_classes(), **custom} if n != name])
    return f"{message}{hint}. Hand your own classes over as custom_objects={{{name!r}: ...}}"


def _own_classes() -> dict[str, Any]:
    """The closed table."""
    from minicnn import layers, models

    table = {name: getattr(layers, name) for name in layers.__all__ if name != "Layer"}
    return {n: c for n, c in table.items() if isinstance(c, type)} | {
        "Sequential": models.Sequential
    }


def _is_model(cls: Any) -> bool:
    from minicnn.models import Sequential

    return isinstance(cls, type) and issubclass(cls, Sequential)


def _arguments(cls: type) -> set[str]:
    """Names that the constructor takes, those it hands on to its bases included."""
    names: set[str] = set()
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
        names |= {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        if all(p.kind != p.VAR_KEYWORD for p in parameters):
            break
    return names - {"self"}


def _short(value: Any) -> str:
    if isinstance(value, dict) and "class_name" in value:
        return str(value["class_name"])[:80]
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
