"""Model files, under Keras's names. They are Keras's own: ``.keras`` and ``.weights.h5``.

A ``.keras`` file is a zip of ``metadata.json``, ``config.json`` (layers, loss, optimizer) and
``model.weights.h5`` (an HDF5 file of arrays). There is one writer and one reader; the reader runs
nothing that a file names, and trusts no size that a file declares.
"""

from minicnn import registry
from minicnn.saving.api import load_model, load_weights, save_model, save_weights
from minicnn.saving.files import ModelFileError
from minicnn.saving.objects import (
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from minicnn.saving.rebuild import clone_model, model_from_json, to_json

CustomObjectScope = custom_object_scope

__all__ = registry.public_names(__name__)
