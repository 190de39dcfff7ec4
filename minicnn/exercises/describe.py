"""Words for values: small ones in full, arrays by shape and, where it is short, recipe."""

from typing import Any

import numpy as np

_MOST_NUMBERS = 12


def value(name: str, what: Any) -> str:
    """ "x = np.arange(24.0).reshape(1, 4, 6, 1)" or "x: float64 array of shape (2, 3)"."""
    if not isinstance(what, np.ndarray):
        return f"{name} = {what!r}" if not callable(what) else f"{name}: a function"
    if what.size > 3 and np.array_equal(what.ravel(), np.arange(what.size)):
        count = f"{what.size}.0" if what.dtype == np.float64 else str(what.size)
        dtype = "" if what.dtype in (np.float64, np.int64) else f", dtype=np.{what.dtype}"
        shape = "" if what.ndim == 1 else f".reshape{what.shape}"
        return f"{name} = np.arange({count}{dtype}){shape}"
    if what.size <= _MOST_NUMBERS:
        flat = what.ndim > 2  # brackets in brackets in brackets are hard to read
        text = np.array2string(what.ravel() if flat else what, separator=", ", floatmode="maxprec")
        text = " ".join(text.split())
        return f"{name} = np.array({text}){f'.reshape{what.shape}' if flat else ''}"
    return f"{name}: {what.dtype} array of shape {what.shape}"


def number(what: Any, digits: int = 8) -> str:
    """A number as a person writes it: 3, 0.25, nan."""
    plain = what.item() if isinstance(what, np.generic) else what
    return f"{plain:.{digits}g}" if isinstance(plain, float) else f"{plain}"


def apart(one: Any, other: Any) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to see that they differ."""
    texts = number(one), number(other)
    return texts if texts[0] != texts[1] else (number(one, 17), number(other, 17))
