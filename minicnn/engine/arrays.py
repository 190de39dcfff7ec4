"""What a person hands over: data become a NumPy array, and a function says what it takes."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np


def host_array(value: Any, what: str, dtype: str | None = None) -> np.ndarray:
    """``value`` as a numeric NumPy array, never written to; cast to ``dtype`` if one is given.

    Lists, NumPy arrays, pandas objects and tensors of other frameworks are taken.

    Raises:
        ValueError: text, objects or ragged lists; ``what`` names the argument.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{what} cannot be made into an array: {error}") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"{what} must hold numbers, got dtype {array.dtype} and shape {array.shape}"
        )
    return array if dtype is None else array.astype(dtype, copy=False)


def float_array(value: Any, what: str, dtype: Any = None) -> np.ndarray:
    """``value`` as an array of floats: of ``dtype``, else of its own, else (whole numbers) float32.

    Raises:
        ValueError: not numbers; ``what`` names the argument.
    """
    array = host_array(value, what)
    if dtype is not None or array.dtype.kind != "f":
        array = array.astype(dtype or "float32", copy=False)
    return array


def paired(
    y_true: object, y_pred: object, labels: bool, dtype: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(y, p) with as many axes as belong together, when only a trailing 1 differs.

    ``p`` is of ``dtype``, else of its own float type; ``y`` is like it, and ``labels`` are int64.
    Labels lose a trailing axis of 1, so that (N, 1) fits predictions (N, K). Other targets and
    their predictions are made alike: (N,) gains the axis of (N, 1), else the longer one loses it.

    Raises:
        ValueError: not numbers, or the shapes still do not fit.
    """
    p = float_array(y_pred, "y_pred", dtype)
    y = host_array(y_true, "y_true", "int64" if labels else str(p.dtype))
    if labels and y.ndim == p.ndim and y.shape[-1] == 1:
        y = y[..., 0]
    elif not labels and y.ndim == p.ndim + 1 and y.shape[-1] == 1:
        y, p = (y, p[..., None]) if p.ndim == 1 else (y[..., 0], p)
    elif not labels and p.ndim == y.ndim + 1 and p.shape[-1] == 1:
        y, p = (y[..., None], p) if y.ndim == 1 else (y, p[..., 0])
    if y.shape != (p.shape[:-1] if labels else p.shape):
        rule = "one label for each vector of scores" if labels else "both must have the same shape"
        raise ValueError(
            f"y_true of shape {y.shape} does not fit y_pred of shape {p.shape}; {rule}"
        )
    return y, p


def check_labels(labels: np.ndarray, classes: int, ignore_class: int | None) -> None:
    """Labels must be one of 0 ... ``classes`` - 1, or ``ignore_class``.

    Raises:
        ValueError: they are not; the message says from where to where they go.
    """
    counted = labels if ignore_class is None else labels[labels != ignore_class]
    if counted.size and (counted.min() < 0 or counted.max() >= classes):
        raise ValueError(
            f"labels must lie in [0, {classes}) because y_pred has {classes} classes, but they go "
            f"from {counted.min()} to {counted.max()}"
        )


def samplewise(
    values: np.ndarray, weights: np.ndarray | None, how: Any
) -> tuple[np.ndarray, np.ndarray | None]:
    """Weighted values and their weights, one a sample, as Keras's ``Mean`` and ``Sum`` see them.

    Args:
        values: (N, ...).
        weights: None, one number, or the leading axes of ``values``; a trailing 1 is dropped.
        how: ``np.mean`` or ``np.sum``: what makes one number of the further axes.

    Raises:
        ValueError: the weights do not fit the values.
    """
    if weights is not None:
        if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
            weights = weights[..., 0]
        elif values.ndim == weights.ndim + 1 and values.shape[-1] == 1:
            values = values[..., 0]
        values = how(
            values, axis=tuple(range(weights.ndim, values.ndim))
        )  # as many axes as weights
        weights = broadcast_weights(weights, values.shape)
        values = values * weights
        weights = how(weights, axis=tuple(range(1, weights.ndim)))
    return how(values, axis=tuple(range(1, values.ndim))), weights


def broadcast_weights(weights: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sample weights (N,) or (N, 1), or one a value, spread over values of ``shape`` (N, ...).

    Raises:
        ValueError: the shapes do not fit.
    """
    if weights.ndim == len(shape) + 1 and weights.shape[-1] == 1:
        weights = weights[..., 0]
    aligned = weights.reshape(weights.shape + (1,) * (len(shape) - weights.ndim))
    try:
        return np.broadcast_to(aligned, shape)
    except ValueError:
        raise ValueError(
            f"sample_weight of shape {weights.shape} does not fit losses of shape {shape}"
        ) from None


def positional_count(function: Callable[..., Any], most: int) -> int:
    """The largest number of positional arguments, up to ``most``, that ``function`` takes.

    It is asked, instead of called to see what it says.

    Raises:
        TypeError: it cannot be called with ``most`` positional arguments or fewer.
    """
    try:
        signature = inspect.signature(function)
    except ValueError:  # some functions written in C do not say
        return most
    for count in range(most, -1, -1):
        try:
            signature.bind(*range(count))
        except TypeError:
            continue
        return count
    raise TypeError(
        f"{function!r} takes {signature}, but it is called with at most {most} positional "
        f"argument{'s' if most != 1 else ''}"
    )
