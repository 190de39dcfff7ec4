"""What a person hands to fit, evaluate and predict, checked before anything is computed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minicnn.engine.arrays import host_array
from minicnn.engine.geometry import is_integer

_AXES = {
    2: "(batch, features)",
    3: "(batch, height, width)",
    4: "(batch, height, width, channels)",
}


def inputs(x: Any, model_name: str, input_shape: tuple[Any, ...] | None) -> np.ndarray:
    """``x`` as an array that fits ``input_shape`` (with the batch axis, ``None`` where open).

    A missing channel axis of size 1 is added, an extra trailing 1 is dropped.

    Raises:
        ValueError: x is missing, empty, not numbers, or of another shape; the message names the
            axes.
    """
    if x is None:
        raise ValueError(f"model {model_name!r} needs input data, but x is None")
    array = host_array(x, "x")
    if array.ndim == 0:
        raise ValueError("x must have a batch axis, got a single number")
    if input_shape is None:
        _not_empty(array)
        return array
    expected = (None, *input_shape[1:])  # any number of samples, as in Keras
    one_channel = len(expected) == 4 and expected[-1] == 1
    if fits(array.shape, expected[1:]) or (one_channel and fits(array.shape, expected[1:-1])):
        # one image without its batch axis: with one channel it could pass for a batch of images
        raise ValueError(
            f"x has shape {array.shape}, which is one sample; model {model_name!r} expects a batch "
            f"{_axes(expected)} of shape {expected}: add a batch axis with x[None]"
        )
    _not_empty(array)
    if array.ndim == len(expected) + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    elif array.ndim == len(expected) - 1 and expected[-1] == 1:
        array = array[..., None]
    if not fits(array.shape, expected):
        raise ValueError(
            f"Invalid input shape for model {model_name!r}: expected {expected}, axes "
            f"{_axes(expected)}, but x has shape {np.shape(x)}{_hint(np.shape(x), expected)}"
        )
    return array


def _not_empty(array: np.ndarray) -> None:
    if array.shape[0] == 0:
        raise ValueError(f"x has 0 samples (shape {array.shape})")


def fits(shape: Sequence[Any], expected: Sequence[Any]) -> bool:
    """Whether ``shape`` is ``expected``, where None stands for any size."""
    return len(shape) == len(expected) and all(
        e is None or n == e for n, e in zip(shape, expected, strict=True)
    )


def _axes(expected: tuple[Any, ...]) -> str:
    return _AXES.get(len(expected), f"(batch, and {len(expected) - 1} more)")


def _hint(shape: tuple[int, ...], expected: tuple[Any, ...]) -> str:
    """What is likely wrong, and the fix."""
    if len(expected) == 4:
        if len(shape) == 3:
            return f"; the channel axis is missing: expected {expected[-1]} channels at the end"
        if len(shape) == 4 and shape[1] == expected[3] and shape[1] not in (shape[3],):
            return "; this looks channels-first: use x.transpose(0, 2, 3, 1)"
        if len(shape) == 4 and shape[3] != expected[3]:
            return f"; it has {shape[3]} channels where {expected[3]} are expected"
        if len(shape) == 4:
            return (
                f"; images are {shape[1]}x{shape[2]} where {expected[1]}x{expected[2]} are expected"
            )
    if len(expected) == 2 and len(shape) > 2:
        flat = int(np.prod(shape[1:]))
        if flat == expected[1]:
            return "; add Flatten() in front, or use x.reshape(len(x), -1)"
    return ""


def batch_size(value: Any) -> int | None:
    """A positive integer, or None.

    Raises:
        ValueError: anything else.
    """
    if value is None:
        return None
    if not is_integer(value) or value <= 0:
        raise ValueError(f"batch_size must be a positive integer, got {value!r}")
    return int(value)


def unpack(data: Any, what: str) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) from ``(x, y)`` or ``(x, y, sample_weight)``.

    Raises:
        ValueError: anything else; what was given is described, never printed whole.
    """
    if isinstance(data, (tuple, list)) and len(data) in (2, 3):
        x, y, *rest = data
        return x, y, rest[0] if rest else None
    shape = getattr(data, "shape", None)
    given = (
        f"an array of shape {shape}" if shape is not None
        else f"a {type(data).__name__} of {len(data)} elements" if hasattr(data, "__len__")
        else type(data).__name__
    )  # fmt: skip
    raise ValueError(f"{what} must be (x, y) or (x, y, sample_weight), got {given}")


def split(count: int, fraction: Any) -> int:
    """Where ``validation_split`` cuts ``count`` samples: the last part is for validation.

    Raises:
        ValueError: not 0 <= fraction < 1, or one of the parts would be empty.
    """
    if not isinstance(fraction, (int, float)) or not 0 <= fraction < 1:
        raise ValueError(f"validation_split must satisfy 0 <= split < 1, got {fraction!r}")
    at = int(np.floor(count * (1 - fraction)))
    if at in (0, count):
        raise ValueError(
            f"Training data contains {count} samples, which is not sufficient to split it with "
            f"validation_split={fraction}; use more samples or another fraction"
        )
    return at
