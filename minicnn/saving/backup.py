"""Backups in the middle of a training: a weights file with all else that is needed to go on.

The file is as ``model.save_weights`` writes it, and ``load_weights`` reads it. Beside the weights
stand the arrays ``training/...``: a JSON text as bytes, and the arrays that it refers to by number.
"""

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minicnn.saving import files, hdf5, weights
from minicnn.saving.atomic import replacing
from minicnn.saving.files import ModelFileError

if TYPE_CHECKING:
    from minicnn.models.model import Model

_TEXT = "text"


def write_backup(model: "Model", path: str, state: dict[str, Any]) -> None:
    """Write a model and the ``state`` of its training; an older backup stays until this is whole.

    Args:
        state: numbers, texts, None, NumPy arrays, and lists and dictionaries of them.

    Raises:
        TypeError: something else in ``state``.
        ValueError: a weight is not finite.
        OSError: the file cannot be written.
    """
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_plain(state, arrays, "state")).encode()
    if len(text) > files.MAX_BYTES:
        raise ValueError(f"the state of the training has {len(text):,} bytes as text: too many")
    arrays[_TEXT] = np.frombuffer(text, "uint8")
    content = weights.content_of(model, arrays)
    with replacing(path) as file:
        file.write(content)


def read_backup(
    model: "Model", path: str, expected: dict[str, type | tuple[type, ...]]
) -> dict[str, Any]:
    """Give a model what a backup holds of it, and return the ``state`` that was written with it.

    Args:
        expected: name -> type, or types, of each entry that the state must have.

    Raises:
        ModelFileError: (a ValueError) no backup, damaged, or of another model or optimizer; the
            model is as it was.
        OSError: the file cannot be opened.
    """
    file = files.open_regular(path, hdf5.SIGNATURE, "a backup of a training")
    with file:
        content = hdf5.Content(file, path, files.room(path))
        arrays = {
            name.removeprefix(weights.TRAINING): array.read()
            for name, array in content.arrays.items()
            if name.startswith(weights.TRAINING)
        }
        if _TEXT not in arrays or arrays[_TEXT].dtype != np.uint8:
            raise ModelFileError(
                path, "it holds weights, but no training", "a backup of a training"
            )
        state = files.parse_json(arrays[_TEXT].tobytes(), path, "the state of the training")
        try:
            found = _read(state, arrays)
            wrong = [n for n, kind in expected.items() if not isinstance(found[n], kind)]
            if wrong:
                raise ValueError(f"wrong types of {', '.join(wrong)}")
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(
                path, f"the state of the training is damaged ({error})", "a whole backup"
            ) from error
        weights.restore(model, content, path, whole=True)
    return found


def _plain(value: object, arrays: dict[str, np.ndarray], where: str) -> object:
    """``value`` as JSON can say it; arrays go to ``arrays``."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        name = str(len(arrays))
        arrays[name] = value
        return {"array": name}
    if isinstance(value, (list, tuple)):
        return [_plain(v, arrays, f"{where}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        return {"dict": {k: _plain(v, arrays, f"{where}[{k!r}]") for k, v in value.items()}}
    raise TypeError(
        f"{where} of the training cannot be backed up: it is {type(value).__name__}; numbers, "
        "texts, None, arrays of numbers, and lists and dictionaries of them can"
    )


def _read(value: object, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_read(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "float":
        return float(content)
    if kind == "array":
        return arrays[content]
    if kind == "dict":
        return {name: _read(v, arrays) for name, v in content.items()}
    raise ValueError(f"it holds {kind[:40]!r}")
