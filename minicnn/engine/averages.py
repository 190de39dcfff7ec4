"""Weights that a forward pass changes: put back when its step is refused."""

from collections.abc import Sequence
from typing import Any


class Averages:
    """Copies of the weights that no gradient changes, such as moving averages (often none).

    A step whose loss is not finite changes nothing. The optimizer has not run by then, but
    forward has, and with it the moving averages of a batch normalisation.
    """

    def __init__(self, parameters: Sequence[Any], ops: Any) -> None:
        self._ops = ops
        self._kept = [(p, ops.empty(p.shape, p.dtype)) for p in parameters if not p.trainable]

    def keep(self) -> None:
        """Remember the weights as they are now."""
        for p, kept in self._kept:
            kept[...] = p.value

    def restore(self) -> None:
        """Make them what they were at the last ``keep``."""
        for p, kept in self._kept:
            p.value[...] = kept

    def restore_refused(self, refused: Any) -> None:
        """The same, but decided on the device: only if ``refused[0]``."""
        for p, kept in self._kept:
            self._ops.restore_refused(p.value, kept, refused)
