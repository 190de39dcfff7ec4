"""What comes into a model."""

from collections.abc import Sequence
from typing import Any

from minicnn.engine import geometry, naming
from minicnn.layers.arguments import Shape, SymbolicTensor
from minicnn.layers.base import Layer


def Input(
    shape: Sequence[int | None] | None = None, batch_size: int | None = None,
    dtype: str | None = None, batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
) -> SymbolicTensor:  # fmt: skip
    """What comes into a model: ``Sequential([Input((28, 28, 1)), ...])``.

    Args:
        shape: of one sample, without the batch axis; None where a size is open.
        batch_size: fixed number of samples, usually left open.
        batch_shape: the shape with the batch axis, instead of the two above.

    Raises:
        ValueError: both or none of ``shape`` and ``batch_shape``, or not a tuple of sizes.
    """
    return InputLayer(shape, batch_size, dtype, batch_shape=batch_shape, name=name).output


class InputLayer(Layer):
    """The layer form of :func:`Input`; it is not listed in ``model.layers``."""

    def __init__(
        self, shape: Sequence[int | None] | None = None, batch_size: int | None = None,
        dtype: str | None = None, sparse: bool | None = None, ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None, name: str | None = None,
        optional: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name or naming.unique("InputLayer"), dtype=dtype, **kwargs)
        if sparse or ragged or optional:
            raise ValueError("InputLayer: sparse, ragged and optional inputs are not supported")
        if shape is None and batch_shape is None:
            shape = self.input_shape_argument
        if shape is None and batch_shape is None:
            raise ValueError("You must pass a `shape` argument.")
        for name, value in (("shape", shape), ("batch_size", batch_size)):
            if value is not None and batch_shape is not None:
                raise ValueError(
                    f"You cannot pass both `{name}` and `batch_shape` (which has the batch axis) "
                    f"at the same time, got {name}={value!r} and batch_shape={batch_shape!r}"
                )
        if batch_shape is None:
            batch_shape = (batch_size, *sizes(shape))
        self.batch_shape: Shape = sizes(batch_shape)
        self.built = True
        self._input_shape = self._output_shape = self.batch_shape

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def stages(self) -> list[Any]:
        return []

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }


def sizes(shape: object) -> Shape:
    """A tuple of sizes, each None or a positive integer.

    Raises:
        ValueError: anything else.
    """
    if not isinstance(shape, (tuple, list)) or not all(
        n is None or (geometry.is_integer(n) and n > 0) for n in shape
    ):
        raise ValueError(
            f"Cannot convert {shape!r} to a shape; expected a tuple of positive sizes such as "
            "(28, 28, 1), with None where a size is open"
        )
    return tuple(None if n is None else int(n) for n in shape)
