"""Each layer, without its activation, as ONNX nodes.

ONNX's convolution and pooling want (N, C, H, W); the other layers want what minicnn has. A
``Value`` knows where its channels stand, so transposing happens only where the two meet.
"""

from typing import Any

import numpy as np

from minicnn.export.graph import Graph, Value

#: onnxruntime merges a Pad with zeros into a MaxPool behind it, whose own padding never wins: the
#: zeros would be lost (its issue 24737). It leaves a Pad with any other number alone.
_NEARLY_ZERO = 1e-30


def conv2d(graph: Graph, layer: Any, x: Value) -> Value:
    """Conv; the kernel (KH, KW, C / groups, F) becomes (F, C / groups, KH, KW)."""
    image = graph.channels_first(x)
    kernel = layer.kernel.numpy().transpose(3, 2, 0, 1)
    inputs = [image.name, graph.constant(kernel, "kernel")]
    if layer.bias is not None:
        inputs.append(graph.constant(layer.bias.numpy(), "bias"))
    y = graph.node(
        "Conv", inputs, kernel_shape=layer.kernel_size, strides=layer.strides,
        dilations=layer.dilation_rate, group=layer.groups, **_padding(layer, x),
    )  # fmt: skip
    return Value(y, layer.compute_output_shape(x.shape), channels_first=True)


def maxpool2d(graph: Graph, layer: Any, x: Value) -> Value:
    """MaxPool; padding never wins."""
    return _pool(graph, layer, x, "MaxPool")


def avgpool2d(graph: Graph, layer: Any, x: Value) -> Value:
    """AveragePool over the entries of the image alone."""
    return _pool(graph, layer, x, "AveragePool", count_include_pad=0)


def global_avgpool2d(graph: Graph, layer: Any, x: Value) -> Value:
    """GlobalAveragePool, (N, C, 1, 1)."""
    return _global_pool(graph, layer, x, "GlobalAveragePool")


def global_maxpool2d(graph: Graph, layer: Any, x: Value) -> Value:
    """GlobalMaxPool, (N, C, 1, 1)."""
    return _global_pool(graph, layer, x, "GlobalMaxPool")


def batchnorm(graph: Graph, layer: Any, x: Value) -> Value:
    """BatchNormalization with the moving averages, over what ONNX wants: channels on axis 1."""
    rank = len(x.shape)
    axis = layer.axis % rank
    order = None
    if rank == 4 and axis == 3:
        x = graph.channels_first(x)
    else:
        x = graph.channels_last(x)
        if axis != 1:
            order = [0, axis, *(i for i in range(1, rank) if i != axis)]
    name = graph.node("Transpose", [x.name], perm=order) if order else x.name
    mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    gamma = np.ones_like(mean) if layer.gamma is None else layer.gamma.numpy()
    beta = np.zeros_like(mean) if layer.beta is None else layer.beta.numpy()
    weights = {"gamma": gamma, "beta": beta, "moving_mean": mean, "moving_variance": variance}
    inputs = [name, *(graph.constant(w, key) for key, w in weights.items())]
    name = graph.node("BatchNormalization", inputs, epsilon=layer.epsilon)
    if order:
        back = [order.index(i) for i in range(rank)]
        name = graph.node("Transpose", [name], perm=back)
    return x._replace(name=name)


def dense(graph: Graph, layer: Any, x: Value) -> Value:
    """MatMul over the last axis, then Add."""
    x = graph.channels_last(x)
    y = graph.elementwise("MatMul", x, graph.constant(layer.kernel.numpy(), "kernel"))
    if layer.bias is not None:
        y = graph.elementwise("Add", y, graph.constant(layer.bias.numpy(), "bias"))
    return y._replace(shape=layer.compute_output_shape(x.shape))


def flatten(graph: Graph, layer: Any, x: Value) -> Value:
    """Flatten of (N, H, W, C): the channels run fastest."""
    x = graph.channels_last(x)
    y = graph.elementwise("Flatten", x, axis=1)
    return y._replace(shape=layer.compute_output_shape(x.shape))


def reshape(graph: Graph, layer: Any, x: Value) -> Value:
    """Reshape; 0 stands for the size that the batch axis has."""
    x = graph.channels_last(x)
    target = graph.constant((0, *layer.target_shape), "shape", "int64")
    y = graph.elementwise("Reshape", x, target)
    return y._replace(shape=layer.compute_output_shape(x.shape))


def pad2d(graph: Graph, layer: Any, x: Value) -> Value:
    """Pad with (nearly) zeros: the paddings before each axis, then those after each."""
    (top, bottom), (left, right) = layer.padding
    if x.channels_first:
        pads = (0, 0, top, left, 0, 0, bottom, right)
    else:
        pads = (0, top, left, 0, 0, bottom, right, 0)
    fill = graph.number(_NEARLY_ZERO)
    y = graph.elementwise("Pad", x, graph.constant(pads, "pads", "int64"), fill)
    return y._replace(shape=layer.compute_output_shape(x.shape))


def rescale(graph: Graph, layer: Any, x: Value) -> Value:
    """x scale + offset."""
    scaled = graph.elementwise("Mul", x, graph.number(layer.scale))
    return graph.elementwise("Add", scaled, graph.number(layer.offset))


def identity(graph: Graph, layer: Any, x: Value) -> Value:
    """What does something in training only."""
    return x


def _pool(graph: Graph, layer: Any, x: Value, op: str, **attributes: Any) -> Value:
    image = graph.channels_first(x)
    y = graph.node(
        op, [image.name], kernel_shape=layer.pool_size, strides=layer.strides,
        **_padding(layer, x), **attributes,
    )  # fmt: skip
    return Value(y, layer.compute_output_shape(x.shape), channels_first=True)


def _global_pool(graph: Graph, layer: Any, x: Value, op: str) -> Value:
    y = graph.elementwise(op, graph.channels_first(x))._replace(
        shape=layer.compute_output_shape(x.shape)
    )
    return (
        y
        if layer.keepdims
        else graph.elementwise("Flatten", y, axis=1)._replace(channels_first=False)
    )


def _padding(layer: Any, x: Value) -> dict[str, Any]:
    """ONNX's padding attributes."""
    if layer.padding == "valid":
        return {}
    if None in x.shape[1:3] and max(layer.strides) > 1:  # known when an image comes
        return {"auto_pad": "SAME_UPPER"}  # the odd line goes after, as in Keras
    # with stride 1 the padding is the same for every height and width
    (top, bottom), (left, right) = layer.pads([n or 1 for n in x.shape])
    return {"pads": (top, left, bottom, right)}
