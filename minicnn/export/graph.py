"""An ONNX graph in the making: nodes, constants, and where an image's channels stand."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

Shape = tuple[int | None, ...]

_TO_CHANNELS_FIRST, _TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


class Value(NamedTuple):
    """An array of the graph.

    ``shape`` is the shape minicnn gives it, batch axis first, None where a size is open. With
    ``channels_first`` the graph holds it as (N, C, H, W), as ONNX's convolutions want it, and
    ``shape`` is still (N, H, W, C).
    """

    name: str
    shape: Shape
    channels_first: bool = False


class Graph:
    """Collects nodes. Arithmetic is in float32, whatever the model's dtype.

    Attributes:
        scope: name of the stage that is being written; new nodes and constants are named after it.
    """

    def __init__(self, onnx: ModuleType) -> None:
        self._onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.scope = ""
        self._taken: set[str] = set()

    def node(self, op: str, inputs: Sequence[str], **attributes: object) -> str:
        """Append a node with one output and return the output's name."""
        name = self._unique(f"{self.scope}/{op}")
        made = self._onnx.helper.make_node(op, list(inputs), [name], name=name, **attributes)
        self.nodes.append(made)
        return name

    def constant(self, array: ArrayLike, name: str, dtype: str = "float32") -> str:
        """Store an array in the file and return its name."""
        name = self._unique(f"{self.scope}/{name}")
        array = np.ascontiguousarray(array, dtype)
        self.constants.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def number(self, value: float) -> str:
        """Store one number, which broadcasts against any array."""
        return self.constant(value, "number")

    def elementwise(self, op: str, x: Value, *further: str, **attributes: object) -> Value:
        """A node that treats every entry alike, so that it does not matter where channels stand."""
        return x._replace(name=self.node(op, [x.name, *further], **attributes))

    def channels_first(self, x: Value) -> Value:
        """An image as (N, C, H, W)."""
        return x if x.channels_first else self._transposed(x, True)

    def channels_last(self, x: Value) -> Value:
        """Any array as minicnn has it: an image as (N, H, W, C)."""
        return self._transposed(x, False) if x.channels_first else x

    def _transposed(self, x: Value, channels_first: bool) -> Value:
        order = _TO_CHANNELS_FIRST if channels_first else _TO_CHANNELS_LAST
        return Value(self.node("Transpose", [x.name], perm=order), x.shape, channels_first)

    def _unique(self, name: str) -> str:
        """``name``, with a number behind it if it is taken (two nested models may share names)."""
        candidate, count = name, 1
        while candidate in self._taken:
            candidate, count = f"{name}_{count}", count + 1
        self._taken.add(candidate)
        return candidate
