"""Models, under Keras's names."""

from minicnn.models.sequential import Sequential
from minicnn.saving import clone_model, load_model, model_from_json, save_model

__all__ = ["Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
