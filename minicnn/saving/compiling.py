"""The ``compile_config`` of a model file: loss, optimizer and metrics, to JSON and back."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minicnn import config, losses, metrics, optimizers
from minicnn.saving.errors import printable

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

    def metric(key: str) -> Any:
        return _deserialize(saved.get(key), metrics.deserialize, custom_objects)

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
            loss=_deserialize(saved.get("loss"), losses.deserialize, custom_objects),
            metrics=metric("metrics"),
            weighted_metrics=metric("weighted_metrics"),
        )
    except Exception as error:  # whatever a stranger's configuration makes a constructor raise
        warnings.warn(
            f"{source}: the model is loaded but not compiled, because its loss, optimizer or "
            f"metrics cannot be had again: {printable(str(error))[:1000]}. Call "
            "model.compile(...) before training it",
            stacklevel=3,
        )


def _serialize(item: Any) -> Any:
    """Keras's form of a loss or of metrics as they were handed to ``compile``."""
    if item is None or isinstance(item, str):
        return item
    if isinstance(item, (list, tuple)):
        return [_serialize(part) for part in item]
    if isinstance(item, dict):
        return item if "class_name" in item else {k: _serialize(v) for k, v in item.items()}
    return metrics.serialize(item() if isinstance(item, type) else item)  # losses as well


def _deserialize(item: Any, deserialize: Any, custom: dict[str, Any]) -> Any:
    """A loss or metrics, in whatever lists and dictionaries they stand."""
    if isinstance(item, list):
        return [_deserialize(part, deserialize, custom) for part in item]
    if isinstance(item, dict) and "class_name" not in item:
        return {key: _deserialize(part, deserialize, custom) for key, part in item.items()}
    return deserialize(item, custom) if isinstance(item, dict) else custom.get(item, item)


@contextmanager
def _floatx(dtype: str) -> Iterator[None]:
    """An optimizer keeps its learning rate in ``floatx``: here, in that of the model."""
    before = config.floatx()
    config.set_floatx(dtype)
    try:
        yield
    finally:
        config.set_floatx(before)
