"""A model as JSON, how it is compiled included, and a new model from it."""

import json
import random
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from minicnn import config, losses, metrics, optimizers
from minicnn.layers import Layer
from minicnn.saving import configuration, weights
from minicnn.saving.files import ModelFileError, parse_json, printable
from minicnn.saving.objects import deserialize_layer, is_model, known, serialize_layer

if TYPE_CHECKING:
    from minicnn.models.model import Model

_TEXT = "the JSON text"
#: entries of a ``compile_config`` that are the same for every model
_FIXED = {
    "loss_weights": None, "run_eagerly": False, "steps_per_execution": 1, "jit_compile": False,
}  # fmt: skip
_KEYS = {"optimizer", "loss", "metrics", "weighted_metrics", *_FIXED}


def to_json(model: "Model", **kwargs: object) -> str:
    """The model without its weights as JSON, in Keras's form.

    Args:
        model: built or not, compiled or not.
        **kwargs: for ``json.dumps``, such as ``indent``.

    Raises:
        ValueError: something in it cannot be written as JSON, or not be rebuilt from it.
    """
    data = {**serialize_layer(model), "compile_config": serialized_compile(model)}
    try:
        text = json.dumps(data, allow_nan=False, **kwargs)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"model {model.name!r} cannot be saved: {error}. What get_config returns must be "
            "finite numbers, text, lists and dictionaries"
        ) from None
    _check_rebuildable(model, text)
    return text


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """A new model, with fresh weights, from what ``model.to_json()`` returned.

    Raises:
        ModelFileError: (a ValueError) it is not such a text.
    """
    custom = known(custom_objects)
    model, saved = rebuilt(json_string, _TEXT, custom)
    restore_compile(model, saved, _TEXT, custom)
    return model


def clone_model(
    model: "Model", input_tensors: object = None,
    clone_function: Callable[[Layer], Layer] | None = None,
) -> Any:  # fmt: skip
    """A new model of the same layers with fresh weights, compiled as the model is.

    Args:
        model: to be cloned.
        input_tensors: not supported, None.
        clone_function: called with each layer, returns the new one; by default
            ``type(layer).from_config(layer.get_config())``.

    Raises:
        ValueError: ``input_tensors`` was given, or a layer cannot be rebuilt from its
            configuration.
    """
    if input_tensors is not None:
        raise ValueError("clone_model: input_tensors is not supported; leave it out")
    if clone_function is None:
        clone = deserialize_layer(serialize_layer(model), _own_classes(model))
    else:
        make: Callable[..., Layer] = type(model)
        clone = make([clone_function(layer) for layer in model.layers], name=model.name)
    assert is_model(clone)
    if not clone.built and model.built:
        clone.build(model.input_shape)
    if model.compiled:
        own = known(_compiled_with(model))
        restore_compile(clone, serialized_compile(model), f"clone of {model.name!r}", own)
    return clone


def _compiled_with(model: "Model") -> dict[str, Any]:
    """The classes and functions of one's own that ``compile`` was handed, by name."""
    named = (o if hasattr(o, "__name__") else type(o) for o in _flat(model.compile_arguments))
    own = {n.__name__: n for n in (*named, type(model.optimizer))}
    return {k: n for k, n in own.items() if not n.__module__.startswith(("minicnn.", "builtins"))}


def _flat(given: object) -> Iterator[Any]:
    if isinstance(given, (list, tuple, dict)):
        for item in given.values() if isinstance(given, dict) else given:
            yield from _flat(item)
    else:
        yield given


def rebuilt(text: str | bytes, source: str, custom: dict[str, Any]) -> tuple[Any, object]:
    """(model without the values of its weights, its ``compile_config``).

    Raises:
        ModelFileError: ``text`` does not describe a model that minicnn can build.
    """
    data = parse_json(text, source, "config.json")
    cleaned = configuration.checked(data, source, custom)
    try:
        model = deserialize_layer(cleaned, custom)
    except Exception as error:  # whatever a stranger's arguments make a constructor raise
        raise ModelFileError(
            source, f"the model cannot be rebuilt: {error}", "arguments that its layers take"
        ) from error
    return model, data.get("compile_config")


