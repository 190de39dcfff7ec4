"""Models, under Keras's names."""

from minicnn.models.sequential import Sequential

__all__ = ["Sequential"]
