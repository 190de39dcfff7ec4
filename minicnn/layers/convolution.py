"""Convolution."""

from typing import Any

from minicnn import activations, constraints, initializers, regularizers
from minicnn.engine import geometry, stages
from minicnn.layers.activation import warn_softmax_of_one
from minicnn.layers.arguments import Shape
from minicnn.layers.base import Layer


class Conv2D(Layer):
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

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        groups: int = 1,
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
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer=self.bias_initializer,
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip
        if self.activation is activations.softmax:
            warn_softmax_of_one(self.name, (self.filters,))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        OH, OW = geometry.slide(
            f"layer {self.name!r} (Conv2D)", input_shape, self.kernel_size, self.strides,
            self.padding, self.dilation_rate,
        )  # fmt: skip
        return (input_shape[0], OH, OW, self.filters)

    def pads(self, x_shape: Any) -> geometry.Pads:
        """((top, bottom), (left, right)) zeros around an input (N, H, W, C)."""
        reach = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)]
        H, W = x_shape[1:3]
        return (
            geometry.pads_for(H, reach[0], self.strides[0], self.padding),
            geometry.pads_for(W, reach[1], self.strides[1], self.padding),
        )

    def forward(self, ctx: Any, x: Any) -> Any:
        bias = self.bias.value if self.bias is not None else None
        return ctx.ops.conv2d_forward(
            ctx, x, self.kernel.value, bias, self.strides, self.pads(x.shape),
            self.dilation_rate, self.groups,
        )  # fmt: skip

    def backward(self, ctx: Any, dy: Any) -> Any:
        db = self.bias.grad if self.bias is not None else None
        return ctx.ops.conv2d_backward(ctx, dy, self.kernel.value, self.kernel.grad, db)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


def channels_last(data_format: str | None, label: str) -> str:
    """Check ``data_format``: images are (batch, height, width, channels) here.

    Raises:
        ValueError: "channels_first" or anything else.
    """
    if data_format not in (None, "channels_last"):
        raise ValueError(
            f"{label}: data_format={data_format!r} is not supported, images are "
            "(batch, height, width, channels): use 'channels_last' and x.transpose(0, 2, 3, 1)"
        )
    return "channels_last"


Convolution2D = Conv2D
