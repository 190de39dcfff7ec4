"""Helpers under the names of ``keras.utils``."""

import random

import numpy as np

from minicnn import registry
from minicnn.engine.arrays import host_array
from minicnn.engine.geometry import is_integer
from minicnn.saving import (
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)

__all__ = [
    "clear_session", "custom_object_scope", "deserialize_keras_object", "get_custom_objects",
    "get_registered_name", "get_registered_object", "register_keras_serializable",
    "serialize_keras_object", "set_random_seed", "to_categorical",
]  # fmt: skip


def to_categorical(x: object, num_classes: int | None = None) -> np.ndarray:
    """One-hot rows from whole-number labels. (N,) or (N, 1) -> (N, num_classes) float64.

    Args:
        x: labels in [0, num_classes), of any number type; fractions are cut off.
        num_classes: by default the largest label + 1.

    Raises:
        ValueError: a label is negative or too large.
    """
    labels = host_array(x, "x").astype(np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is None:
        num_classes = int(labels.max(initial=-1)) + 1
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"to_categorical: labels must lie in [0, {num_classes}), but they go from "
            f"{labels.min()} to {labels.max()}"
        )
    one_hot = np.zeros((labels.size, num_classes))  # (N, K)
    one_hot[np.arange(labels.size), labels.ravel()] = 1.0
    return one_hot.reshape(*labels.shape, num_classes)


def set_random_seed(seed: int) -> None:
    """Seed Python's and NumPy's generators: the same seed gives the same run, bit for bit.

    Raises:
        ValueError: not a whole number.
    """
    if not is_integer(seed):
        raise ValueError(f"set_random_seed needs an integer, got {seed!r}")
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  (programs draw from it)


def clear_session() -> None:
    """Count automatic layer names from the beginning again."""
    registry.reset_names()
