"""The weights of a layer: made, listed, frozen, read and set."""

from collections.abc import Sequence
from typing import Any

from minicnn import constraints, initializers, regularizers
from minicnn.engine.parameters import Parameter, assign_all, first_value
from minicnn.engine.threads import between_steps
from minicnn.layers.arguments import dtype_name


class Weights:
    """The part of a layer that holds its weights.

    Attributes:
        name, dtype, built: as the layer sets them.
    """

    name: str
    dtype: str
    built: bool

    def __init__(self, trainable: bool) -> None:
        self._trainable = bool(trainable)
        self._parameters: list[Parameter] = []

    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        *,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Parameter:
        """Create a weight of this layer.

        Args:
            shape: fully known sizes; ``()`` by default.
            initializer: name, object or callable; by default ``glorot_uniform`` for kernels of
                two axes or more and zeros otherwise.
            regularizer, constraint: a penalty on it and limits for it, by name or as objects.
            name: such as "kernel".

        Returns:
            The :class:`~minicnn.engine.parameters.Parameter`; read ``.value``, assign ``.grad``.
        """
        if isinstance(shape, str):
            raise ValueError(
                f"layer {self.name!r}: the name of a weight is a keyword argument, write "
                f"add_weight(name={shape!r}, shape=...)"
            )
        sizes = tuple(shape or ())
        if any(n is None for n in sizes):
            raise ValueError(
                f"layer {self.name!r}: weight {name!r} needs a fully known shape, got {sizes}; "
                "the model's input shape leaves a size open that this layer depends on"
            )
        if initializer is None:
            initializer = "glorot_uniform" if len(sizes) > 1 else "zeros"
        value = first_value(initializers.get(initializer), sizes, dtype_name(dtype or self.dtype))
        parameter = Parameter(name or f"weight_{len(self._parameters)}", value, trainable)
        parameter.path = f"{self.name}/{parameter.name}"
        parameter.frozen = not self._trainable
        parameter.regularizer = regularizers.get(regularizer)
        parameter.constraint = constraints.get(constraint)
        self._parameters.append(parameter)
        return parameter

    @property
    def parameters(self) -> list[Parameter]:
        """Every weight, in the order of creation."""
        return list(self._parameters)

    @property
    def weights(self) -> list[Parameter]:
        """Trainable weights first, then the others (Keras's order)."""
        ordered = [p for p in self.parameters if p.trainable]
        return ordered + [p for p in self.parameters if not p.trainable]

    variables = weights

    @property
    def trainable(self) -> bool:
        """Whether training may change the weights; settable, takes effect on the next step."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for parameter in self._parameters:
            parameter.frozen = not value

    @property
    def trainable_weights(self) -> list[Parameter]:
        """The weights that training changes now."""
        return [p for p in self.weights if p.is_trained]

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        """The weights that training leaves alone now."""
        return [p for p in self.weights if not p.is_trained]

    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    @property
    def losses(self) -> list[float]:
        """The penalties of the regularised weights that are trained now."""
        return [p.regularizer(p.numpy()) for p in self.trainable_weights if p.regularizer]

    def get_weights(self) -> list[Any]:
        """Copies of the weights as NumPy arrays, in the order of ``weights``."""
        with between_steps(self.weights):
            return [p.numpy() for p in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Copy ``weights`` (arrays in the order of ``weights``) into place.

        Raises:
            ValueError: the number or a shape differs; nothing is changed then.
        """
        assign_all(f"layer {self.name!r}", self.weights, weights)

    def count_params(self) -> int:
        """Number of scalars in the weights.

        Raises:
            ValueError: the layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"layer {self.name!r} has no weights yet, so they cannot be counted; "
                "build it first, e.g. with build(input_shape) or by giving the model an Input"
            )
        return sum(p.size for p in self.weights)
