"""Saving and loading, from the file's name to the finished model."""

import io
import json
import os
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from minicnn import __version__
from minicnn.engine.parameters import weights_from_file
from minicnn.saving import files, hdf5, rebuild, weights
from minicnn.saving.atomic import replacing
from minicnn.saving.files import ModelFileError, PathLike
from minicnn.saving.objects import known

if TYPE_CHECKING:
    from minicnn.models.model import Model

#: the Keras whose layout of files this is
_KERAS_VERSION = "3.15.1"
#: weights that a model may have beyond those in its file, so that a small misfit can be explained
_SLACK = 1 << 20


def save_model(
    model: "Model", filepath: PathLike, overwrite: bool = True, zipped: bool | None = None,
    **kwargs: object,
) -> None:  # fmt: skip
    """Write a model to a ``.keras`` file: layers, weights, loss, optimizer and its state.

    Keras reads the file. Training that goes on after loading equals training that never stopped.
    The file appears under its name only when it is whole; an older one of that name stays until
    then. All weights are held in memory once more while they are written.

    Args:
        model: to be saved; if it is not built yet, only its configuration is kept.
        filepath: ends in ".keras".
        overwrite: whether an existing file may be replaced.
        zipped: only True; Keras's folders are not written.

    Raises:
        ValueError: another ending or argument; a layer that could not be rebuilt from its
            configuration; a weight that is not finite.
        FileExistsError: the file exists and ``overwrite`` is False (Keras would ask).
        OSError: the file cannot be written; an existing one is unchanged.
    """
    path = _path(filepath)
    if kwargs:
        raise ValueError(f"The following argument(s) are not supported: {list(kwargs)}")
    if zipped not in (None, True):
        raise ValueError("zipped=False is not supported: a model is one .keras file")
    if path.endswith((".h5", ".hdf5")):
        raise ValueError(
            "Invalid filepath extension for saving: the older HDF5 format of whole models is not "
            f"written. Use a `.keras` file, or model.save_weights('{Path(path).stem}.weights.h5') "
            f"for the weights alone. Received: filepath={path}."
        )
    if not path.endswith(".keras"):
        raise ValueError(
            "Invalid filepath extension for saving. Please add a `.keras` extension for the "
            f"native Keras format. Received: filepath={path}."
        )
    _may_write(path, overwrite)
    if not model.built:
        warnings.warn(
            f"You are saving model {model.name!r}, which has not yet been built: the file holds "
            "its configuration but no weights. Build it first by calling it on some data.",
            stacklevel=3,
        )
    config = rebuild.to_json(model)
    metadata = {
        "keras_version": _KERAS_VERSION,
        "date_saved": time.strftime("%Y-%m-%d@%H:%M:%S"),
        "minicnn_version": __version__,
    }
    members: dict[str, bytes | memoryview] = {
        files.METADATA: json.dumps(metadata).encode(),
        files.CONFIG: config.encode(),
        files.WEIGHTS: weights.content_of(model),
    }
    with replacing(path) as file:
        files.write_zip(file, members)


