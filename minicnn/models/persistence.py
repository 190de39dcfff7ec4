"""save, save_weights, load_weights and to_json of a model; the work is done in minicnn.saving."""

import os
from typing import Any

from minicnn import saving


class Persistence:
    """The part of a model that goes to files and comes back."""

    optimizer: Any
    executor: Any

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle holds: all but the memory a backend computes in."""
        state = {**vars(self), "_executor": None, "_compiled": None}
        if self.optimizer is not None and self.optimizer.built:
            state["optimizer"] = self.optimizer.unbuilt()
            state["_optimizer_state"] = [v.numpy() for v in self.optimizer.variables]
            state["_step"] = self.executor().ops.to_numpy(self.executor().step).copy()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        moments, step = state.pop("_optimizer_state", None), state.pop("_step", None)
        vars(self).update(state)
        if moments is not None:
            executor = self.executor()
            executor.step[...] = executor.ops.asarray(step)  # Dropout draws on from there
            self.optimizer.build(executor.store, executor.ops)
            self.optimizer.set_weights(moments)

    def save(
        self, filepath: str | os.PathLike[str], overwrite: bool = True, zipped: bool | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """Write the whole model to a ``.keras`` file: see :func:`minicnn.saving.save_model`."""
        saving.save_model(self, filepath, overwrite, zipped, **kwargs)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights to a ``.weights.h5`` file: see :func:`minicnn.saving.save_weights`."""
        saving.save_weights(self, filepath, overwrite)

    def load_weights(
        self, filepath: str | os.PathLike[str], skip_mismatch: bool = False, **kwargs: Any
    ) -> None:
        """Take the weights of a file: see :func:`minicnn.saving.load_weights`."""
        saving.load_weights(self, filepath, skip_mismatch, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """The model without its weights as JSON; ``model_from_json`` reads it.

        Args:
            **kwargs: for ``json.dumps``, such as ``indent``.
        """
        return saving.to_json(self, **kwargs)
