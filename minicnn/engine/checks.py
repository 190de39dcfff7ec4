"""What a person hands to fit, evaluate and predict, checked before anything is computed."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from minicnn.engine.arrays import host_array
from minicnn.engine.geometry import is_integer

#: number of axes -> what they are
AXES = {
    2: "(batch, features)", 3: "(batch, height, width)", 4: "(batch, height, width, channels)",
}  # fmt: skip


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
    return AXES.get(len(expected), f"(batch, and {len(expected) - 1} more)")


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


# -- targets and weights ----------------------------------------------------------------------


def checked_targets(
    y: Any, count: int, loss: Any, output_shape: tuple[Any, ...], output_name: str
) -> np.ndarray:
    """``y`` as an array that fits the loss and the model's output, in the rank the loss takes.

    Args:
        count: number of samples in x.
        loss: a ``minicnn.losses.Loss``.
        output_shape: of the model, with the batch axis.
        output_name: of the layer that makes the output.

    Raises:
        ValueError: missing, of another length, one-hot where labels are needed or the reverse,
            labels out of range; the message names the fix.
    """
    if y is None:
        raise ValueError(f"y is None, but the loss {loss.name!r} needs targets; pass y")
    array = host_array(y, "y")
    if array.ndim == 0 or array.shape[0] != count:
        raise ValueError(
            "Data cardinality is ambiguous. Make sure all arrays contain the same number of "
            f"samples: x has {count}, y has {array.shape[0] if array.ndim else 'no batch axis'}"
        )
    output = tuple(output_shape)
    check = {"labels": _labels, "one_hot": _one_hot}.get(loss.targets, _values)
    return check(array, loss, output, output_name)


def _labels(y: np.ndarray, loss: Any, output: tuple[Any, ...], layer: str) -> np.ndarray:
    classes = output[-1]
    if y.ndim == len(output) and y.shape[-1] == 1:
        y = y[..., 0]
    if y.ndim == len(output) and y.shape[-1] == classes:
        raise ValueError(
            f"loss {loss.name!r} needs one integer label a sample, but y has shape {y.shape}: the "
            "labels look one-hot; use loss='categorical_crossentropy', or y.argmax(axis=-1)"
        )
    if y.ndim != len(output) - 1:
        raise ValueError(_forgotten_flatten(y, loss, output, layer))
    if y.dtype.kind == "f" and not np.all(y == np.floor(y)):
        raise ValueError(
            f"loss {loss.name!r} needs whole numbers as labels, but y (dtype {y.dtype}) holds "
            "fractions or NaN"
        )
    counted = y if loss.ignore_class is None else y[y != loss.ignore_class]
    low, high = int(counted.min(initial=classes - 1)), int(counted.max(initial=0))
    if low < 0 or high >= classes:
        raise ValueError(
            f"labels must lie in [0, {classes}) because layer {layer!r} has {classes} outputs, "
            f"but y goes from {low} to {high}"
        )
    return y


def _one_hot(y: np.ndarray, loss: Any, output: tuple[Any, ...], layer: str) -> np.ndarray:
    classes = output[-1]
    if classes == 1:
        warnings.warn(
            f"loss {loss.name!r} expects more than one class, but layer {layer!r} has 1 output; "
            "use 'binary_crossentropy' with a sigmoid if you only have 2 classes",
            SyntaxWarning,
            stacklevel=3,
        )
    are_labels = y.ndim < len(output) or (y.shape[-1] == 1 and classes != 1)
    if are_labels and y.ndim <= 2 == len(output):
        raise ValueError(
            f"loss {loss.name!r} needs one-hot targets of shape (batch, {classes}), but y has "
            f"shape {y.shape}: use loss='sparse_categorical_crossentropy', or "
            "minicnn.utils.to_categorical(y)"
        )
    if are_labels or y.ndim > len(output):
        raise ValueError(_forgotten_flatten(y, loss, output, layer))
    if y.shape[-1] != classes:
        raise ValueError(
            f"y has shape {y.shape}, one-hot over {y.shape[-1]} classes, but layer {layer!r} has "
            f"{classes} outputs (output shape {output}); they must be equal"
        )
    if y.shape[1:] != output[1:] and None not in output[1:]:
        raise ValueError(_forgotten_flatten(y, loss, output, layer))
    return y


def _values(y: np.ndarray, loss: Any, output: tuple[Any, ...], layer: str) -> np.ndarray:
    if y.ndim == len(output) + 1 and y.shape[-1] == 1:
        y = y[..., 0]
    elif y.ndim == len(output) - 1 and output[-1] == 1:
        y = y[..., None]
    if len(y.shape) != len(output) or any(
        e is not None and n != e for n, e in zip(y.shape[1:], output[1:], strict=True)
    ):
        advice = ""
        if y.ndim == 1 and y.dtype.kind in "iub" and len(output) == 2:
            advice = "; for integer labels use loss='sparse_categorical_crossentropy'"
        raise ValueError(
            f"loss {loss.name!r} needs y and the output of layer {layer!r} to have the same shape, "
            f"but y has shape {y.shape} and the output {output}{advice}"
        )
    return y


def _forgotten_flatten(y: np.ndarray, loss: Any, output: tuple[Any, ...], layer: str) -> str:
    message = (
        f"y of shape {y.shape} does not fit the output of layer {layer!r}, {output}, under loss "
        f"{loss.name!r}"
    )
    if len(output) == 4:
        message += "; the output is 4-D: add Flatten() before the last Dense layer"
    return message


def sample_weights(weights: Any, count: int) -> np.ndarray:
    """``sample_weight`` as an array with one entry a sample (or more axes).

    Raises:
        ValueError: another number of samples.
    """
    array = host_array(weights, "sample_weight")
    if array.ndim == 0 or array.shape[0] != count:
        raise ValueError(
            f"sample_weight has shape {array.shape}, but there are {count} samples in x"
        )
    return array


def class_weights(class_weight: Any, y: np.ndarray, classes: int | None = None) -> np.ndarray:
    """One weight a sample from {class: weight}; classes that are not named count 1.

    Args:
        classes: number of outputs of the model; one output stands for two classes.

    Raises:
        ValueError: not a dict of whole numbers to numbers, a class that the model does not have,
            or a weight that is negative or not finite.
    """
    if not isinstance(class_weight, dict) or not all(is_integer(k) for k in class_weight):
        raise ValueError(
            "class_weight must be a dict of class number to weight, such as {0: 1.0, 1: 5.0}, "
            f"got {type(class_weight).__name__}"
        )
    known = range(2 if classes == 1 else classes) if classes is not None else class_weight
    for label, weight in class_weight.items():
        if label not in known:
            raise ValueError(f"class_weight names class {label}, but classes are 0 to {known[-1]}")
        if not (np.isfinite(weight) and weight >= 0):
            raise ValueError(f"class_weight of class {label} must be >= 0, got {weight!r}")
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(len(y))
    seen, index = np.unique(labels.astype(np.int64), return_inverse=True)
    weights = np.array([class_weight.get(int(c), 1.0) for c in seen])
    return weights[index.reshape(labels.shape)]


def warn_of_activation(loss: Any, kinds: list[str]) -> None:
    """A warning, with the fix, where a model's last activation does not suit its cross-entropy.

    Args:
        loss: a ``minicnn.losses.Loss``.
        kinds: of the model's stages, in order.
    """
    wanted = loss.inverse_of
    if wanted is None or not kinds:
        return
    last, one_before = kinds[-1], kinds[-2] if len(kinds) > 1 else ""
    problem = ""
    if last == wanted == one_before:
        problem = f"the model ends in {wanted} twice; leave one out"
    elif last.endswith("relu"):
        problem = f"the model ends in relu, which cuts half of them off; end it in {wanted}"
    elif last == "sigmoid" and wanted == "softmax":
        problem = (
            "the model ends in sigmoid, whose outputs are no distribution over classes; end it in "
            "softmax, or use binary_crossentropy if several classes can be right at once"
        )
    elif last in ("dense", "conv2d") and not loss.from_logits:
        problem = (
            f"the model ends without an activation; end it in {wanted}, or use the loss with "
            "from_logits=True"
        )
    if problem:
        what = "logits" if getattr(loss, "from_logits", False) else "probabilities"
        warnings.warn(f"loss {loss.name!r} takes {what}, but {problem}", UserWarning, stacklevel=2)
