"""What can be looked up in a model: its layers, weights and shapes."""

from collections.abc import Sequence
from typing import Any

from minicnn.engine.parameters import assign_all
from minicnn.engine.summary import summary
from minicnn.layers.arguments import Shape, SymbolicTensor
from minicnn.layers.base import Layer
from minicnn.layers.core import InputLayer


class Contents(Layer):
    """A layer made of layers.

    Attributes:
        _layers: the layers in order.
        _input_layer: what comes in, or None while that is unknown.
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
        self._layers: list[Layer] = []
        self._input_layer: InputLayer | None = None

    def _note_build(self, input_shape: Any) -> None:
        """A model knows from its layers whether it is built."""

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, without the input layer."""
        return list(self._layers)

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError(
            "`Sequential.layers` attribute is reserved and should not be used. "
            "Use `add()` and `pop()` to change the layers in this model."
        )

    @property
    def parameters(self) -> list[Any]:
        """Every weight, layer by layer."""
        return [p for layer in self._layers for p in layer.parameters]

    @property
    def weights(self) -> list[Any]:
        """Layer by layer; inside a layer the trainable ones first (Keras's order)."""
        return [p for layer in self._layers for p in layer.weights]

    @property
    def trainable(self) -> bool:
        """Whether training may change the weights; setting it sets every layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self._layers:
            layer.trainable = value

    @property
    def input_shape(self) -> Shape:
        """With the batch axis; AttributeError while it is unknown."""
        if self._input_layer is None:
            raise AttributeError(f"model {self.name!r} has no defined input shape yet")
        return self._input_layer.batch_shape

    @property
    def output_shape(self) -> Shape:
        """With the batch axis; AttributeError while it is unknown."""
        return self.compute_output_shape(self.input_shape)

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic input, in a list."""
        return [SymbolicTensor(self.input_shape, self.dtype, "input")]

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic output, in a list."""
        return [SymbolicTensor(self.output_shape, self.dtype, "output")]

    @property
    def input(self) -> SymbolicTensor:
        return self.inputs[0]

    @property
    def output(self) -> SymbolicTensor:
        return self.outputs[0]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by name or by index.

        Raises:
            ValueError: there is none, or both or neither were given.
        """
        if (name is None) == (index is None):
            raise ValueError("Provide either a layer name or a layer index to `get_layer`.")
        if index is not None:
            if not -len(self._layers) <= index < len(self._layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has "
                    f"{len(self._layers)} layers."
                )
            return self._layers[index]
        for layer in self._layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self._layers]
        raise ValueError(f"No such layer: {name}. Existing layers are: {names}.")

    def count_params(self) -> int:
        """Number of scalars in all weights.

        Raises:
            ValueError: the model is not built.
        """
        if not self.built and self._layers:
            raise ValueError(
                f"You tried to call `count_params` on layer {self.name!r}, but the layer isn't "
                "built. Call `build(input_shape)` first, or give the model an Input"
            )
        return sum(p.size for p in self.weights)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Copy arrays, in the order of ``weights``, into place: all or none.

        Raises:
            ValueError: the number or a shape differs.
        """
        assign_all(f"model {self.name!r}", self.weights, weights)

    def summary(self, *args: Any, **kwargs: Any) -> None:
        """Print a table of the layers; arguments as in ``minicnn.engine.summary.summary``."""
        summary(self, *args, **kwargs)
