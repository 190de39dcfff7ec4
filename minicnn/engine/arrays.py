"""From what a person hands over to a NumPy array, with one clear error."""

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


def match_ranks(y: np.ndarray, p: np.ndarray, labels: bool) -> np.ndarray:
    """``y`` with the number of axes that ``p`` asks for, when only a trailing 1 differs.

    Labels lose a trailing axis of 1, so that (N, 1) fits predictions (N, K); other targets gain or
    lose one, so that (N,) fits predictions (N, 1).

    Raises:
        ValueError: the shapes still do not fit.
    """
    expected = p.shape[:-1] if labels else p.shape
    if y.ndim == len(expected) + 1 and y.shape[-1] == 1:
        y = y[..., 0]
    elif y.ndim == len(expected) - 1 and expected[-1] == 1:
        y = y[..., None]
    if y.shape != expected:
        raise ValueError(f"y_true of shape {y.shape} does not fit y_pred of shape {p.shape}")
    return y


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
