"""What a ``config.json`` may say, and how Keras's form of it becomes minicnn's.

Class names are looked up in a closed table (the layers of minicnn and the caller's
``custom_objects``); no module is ever imported because a file names it. Keras's arguments that
minicnn lacks are dropped where they ask for nothing (a regularizer of None) and refused by name
where they ask for something.
"""

import functools
import inspect
from typing import Any

from minicnn.registry import suggestion
from minicnn.saving.files import ModelFileError
from minicnn.saving.objects import is_model_class, own_classes

MAX_LAYERS, _MAX_PROBLEMS = 4096, 20

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
        ModelFileError: it names a class or asks for something that minicnn does not have; the
            first twenty such places are listed.
    """
    reader = _Reader(source, custom_objects)
    config = reader.layer(data, "")
    if not reader.problems and "layers" not in config["config"]:
        reader.problems.append(f"it is a single {data['class_name']}, not a Sequential model")
    if reader.problems:
        raise reader.error()
    return config


class _Reader:
    """Goes through the layers; returns what is fit for ``from_config`` and collects what is not."""

    def __init__(self, source: str, custom_objects: dict[str, Any]) -> None:
        self.source, self.custom = source, custom_objects
        self.problems: list[str] = []
        self._layers = 0

    def error(self) -> ModelFileError:
        listed = "\n  ".join(self.problems)
        return ModelFileError(
            self.source, f"the configuration cannot be used:\n  {listed}\n",
            "a Sequential model of minicnn's layers, with arguments that minicnn has",
        )  # fmt: skip

    def layer(self, data: object, inside: str) -> dict[str, Any]:
        """A serialized layer without the arguments that ask for nothing."""
        self._layers += 1
        if self._layers > MAX_LAYERS:
            self._problem(f"it has more than {MAX_LAYERS} layers", last=True)
        nothing = {"class_name": "", "config": {}}
        wanted = {"class_name": str, "config": dict}
        if not isinstance(data, dict) or any(
            not isinstance(data.get(key), kind) for key, kind in wanted.items()
        ):
            self._problem(f"a layer in {inside!r} is not an object with a class_name and a config")
            return nothing
        class_name, config = data["class_name"], data["config"]
        name = f"{inside}/{str(config.get('name'))[:80]}".lstrip("/")
        label = f"{name!r} ({_short(class_name)})"
        if unknown := sorted(set(data) - _OBJECT_KEYS):
            self._problem(f"{label} has unknown keys {_short(unknown)}")
        key, cls = self._class(data)
        if cls is None:
            self._problem(f"{label}: {self._unknown_class(data)}")
            return nothing
        if not name.isprintable():
            self._problem(f"{label} has control characters in its name")
        if is_model_class(cls):
            config = self._model(config, name, label)
        elif (own := own_classes().get(key)) and cls is own:
            config = self._without_inert(config, own, label)
        return {**data, "class_name": key, "config": config}

    def _model(self, config: dict[str, Any], name: str, label: str) -> dict[str, Any]:
        if not isinstance(config.get("layers"), list):
            self._problem(f"{label} has no list of layers")
            return config
        if unknown := sorted(k for k in config if k not in _MODEL_KEYS and config[k] is not None):
            self._problem(f"{label} has unknown arguments {_short(unknown)}")
        return {**config, "layers": [self.layer(layer, name) for layer in config["layers"]]}

    def _without_inert(self, config: dict[str, Any], cls: type, label: str) -> dict[str, Any]:
        accepted = arguments(cls) | _COMMON_KEYS
        kept = {}
        for key, value in config.items():
            if key in accepted:
                kept[key] = _initializer(value)
            elif value is not None and not (key in _INERT and _INERT[key] == value):
                self._problem(
                    f"{label} has {key[:80]!r}: {_short(value)}, which minicnn does not have"
                    f"{suggestion(key[:80], accepted)}"
                )
        return kept

    def _class(self, data: dict[str, Any]) -> tuple[str, type | None]:
        """The class that serialized data names and the name it is found by, or None."""
        for key in (data["class_name"], data.get("registered_name")):
            if isinstance(key, str) and key in self.custom:
                return key, self.custom[key]
        key, module = data["class_name"], data.get("module")
        from_keras = isinstance(module, str) and module.split(".")[0] == "keras"
        if from_keras or (module is None and data.get("registered_name") is None):
            return key, own_classes().get(key)
        return key, None

    def _unknown_class(self, data: dict[str, Any]) -> str:
        name, module = data["class_name"][:80], data.get("module")
        if name in ("Functional", "Model"):
            return "minicnn has no models but Sequential"
        message = f"minicnn has no layer class {name!r}"
        if isinstance(module, str) and module.split(".")[0] != "keras":
            message += f" of module {module[:80]!r}"
        hint = suggestion(name, [n for n in {**own_classes(), **self.custom} if n != name])
        return f"{message}{hint}; hand your own classes over as custom_objects={{{name!r}: ...}}"

    def _problem(self, text: str, last: bool = False) -> None:
        self.problems.append(text)
        if last or len(self.problems) >= _MAX_PROBLEMS:  # looking further is a waste of time
            self.problems.append("and more")
            raise self.error()


def _initializer(value: object) -> object:
    """A serialized initializer without the arguments that minicnn derives itself."""
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        return value
    config = {
        k: v for k, v in value["config"].items() if not (k in _INITIALIZER_KEYS and v is None)
    }
    return {**value, "config": config}


@functools.cache
def arguments(cls: type) -> set[str]:
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


def _short(value: object) -> str:
    """``value`` for a message, on one short line."""
    if isinstance(value, dict) and "class_name" in value:
        value = value["class_name"]
    text = value if isinstance(value, str) and value.isidentifier() else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