def _check_rebuildable(model: "Model", text: str) -> None:
    """Make each layer anew from the JSON, as loading will: no file is written that cannot be read.

    Raises:
        ValueError: a layer comes out different, or not at all.
    """
    custom = _own_classes(model)
    data = parse_json(text, _TEXT, "config.json")
    pending = [configuration.checked(data, f"model {model.name!r}", custom)]
    before = random.getstate()  # making layers draws seeds
    while pending:
        data = pending.pop()
        if "layers" in data["config"]:
            pending += data["config"]["layers"]
            continue
        label = f"layer {data['config'].get('name')!r} ({data['class_name']})"
        if data["class_name"] in custom:
            lost = configuration.arguments(custom[data["class_name"]]) - set(data["config"])
            if lost:
                raise ValueError(
                    f"not saved: get_config() of {label} leaves out {', '.join(sorted(lost))}, so "
                    "that a file could not restore it; return every argument of the constructor"
                )
        try:
            copy = json.loads(json.dumps(deserialize_layer(data, custom).get_config()))
        except Exception as error:
            raise ValueError(
                f"not saved: {label} could not be rebuilt from its get_config(): {error}"
            ) from error
        changed = [key for key, value in data["config"].items() if copy.get(key) != value]
        if changed:
            raise ValueError(
                f"not saved: {label} would come back with another {', '.join(changed)}; its "
                "get_config() must return the arguments of its constructor"
            )
    random.setstate(before)


def _own_classes(model: "Model") -> dict[str, Any]:
    """The classes in a model that are not minicnn's, by name."""
    classes = [type(model), *(type(layer) for _, layer in weights.layers(model))]
    return {c.__name__: c for c in classes if not c.__module__.startswith("minicnn.")}


# -- loss, optimizer and metrics ----------------------------------------------------------------


def serialized_compile(model: "Model") -> dict[str, Any]:
    """The arguments of ``compile`` in Keras's form; empty for a model that is not compiled."""
    if not model.compiled:
        return {}
    given = model.compile_arguments
    return {
        "optimizer": optimizers.serialize(model.optimizer),
        "loss": _serialize(given["loss"]),
        "loss_weights": None,
        **{key: _serialize(given[key]) for key in ("metrics", "weighted_metrics")},
        **_FIXED,
    }


def restore_compile(model: "Model", saved: object, source: str, custom: dict[str, Any]) -> None:
    """Compile a model as it was; what cannot be had again is a warning, and not compiled."""
    if not saved:
        return
    before = config.floatx()
    try:
        if not isinstance(saved, dict):
            raise ValueError(f"it is a {type(saved).__name__}")
        asked = {k for k, v in saved.items() if k not in _KEYS and v is not None}
        if asked or saved.get("loss_weights") is not None:
            names = sorted(asked) or "loss_weights"
            raise ValueError(f"minicnn does not have {names}")
        config.set_floatx(model.dtype)  # in which an optimizer keeps its learning rate
        optimizer = optimizers.deserialize(saved["optimizer"], custom)
        config.set_floatx(before)
        loss = _deserialize(saved.get("loss"), losses.deserialize, custom)
        watched, weighted = (
            _deserialize(saved.get(key), metrics.deserialize, custom)
            for key in ("metrics", "weighted_metrics")
        )
        model.compile(optimizer, loss, metrics=watched, weighted_metrics=weighted)
    except Exception as error:  # whatever a stranger's configuration makes a constructor raise
        warnings.warn(
            f"{source}: the model is loaded but not compiled, because its loss, optimizer or "
            f"metrics cannot be had again: {printable(str(error))[:1000]}. Call "
            "model.compile(...) before training it",
            stacklevel=3,
        )
    finally:
        config.set_floatx(before)


def _serialize(item: object) -> object:
    """Keras's form of a loss or of metrics as they were handed to ``compile``."""
    if item is None or isinstance(item, str):
        return item
    if isinstance(item, (list, tuple)):
        return [_serialize(part) for part in item]
    if isinstance(item, dict):
        return item if "class_name" in item else {k: _serialize(v) for k, v in item.items()}
    return metrics.serialize(item() if isinstance(item, type) else item)  # losses as well


def _deserialize(
    item: object, deserialize: Callable[..., object], custom: dict[str, Any]
) -> object:
    """A loss or metrics, in whatever lists and dictionaries they stand."""
    if isinstance(item, list):
        return [_deserialize(part, deserialize, custom) for part in item]
    if isinstance(item, dict) and "class_name" not in item:
        return {key: _deserialize(part, deserialize, custom) for key, part in item.items()}
    if isinstance(item, str):
        return custom.get(item, item)
    return deserialize(item, custom) if isinstance(item, dict) else item
