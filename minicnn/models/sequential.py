"""Sequential: layers in a row, built as soon as the input's shape is known."""

import warnings
from collections.abc import Sequence
from typing import Any

from minicnn.engine import checks
from minicnn.layers.arguments import Shape, SymbolicTensor, dtype_name
from minicnn.layers.base import Layer
from minicnn.layers.core import InputLayer, sizes
from minicnn.models.model import Model
from minicnn.saving.objects import deserialize_layer, serialize_layer


class Sequential(Model):
    """A row of layers: the output of each is the input of the next.

    Args:
        layers: layers, optionally with an ``Input`` first.
        trainable: False freezes every weight.
        name: of the model.

    Example::

        model = Sequential([
            Input((28, 28, 1)),
            Conv2D(32, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(10, activation="softmax"),
        ])
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy",
                      metrics=["accuracy"])
        model.fit(x_train, y_train, epochs=5)

    Any number of threads may predict with a model, save it and read its weights while one thread
    trains it: each batch and each file is made of the weights of one whole step (a prediction of
    many batches may see several). A second thread that trains or evaluates gets a RuntimeError.
    """

    def __init__(
        self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        super().__init__(name)
        if layers is not None and not isinstance(layers, (list, tuple)):
            layers = [layers]
        for layer in layers or ():
            self.add(layer)
        if not trainable:
            self.trainable = False

    # -- building ----------------------------------------------------------------------------

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer; with a known input shape it is built at once.

        Raises:
            ValueError: not a layer, a name that is taken, or a shape that does not fit.
        """
        if isinstance(layer, SymbolicTensor):
            layer = InputLayer(batch_shape=layer.shape, dtype=layer.dtype, name=layer.name or None)
        if not isinstance(layer, Layer):
            what = f"the class {layer.__name__}" if isinstance(layer, type) else repr(layer)[:80]
            hint = "; make an instance of it: add parentheses" if isinstance(layer, type) else ""
            raise ValueError(
                "Only instances of `keras.Layer` can be added to a Sequential model. "
                f"Received: {what}{hint}"
            )
        if not hasattr(layer, "_parameters"):
            raise ValueError(
                f"{type(layer).__name__} does not call super().__init__() in its __init__; "
                "add super().__init__(**kwargs) as its first line"
            )
        if isinstance(layer, InputLayer):
            self._set_input(layer)
            return
        if layer.name in [other.name for other in self._layers]:
            raise ValueError(
                "All layers added to a Sequential model should have unique names. Name "
                f"{layer.name!r} is already the name of a layer in this model"
            )
        if not self._layers and self._input_layer is None:
            shape = layer.input_shape_argument
            if shape is None and isinstance(layer, Sequential) and layer.built:
                shape = layer.input_shape[1:]
            if shape is not None:
                self._set_input(InputLayer(shape=shape, dtype=layer.dtype))
        if self._input_layer is not None:
            last = self._layers[-1].output if self._layers else self._input_layer.output
            shape = last.shape
            given = layer.input_shape_argument
            if given is not None and not checks.fits(shape[1:], given):
                warnings.warn(
                    f"layer {layer.name!r} says input_shape={given}, but what comes in has shape "
                    f"{shape}; leave input_shape out except in the first layer",
                    UserWarning,
                    stacklevel=2,
                )
            layer.ensure_built(shape)  # an error leaves the model as it was
            self.built = True
        self._layers.append(layer)
        self._changed([layer])

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove the last layer and return it.

        Raises:
            TypeError: there are no layers.
        """
        if not self._layers:
            raise TypeError("There are no layers in the model.")
        layer = self._layers.pop()
        self._changed([])
        self.built = self._input_layer is not None and bool(self._layers)
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Build every layer. ``input_shape`` includes the batch axis: ``(None, 28, 28, 1)``.

        Raises:
            ValueError: the model is built for another shape already, or has no layers.
        """
        if input_shape is None:
            if self._input_layer is None:
                raise ValueError(
                    f"You must provide an `input_shape` argument to build model {self.name!r}"
                )
            return
        shape = sizes(input_shape)
        if not self._layers:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. "
                "Call `model.add(layer)`."
            )
        if self._input_layer is not None:
            if self._input_layer.batch_shape != shape:
                raise ValueError(
                    f"Sequential model {self.name!r} has already been configured to use input "
                    f"shape {self._input_layer.batch_shape}. You cannot build it with input_shape "
                    f"{shape}"
                )
            return
        out = shape
        for layer in self._layers:
            out = layer.ensure_built(out)
        self._input_layer = InputLayer(batch_shape=shape, dtype=self.dtype)
        self.built = True
        self._changed(self._layers)

    def ensure_built(self, input_shape: Shape) -> Shape:
        """Build for ``input_shape``, or check that it fits; return the shape that comes out.

        Raises:
            ValueError: the model is built for another shape.
        """
        if self._input_layer is None:
            self.build(input_shape)
        elif not checks.fits(input_shape[1:], self.input_shape[1:]):
            raise ValueError(
                f"model {self.name!r} is built for an input of shape {self.input_shape}, it does "
                f"not take {tuple(input_shape)}"
            )
        return self.compute_output_shape(input_shape)

    def _note_build(self, input_shape: Shape) -> None:
        """A model knows from its layers whether it is built."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = tuple(input_shape)
        for layer in self._layers:
            shape = tuple(layer.compute_output_shape(shape))
        return shape

    def _set_input(self, layer: InputLayer) -> None:
        if self._input_layer is not None or self._layers:
            already = self._input_layer.batch_shape if self._input_layer else "of its first layer"
            raise ValueError(
                f"Sequential model {self.name!r} has already been configured to use input shape "
                f"{already}. You cannot add a different Input layer to it."
            )
        self._input_layer = layer

    def _changed(self, built: list[Layer]) -> None:
        """The layers are others now, some newly built: what was made for the old ones is void."""
        for layer in built:
            for parameter in layer.parameters:
                parameter.path = f"{self.name}/{parameter.path.removeprefix(self.name + '/')}"
        self._executor = None

    # -- configuration -----------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this model with ``from_config``, layers and all."""
        layers = [serialize_layer(layer) for layer in self._layers]
        if self._input_layer is not None:
            layers.insert(0, serialize_layer(self._input_layer))
        return {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": super().get_config()["dtype"],
            "layers": layers,
            "build_input_shape": None if self._input_layer is None else self.input_shape,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Sequential":
        """A new model from what ``get_config`` returned (fresh weights, same names)."""
        model = cls(name=config.get("name"))
        model.dtype = dtype_name(config.get("dtype"))
        for layer in config["layers"]:
            model.add(deserialize_layer(layer, custom_objects))
        shape = config.get("build_input_shape")
        if model._input_layer is None and shape is not None and model._layers:
            model.build(tuple(shape))
        if not config.get("trainable", True):
            model.trainable = False
        return model
