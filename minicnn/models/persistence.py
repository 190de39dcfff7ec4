"""save, save_weights, load_weights and to_json of a model; the work is done in minicnn.saving."""

import os
from typing import Any


class Persistence:
    """The part of a model that goes to files and comes back."""

    def save(
        self, filepath: str | os.PathLike[str], overwrite: bool = True, zipped: bool | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """Write the whole model to a ``.keras`` file: see :func:`minicnn.saving.save_model`."""
        from minicnn.saving import save_model

        save_model(self, filepath, overwrite, zipped, **kwargs)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights to a ``.weights.h5`` file: see :func:`minicnn.saving.save_weights`."""
        from minicnn.saving import save_weights

        save_weights(self, filepath, overwrite)

    def load_weights(
        self, filepath: str | os.PathLike[str], skip_mismatch: bool = False, **kwargs: Any
    ) -> None:
        """Take the weights of a file: see :func:`minicnn.saving.load_weights`."""
        from minicnn.saving import load_weights

        load_weights(self, filepath, skip_mismatch, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """The model without its weights as JSON; ``model_from_json`` reads it.

        Args:
            **kwargs: for ``json.dumps``, such as ``indent``.
        """
        from minicnn.saving import to_json

        return to_json(self, **kwargs)
