"""The arguments every layer takes: its name, dtype and input shape; and shapes as symbols."""

import unicodedata
from collections.abc import Sequence
from typing import Any

from minicnn import config
from minicnn.engine.geometry import Pads

Shape = tuple[int | None, ...]
Sizes = int | Sequence[int]  # one number for both axes of an image, or two
NO_PADS: Pads = ((0, 0), (0, 0))


class SymbolicTensor:
    """A shape and a dtype that stand for an array to come: what ``Input(...)`` returns.

    Attributes:
        shape: with the batch axis first, ``None`` where the size is open.
    """

    def __init__(self, shape: Shape, dtype: str = "float32", name: str = "") -> None:
        self.shape, self.dtype, self.name = tuple(shape), dtype, name

    def __repr__(self) -> str:
        return f"<SymbolicTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


def valid_name(name: object) -> str:
    """``name`` if it can be part of a path and be printed.

    Letters of every script are; what Unicode calls only another form of "/" or "." is not.

    Raises:
        ValueError: it cannot.
    """
    plain = unicodedata.normalize("NFKC", name) if isinstance(name, str) else ""
    if not plain or not plain.isprintable() or any(part in plain for part in ("/", "\\", "..")):
        raise ValueError(
            "a layer's name must be a non-empty string without '/', '\\', '..' or control "
            f"characters, got {name!r:.200}"
        )
    return str(name)


def dtype_name(dtype: Any) -> str:
    """float32 or float64, from a name, a NumPy dtype or Keras's serialized policy."""
    if dtype is None:
        return config.floatx()
    if isinstance(dtype, dict):
        dtype = dtype.get("config", {}).get("name")
    name = str(getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or dtype)
    if name not in ("float32", "float64"):
        raise ValueError(f"dtype must be 'float32' or 'float64', got {name!r}")
    return name


def input_shape_argument(kwargs: dict[str, Any]) -> tuple[int | None, ...] | None:
    """Take Keras's older spellings of the input shape out of ``kwargs``."""
    shape = None
    if (dim := kwargs.pop("input_dim", None)) is not None:
        shape = (dim,)
    if (given := kwargs.pop("input_shape", None)) is not None:
        shape = (given,) if isinstance(given, int) else tuple(given)
    if (batch_shape := kwargs.pop("batch_input_shape", None)) is not None:
        shape = tuple(batch_shape)[1:]
    kwargs.pop("autocast", None)
    return shape


def channels_last(data_format: str | None, label: str) -> str:
    """Check ``data_format``: images are (batch, height, width, channels) here.

    Raises:
        ValueError: "channels_first" or anything else.
    """
    if data_format not in (None, "channels_last"):
        raise ValueError(
            f"{label}: data_format={data_format!r} is not supported, images are "
            "(batch, height, width, channels): use 'channels_last' and x.transpose(0, 2, 3, 1)"
        )
    return "channels_last"
