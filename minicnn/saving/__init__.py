"""Model files, under Keras's names. They are Keras's own: ``.keras`` and ``.weights.h5``.

A ``.keras`` file is a zip of ``metadata.json``, ``config.json`` (layers, loss, optimizer) and
``model.weights.h5`` (an HDF5 file of arrays). There is one writer and one reader; the reader runs
nothing that a file names, and trusts no size that a file declares.
"""

from minicnn.saving.api import load_model, load_weights, save_model, save_weights
from minicnn.saving.errors import ModelFileError
from minicnn.saving.rebuild import clone_model, model_from_json, to_json

__all__ = [
    "ModelFileError", "clone_model", "load_model", "load_weights", "model_from_json", "save_model",
    "save_weights", "to_json",
]  # fmt: skip
