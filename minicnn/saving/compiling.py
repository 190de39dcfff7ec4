"""The ``compile_config`` of a model file: loss, optimizer and metrics, to JSON and back."""

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minicnn import config, losses, metrics, optimizers

_KEYS = {
    "optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly",
    "steps_per_execution", "jit_compile",
}  # fmt: skip


def serialized(model: Any) -> dict[str, Any]:
    """The arguments of ``compile`` in Keras's form; empty for a model that is not compiled."""
    if not model.compiled:
        return {}
    given = model.compile_arguments
    return {
        "optimizer": optimizers.serialize(model.optimizer),
        "loss": _serialize(given["loss"]),
        "loss_weights": None,
        "metrics": _serialize(given["metrics"]),
        "weighted_metrics": _serialize(given["weighted_metrics"]),
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
    }


def restore(model: Any, saved: Any, source: str, custom_objects: dict[str, Any]) -> None:
    """Compile a model as it was; what cannot be had again is a warning, and not compiled."""
    if not saved:
        return
    try:
        if not isinstance(saved, dict):
            raise ValueError(f"it is a {type(saved).__name__}")
        asked = {k for k, v in saved.items() if k not in _KEYS and v is not None}
        if asked or saved.get("loss_weights") is not None:
            names = sorted(asked) or "loss_weights"
            raise ValueError(f"minicnn does not have {names}")
        with _floatx(model.dtype):
            optimizer = optimizers.deserialize(saved["optimizer"], custom_objects)
        model.compile(
            optimizer=optimizer,
            loss=_loss(saved.get("loss"), custom_objects),
            metrics=_each(saved.get("metrics"), custom_objects),
            weighted_metrics=_each(saved.get("weighted_metrics"), custom_objects),
        )
    except Exception as error:  # whatever a stranger's configuration makes a constructor raise
        warnings.warn(
            f"{source}: the model is loaded but not compiled, because its loss, optimizer or "
            f"metrics cannot be had again: {error}. Call model.compile(...) before training it",
            stacklevel=3,
        )


def _serialize(item: Any) -> Any:
    """Keras's form of a loss or metric as it was handed to ``compile``."""
    if item is None or isinstance(item, str):
        return item
    if isinstance(item, (list, tuple)):
        return [_serialize(part) for part in item]
    if isinstance(item, dict):
        if "class_name" in item:
            return item
        return {key: _serialize(part) for key, part in item.items()}
    if isinstance(item, type):
        return _serialize(item())
    if isinstance(item, metrics.LossMetric):  # Keras has a metric of the same name as each loss
        return _loss_metric(item)
    if isinstance(item, metrics.FunctionMetric):
        item = item.function
    if isinstance(item, (losses.Loss, metrics.Metric)):
        own = type(item).__module__.startswith("minicnn.")
        family = "keras.losses" if isinstance(item, losses.Loss) else "keras.metrics"
        return {
            "module": family if own else None,
            "class_name": type(item).__name__,
            "config": item.get_config(),
            "registered_name": None if own else type(item).__name__,
        }
    if item in losses.FUNCTIONS:
        return item.__name__
    name = getattr(item, "__name__", type(item).__name__)
    return {
        "module": "builtins", "class_name": "function", "config": name,
        "registered_name": "function",
    }  # fmt: skip


def _loss_metric(metric: metrics.LossMetric) -> dict[str, Any]:
    arguments = {k: v for k, v in metric.loss.get_config().items() if k != "reduction"}
    return {
        "module": "keras.metrics",
        "class_name": type(metric.loss).__name__,
        "config": {**arguments, "name": metric.name},
        "registered_name": None,
    }


def _loss(item: Any, custom: dict[str, Any]) -> Any:
    if isinstance(item, dict) and "class_name" in item:
        if (known := _custom(item, custom)) is not None:
            return known
        if item["class_name"] == "function":
            return losses.get(str(item.get("config")))
        return losses.get(item)
    return custom.get(item, item) if isinstance(item, str) else item


def _each(item: Any, custom: dict[str, Any]) -> Any:
    """Metrics, in whatever lists and dictionaries they stand."""
    if isinstance(item, list):
        return [_each(part, custom) for part in item]
    if isinstance(item, dict) and "class_name" in item:
        return _metric(item, custom)
    if isinstance(item, dict):
        return {key: _each(part, custom) for key, part in item.items()}
    return custom.get(item, item) if isinstance(item, str) else item


def _metric(item: dict[str, Any], custom: dict[str, Any]) -> Any:
    if (known := _custom(item, custom)) is not None:
        return known
    if item["class_name"] == "function":
        return metrics.get(str(item.get("config")))
    for loss in losses.CLASSES:
        if loss.__name__ == item["class_name"]:
            accepted = inspect.signature(loss).parameters
            arguments = {k: v for k, v in item["config"].items() if k in accepted}
            return metrics.LossMetric(loss(**arguments), item["config"].get("name"))
    return metrics.get(item)


def _custom(item: dict[str, Any], custom: dict[str, Any]) -> Any:
    """The caller's own object that serialized data names, or None."""
    if item["class_name"] == "function":
        return custom.get(str(item.get("config")))
    for key in (item["class_name"], item.get("registered_name")):
        if isinstance(key, str) and key in custom:
            cls = custom[key]
            arguments = dict(item.get("config") or {})
            return cls.from_config(arguments) if hasattr(cls, "from_config") else cls(**arguments)
    return None


@contextmanager
def _floatx(dtype: str) -> Iterator[None]:
    """An optimizer keeps its learning rate in ``floatx``: here, in that of the model."""
    before = config.floatx()
    config.set_floatx(dtype)
    try:
        yield
    finally:
        config.set_floatx(before)