def load_model(
    filepath: PathLike, custom_objects: dict[str, Any] | None = None, compile: bool = True,
    safe_mode: bool = True,
) -> Any:  # fmt: skip
    """The model of a ``.keras`` file, written by minicnn or by Keras.

    Nothing in the file is ever run: class names are looked up among minicnn's layers and in
    ``custom_objects``, and in no module.

    Args:
        filepath: ends in ".keras".
        custom_objects: your own layers, losses, metrics, optimizers and functions by name,
            beside those of ``register_keras_serializable`` and ``custom_object_scope``.
        compile: whether to compile the model as it was and to restore the optimizer's state.
        safe_mode: there is no other mode; False changes nothing, and a warning says so.

    Raises:
        ModelFileError: (a ValueError) no such file, not a model file, damaged, hostile, or of
            a model that minicnn cannot build.
        OSError: the file cannot be opened.
    """
    path = _path(filepath)
    if not safe_mode:
        warnings.warn(
            "safe_mode=False changes nothing: minicnn never runs code from a model file",
            stacklevel=3,
        )
    if not path.endswith(".keras"):
        raise ModelFileError(
            path, f"File format not supported: filepath={path}",
            "a `.keras` file; turn an older .h5 file into one with Keras: "
            "load_model('m.h5').save('m.keras')",
        )  # fmt: skip
    if not os.path.exists(path):
        raise ModelFileError(
            path, f"File not found: filepath={path}",
            "the file to be an accessible `.keras` zip file",
        )  # fmt: skip
    custom_objects = known(custom_objects)
    members = files.read_zip(path)
    content = hdf5.Content(io.BytesIO(members[files.WEIGHTS]), path, files.room(path))
    with weights_from_file(weights.stored_scalars(content) + _SLACK):
        model, saved = rebuild.rebuilt(members[files.CONFIG], path, custom_objects)
    if compile:
        rebuild.restore_compile(model, saved, path, custom_objects)
    weights.restore(model, content, path)
    return model


def save_weights(model: "Model", filepath: PathLike, overwrite: bool = True) -> None:
    """Write weights and optimizer state of a model to a ``.weights.h5`` file, which Keras reads.

    Raises:
        ValueError: another ending, a model that is not built, a weight that is not finite.
        FileExistsError: the file exists and ``overwrite`` is False.
        OSError: the file cannot be written; an existing one is unchanged.
    """
    path = _path(filepath)
    if not path.endswith(".weights.h5"):
        raise ValueError(f"The filename must end in `.weights.h5`. Received: filepath={path}")
    if not model.built:
        raise ValueError(
            "You are saving a model that has not yet been built. Try building the model first by "
            "calling it on some data or by using `build()`."
        )
    _may_write(path, overwrite)
    content = weights.content_of(model)
    with replacing(path) as file:
        file.write(content)


def load_weights(
    model: "Model", filepath: PathLike, skip_mismatch: bool = False, **kwargs: object
) -> None:
    """Give a model the weights of a ``.weights.h5`` or ``.keras`` file.

    If the model is compiled and the file has the state of the same optimizer, training goes on
    where it stopped. All weights are loaded or none.

    Args:
        model: built, with the same layers; their names do not matter.
        filepath: the file.
        skip_mismatch: leave layers that do not fit as they are, with a warning.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: (a ValueError) not such a file, damaged, hostile, or it does not fit the
            model; then every difference is listed.
        ValueError: another ending, or a model that is not built.
    """
    path = _path(filepath)
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    if not path.endswith((".weights.h5", ".keras")):
        raise ValueError(
            f"File format not supported: filepath={path}. minicnn loads weights from "
            "`.weights.h5` and `.keras` files"
        )
    if not model.built:
        raise ValueError(
            "You are loading weights into a model that has not yet been built. Try building the "
            "model first by calling it on some data or by using `build()`."
        )
    if not os.path.exists(path):
        raise FileNotFoundError(2, "No such weights file", path)
    if path.endswith(".keras"):
        file: BinaryIO = io.BytesIO(files.read_zip(path)[files.WEIGHTS])
    else:
        file = files.open_regular(path, hdf5.SIGNATURE, "an HDF5 file of weights")
    with file:
        content = hdf5.Content(file, path, files.room(path))
        weights.restore(model, content, path, seeds=False, skip_mismatch=skip_mismatch)


def _path(filepath: PathLike) -> str:
    if isinstance(filepath, (str, os.PathLike)):
        return os.fspath(filepath)
    raise TypeError(
        f"filepath must be a path (text or pathlib.Path), got {type(filepath).__name__}"
    )


def _may_write(path: str, overwrite: bool) -> None:
    if not overwrite and os.path.exists(path):
        raise FileExistsError(17, "the file exists and overwrite=False was given", path)
