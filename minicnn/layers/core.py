"""Input, Dense and Flatten."""

import math
from typing import Any

from minicnn import activations, constraints, initializers, regularizers
from minicnn.engine import geometry, naming, stages
from minicnn.layers.activation import warn_softmax_of_one
from minicnn.layers.arguments import Shape, SymbolicTensor
from minicnn.layers.base import Layer
from minicnn.layers.convolution import channels_last


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    batch_shape: Any = None,
    name: str | None = None,
) -> SymbolicTensor:
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
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: str | None = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        name: str | None = None,
        optional: bool = False,
        **kwargs: Any,
    ) -> None:
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


class Dense(Layer):
    """y = activation(x @ w + b) over the last axis. (N, ..., D) -> (N, ..., units).

    Args:
        units: number of outputs.
        activation: name, function of ``minicnn.activations`` or layer.
        use_bias: whether to add ``b`` (units,).
        kernel_initializer, bias_initializer: names or objects of ``minicnn.initializers``.
        kernel_regularizer, bias_regularizer: penalties on the weights, names or objects of
            ``minicnn.regularizers``.
        activity_regularizer: penalty on the output, divided by the number of samples.
        kernel_constraint, bias_constraint: limits of the weights, names or objects of
            ``minicnn.constraints``.

    Raises:
        ValueError: ``units`` is not a positive integer, or the last axis has an unknown size.
    """

    kind = "dense"

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = geometry.positive_integer(units, "units", f"Dense layer {self.name!r}")
        self.activation = activations.get(activation)
        self.activation_stage = activations.stage(self.activation, self.name)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        if self.activity_regularizer is not None:
            self.activity_stage = stages.ActivityPenalty(
                f"{self.name}/activity", self.activity_regularizer
            )
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) < 2:
            raise ValueError(
                f"layer {self.name!r} (Dense) expects (batch, ..., features), got an input of "
                f"shape {input_shape}"
            )
        features = input_shape[-1]
        if features is None:
            raise ValueError(
                f"layer {self.name!r} (Dense) needs a fully known number of features to create "
                f"its kernel, got an input of shape {input_shape}; give the model's Input a "
                "fully defined height and width"
            )
        self.kernel = self.add_weight(
            name="kernel", shape=(features, self.units), initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.units,), initializer=self.bias_initializer,
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip
        if self.activation is activations.softmax:
            warn_softmax_of_one(self.name, (self.units,))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def forward(self, ctx: Any, x: Any) -> Any:
        bias = self.bias.value if self.bias is not None else None
        return ctx.ops.dense_forward(ctx, x, self.kernel.value, bias)

    def backward(self, ctx: Any, dy: Any) -> Any:
        db = self.bias.grad if self.bias is not None else None
        return ctx.ops.dense_backward(ctx, dy, self.kernel.value, self.kernel.grad, db)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.activity_regularizer is not None:  # Keras leaves it out otherwise
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return {
            **config,
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


class Flatten(Layer):
    """(N, H, W, C) -> (N, H W C), in C order: the last axis runs fastest. No arithmetic."""

    kind = "flatten"

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format, f"Flatten layer {self.name!r}")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        rest = input_shape[1:]
        if any(n is None for n in rest):
            return (input_shape[0], None)
        return (input_shape[0], math.prod(n for n in rest if n is not None))

    def forward(self, ctx: Any, x: Any) -> Any:
        ctx.save(x_shape=x.shape)
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))

    def backward(self, ctx: Any, dy: Any) -> Any:
        return dy.reshape(ctx.x_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


def sizes(shape: Any) -> Shape:
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
