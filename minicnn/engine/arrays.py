"""From what a person hands over to a NumPy array, with one clear error."""

from typing import Any

import numpy as np


def host_array(value: Any, what: str, dtype: str | None = None) -> np.ndarray:
    """``value`` as a numeric NumPy array, never written to; cast to ``dtype`` if one is given.

    Lists, NumPy arrays, pandas objects and tensors of other frameworks are taken.

    Raises:
        TypeError: text, objects or ragged lists; ``what`` names the argument.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise TypeError(f"{what} cannot be made into an array: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{what} must hold numbers, got dtype {array.dtype} and shape {array.shape}"
        )
    return array if dtype is None else array.astype(dtype, copy=False)
