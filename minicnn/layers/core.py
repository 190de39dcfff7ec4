"""What nearly every network is made of: Input, Dense, Conv2D and Flatten."""

import math
from collections.abc import Sequence
from typing import Any

from minicnn import activations, constraints, initializers, registry, regularizers
from minicnn.activations import Activation
from minicnn.backends.context import Context
from minicnn.backends.spec import Array
from minicnn.engine import geometry, stages
from minicnn.layers.activation import warn_softmax_of_one
from minicnn.layers.arguments import NO_PADS, Shape, Sizes, SymbolicTensor, channels_last
from minicnn.layers.base import Layer, SameShape
from minicnn.registry import Identifier


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


class InputLayer(SameShape):
    """The layer form of :func:`Input`; it is not listed in ``model.layers``."""

    def __init__(
        self, shape: Sequence[int | None] | None = None, batch_size: int | None = None,
        dtype: str | None = None, sparse: bool | None = None, ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None, name: str | None = None,
        optional: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name=name or registry.unique_name(InputLayer), dtype=dtype, **kwargs)
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

    def stages(self) -> list[Any]:
        return []

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape, "dtype": self.dtype, "sparse": False,
            "ragged": False, "name": self.name, "optional": False,
        }  # fmt: skip


class _KernelLayer(Layer):
    """What the two share: the arguments about kernel, bias and activation, and the two weights."""

    def __init__(
        self, activation: Activation, use_bias: bool, kernel_initializer: Identifier,
        bias_initializer: Identifier, kernel_regularizer: Identifier,
        bias_regularizer: Identifier, activity_regularizer: Identifier,
        kernel_constraint: Identifier, bias_constraint: Identifier, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
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

    def _add_kernel(self, *shape: int) -> None:
        """Create the kernel of ``shape``, and a bias for each output, the last axis."""
        self.kernel = self._add("kernel", *shape)
        self.bias = self._add("bias", shape[-1]) if self.use_bias else None
        if self.activation is activations.softmax:
            warn_softmax_of_one(self.name, shape[-1:])


class Dense(_KernelLayer):
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
    saved_arguments = (
        "activity_regularizer", "units", "activation", "use_bias", "kernel_initializer",
        "bias_initializer", "kernel_regularizer", "bias_regularizer", "kernel_constraint",
        "bias_constraint",
    )  # fmt: skip

    def __init__(
        self, units: int, activation: Activation = None, use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform", bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None, bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None, kernel_constraint: Identifier = None,
        bias_constraint: Identifier = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer,
            bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, **kwargs,
        )  # fmt: skip
        self.units = geometry.positive_integer(units, "units", f"Dense layer {self.name!r}")

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
        self._add_kernel(features, self.units)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def forward(self, ctx: Context, x: Array) -> Array:
        bias = self.bias.value if self.bias is not None else None
        return ctx.ops.dense_forward(ctx, x, self.kernel.value, bias)

    def backward(self, ctx: Context, dy: Array) -> Array:
        db = self.bias.grad if self.bias is not None else None
        return ctx.ops.dense_backward(ctx, dy, self.kernel.value, self.kernel.grad, db)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.activity_regularizer is None:  # Keras leaves it out then
            del config["activity_regularizer"]
        return config


class Conv2D(_KernelLayer):
    """2-D convolution (cross-correlation). (N, H, W, C) -> (N, OH, OW, filters).

    y[n,oh,ow,f] = b[f] + sum_{i,j,c} x_pad[n, oh SH + i, ow SW + j, c] w[i,j,c,f], then the
    activation. The kernel has shape (KH, KW, C // groups, filters).

    Args:
        filters: number of output channels.
        kernel_size: one integer or (KH, KW).
        strides: step of the window, one integer or (SH, SW).
        padding: "valid" (none) or "same" (ceil(size / stride) outputs; the odd line goes after).
        data_format: "channels_last" only.
        dilation_rate: spacing of the kernel's entries.
        groups: blocks of channels that are convolved apart.
        activation: name, function of ``minicnn.activations`` or layer.
        use_bias: whether to add a bias per filter.
        kernel_initializer, bias_initializer: names or objects of ``minicnn.initializers``.
        kernel_regularizer, bias_regularizer: penalties on the weights, names or objects of
            ``minicnn.regularizers``.
        activity_regularizer: penalty on the output, divided by the number of samples.
        kernel_constraint, bias_constraint: limits of the weights, names or objects of
            ``minicnn.constraints``.

    Raises:
        ValueError: an argument out of range, or an input the window does not fit.

    Source: Goodfellow, Bengio, Courville (2016), Deep Learning, chapter 9.
    """

    kind = "conv2d"
    input_ndim = 4
    saved_arguments = (
        "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups",
        "activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer",
        "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint",
    )  # fmt: skip

    def __init__(
        self, filters: int, kernel_size: Sizes, strides: Sizes = (1, 1), padding: str = "valid",
        data_format: str | None = None, dilation_rate: Sizes = (1, 1), groups: int = 1,
        activation: Activation = None, use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform", bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None, bias_regularizer: Identifier = None,
        activity_regularizer: Identifier = None, kernel_constraint: Identifier = None,
        bias_constraint: Identifier = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer,
            bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, **kwargs,
        )  # fmt: skip
        label = f"Conv2D layer {self.name!r}"
        self.filters = geometry.positive_integer(filters, "filters", label)
        self.kernel_size = geometry.pair(kernel_size, "kernel_size", label)
        self.strides = geometry.pair(strides, "strides", label)
        self.padding = geometry.padding_name(padding, label)
        self.data_format = channels_last(data_format, label)
        self.dilation_rate = geometry.pair(dilation_rate, "dilation_rate", label)
        self.groups = geometry.positive_integer(groups, "groups", label)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{label}: strides {self.strides} and dilation_rate {self.dilation_rate} cannot "
                "both be larger than 1"
            )
        if self.filters % self.groups:
            raise ValueError(
                f"{label}: filters ({self.filters}) must be divisible by groups ({self.groups})"
            )

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(
                f"layer {self.name!r}: the number of channels (last axis of {input_shape}) must be "
                "known to create the kernel"
            )
        if channels % self.groups:
            raise ValueError(
                f"layer {self.name!r}: the {channels} input channels must be divisible by groups "
                f"({self.groups})"
            )
        self.channels = channels
        self._add_kernel(*self.kernel_size, channels // self.groups, self.filters)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        OH, OW = geometry.slide(
            f"layer {self.name!r} (Conv2D)", input_shape, self.kernel_size, self.strides,
            self.padding, self.dilation_rate,
        )  # fmt: skip
        return (input_shape[0], OH, OW, self.filters)

    def pads(self, x_shape: Sequence[int]) -> geometry.Pads:
        """((top, bottom), (left, right)) zeros around an input (N, H, W, C)."""
        (KH, KW), (DH, DW) = self.kernel_size, self.dilation_rate
        reach = (KH - 1) * DH + 1, (KW - 1) * DW + 1
        return geometry.pads_around(x_shape, reach, self.strides, self.padding)

    def forward(self, ctx: Context, x: Array) -> Array:
        bias = self.bias.value if self.bias is not None else None
        pads = NO_PADS if self.padding == "valid" else self.pads(x.shape)
        return ctx.ops.conv2d_forward(
            ctx, x, self.kernel.value, bias, self.strides, pads, self.dilation_rate, self.groups
        )

    def backward(self, ctx: Context, dy: Array) -> Array:
        db = self.bias.grad if self.bias is not None else None
        return ctx.ops.conv2d_backward(ctx, dy, self.kernel.value, self.kernel.grad, db)


class Flatten(Layer):
    """(N, H, W, C) -> (N, H W C), in C order: the last axis runs fastest. No arithmetic."""

    kind = "flatten"
    saved_arguments = ("data_format",)

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format, f"Flatten layer {self.name!r}")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        rest = input_shape[1:]
        if any(n is None for n in rest):
            return (input_shape[0], None)
        return (input_shape[0], math.prod(n for n in rest if n is not None))

    def forward(self, ctx: Context, x: Array) -> Array:
        ctx.save(x_shape=x.shape)
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))

    def backward(self, ctx: Context, dy: Array) -> Array:
        return dy.reshape(ctx.x_shape)


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


Convolution2D = Conv2D
