"""An ONNX graph in the making, and each kind of stage as its nodes.

ONNX's convolution and pooling want (N, C, H, W); the other layers want what minicnn has. A
``Value`` knows where its channels stand, so transposing happens only where the two meet.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from minicnn import layers
from minicnn.engine import stages

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


Writer = Callable[[Graph, Any, Value], Value]  # of the nodes of a stage, which is given x
Pooling2D = layers.MaxPooling2D | layers.AveragePooling2D
GlobalPooling2D = layers.GlobalMaxPooling2D | layers.GlobalAveragePooling2D

#: onnxruntime merges a Pad with zeros into a MaxPool behind it, whose own padding never wins: the
#: zeros would be lost (its issue 24737). It leaves a Pad with any other number alone.
_NEARLY_ZERO = 1e-30


def conv2d(graph: Graph, layer: layers.Conv2D, x: Value) -> Value:
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


def pool(graph: Graph, layer: Pooling2D, x: Value, op: str, **attributes: int) -> Value:
    """MaxPool or AveragePool."""
    image = graph.channels_first(x)
    y = graph.node(
        op, [image.name], kernel_shape=layer.pool_size, strides=layer.strides,
        **_padding(layer, x), **attributes,
    )  # fmt: skip
    return Value(y, layer.compute_output_shape(x.shape), channels_first=True)


def _padding(layer: layers.Conv2D | Pooling2D, x: Value) -> dict[str, object]:
    """ONNX's padding attributes."""
    if layer.padding == "valid":
        return {}
    if None in x.shape[1:3] and max(layer.strides) > 1:  # known when an image comes
        return {"auto_pad": "SAME_UPPER"}  # the odd line goes after, as in Keras
    # with stride 1 the padding is the same for every height and width
    (top, bottom), (left, right) = layer.pads([n or 1 for n in x.shape])
    return {"pads": (top, left, bottom, right)}


def global_pool(graph: Graph, layer: GlobalPooling2D, x: Value, op: str) -> Value:
    """GlobalAveragePool or GlobalMaxPool: (N, C, 1, 1)."""
    y = graph.elementwise(op, graph.channels_first(x))
    y = y._replace(shape=layer.compute_output_shape(x.shape))
    if layer.keepdims:
        return y
    return graph.elementwise("Flatten", y, axis=1)._replace(channels_first=False)


def batchnorm(graph: Graph, layer: layers.BatchNormalization, x: Value) -> Value:
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


def dense(graph: Graph, layer: layers.Dense, x: Value) -> Value:
    """MatMul over the last axis, then Add."""
    x = graph.channels_last(x)
    y = graph.elementwise("MatMul", x, graph.constant(layer.kernel.numpy(), "kernel"))
    if layer.bias is not None:
        y = graph.elementwise("Add", y, graph.constant(layer.bias.numpy(), "bias"))
    return y._replace(shape=layer.compute_output_shape(x.shape))


def flatten(graph: Graph, layer: layers.Flatten, x: Value) -> Value:
    """Flatten of (N, H, W, C): the channels run fastest."""
    x = graph.channels_last(x)
    y = graph.elementwise("Flatten", x, axis=1)
    return y._replace(shape=layer.compute_output_shape(x.shape))


def reshape(graph: Graph, layer: layers.Reshape, x: Value) -> Value:
    """Reshape; 0 stands for the size that the batch axis has."""
    x = graph.channels_last(x)
    target = graph.constant((0, *layer.target_shape), "shape", "int64")
    y = graph.elementwise("Reshape", x, target)
    return y._replace(shape=layer.compute_output_shape(x.shape))


def pad2d(graph: Graph, layer: layers.ZeroPadding2D, x: Value) -> Value:
    """Pad with (nearly) zeros: the paddings before each axis, then those after each."""
    (top, bottom), (left, right) = layer.padding
    if x.channels_first:
        pads = (0, 0, top, left, 0, 0, bottom, right)
    else:
        pads = (0, top, left, 0, 0, bottom, right, 0)
    fill = graph.number(_NEARLY_ZERO)
    y = graph.elementwise("Pad", x, graph.constant(pads, "pads", "int64"), fill)
    return y._replace(shape=layer.compute_output_shape(x.shape))


def rescale(graph: Graph, layer: layers.Rescaling, x: Value) -> Value:
    """x scale + offset."""
    scaled = graph.elementwise("Mul", x, graph.number(layer.scale))
    return graph.elementwise("Add", scaled, graph.number(layer.offset))


def identity(graph: Graph, layer: object, x: Value) -> Value:
    """What does something in training only."""
    return x


def relu_variant(graph: Graph, stage: stages.ReLU, x: Value) -> Value:
    """max_value where x >= max_value; x where x > threshold; slope (x - threshold) elsewhere."""
    slope, ceiling, threshold = stage.negative_slope, stage.max_value, stage.threshold
    if threshold == 0:
        if ceiling is None:
            return graph.elementwise("LeakyRelu", x, alpha=slope)
        if slope == 0:
            return graph.elementwise("Clip", x, graph.number(0), graph.number(ceiling))
    edge, low = graph.number(threshold), graph.number(0)
    if slope:
        above_edge = graph.elementwise("Sub", x, edge)
        low = graph.elementwise("Mul", above_edge, graph.number(slope)).name
    y = graph.node("Where", [graph.node("Greater", [x.name, edge]), x.name, low])
    if ceiling is not None:
        top = graph.number(ceiling)
        y = graph.node("Where", [graph.node("GreaterOrEqual", [x.name, top]), top, y])
    return x._replace(name=y)


def softmax(graph: Graph, stage: stages.Operation, x: Value, op: str) -> Value:
    """Softmax or LogSoftmax along the stage's axis."""
    return graph.elementwise(op, graph.channels_last(x), axis=stage.axis)


def activation(graph: Graph, stage: object, x: Value, op: str, **attributes: float) -> Value:
    """An activation that is one node."""
    return graph.elementwise(op, x, **attributes)


def with_alpha(graph: Graph, stage: stages.Operation, x: Value, op: str) -> Value:
    """Elu or Celu: one node that has the stage's alpha."""
    return graph.elementwise(op, x, alpha=stage.arguments["alpha"])


def gelu(graph: Graph, stage: object, x: Value) -> Value:
    """x (1 + erf(x / sqrt 2)) / 2."""
    erf = graph.elementwise("Erf", graph.elementwise("Div", x, graph.number(math.sqrt(2))))
    doubled = graph.elementwise("Mul", graph.elementwise("Add", erf, graph.number(1)), x.name)
    return graph.elementwise("Mul", doubled, graph.number(0.5))


def gelu_tanh(graph: Graph, stage: object, x: Value) -> Value:
    """x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))."""
    square = graph.elementwise("Mul", x, x.name)
    factor = graph.elementwise("Mul", square, graph.number(0.044715))
    inner = graph.elementwise("Mul", graph.elementwise("Add", factor, graph.number(1)), x.name)
    scaled = graph.elementwise("Mul", inner, graph.number(2 * math.sqrt(2 / math.pi)))
    return graph.elementwise("Mul", x, graph.elementwise("Sigmoid", scaled).name)


def silu(graph: Graph, stage: object, x: Value) -> Value:
    """x sigmoid(x)."""
    return graph.elementwise("Mul", x, graph.elementwise("Sigmoid", x).name)


def mish(graph: Graph, stage: object, x: Value) -> Value:
    """x tanh(log(1 + exp(x)))."""
    tanh = graph.elementwise("Tanh", graph.elementwise("Softplus", x))
    return graph.elementwise("Mul", x, tanh.name)


#: kind of a stage, or function of an elementwise one, whose formula the reference backend has ->
#: what writes its nodes; opset 17 has no Gelu and no Mish: like SiLU they are written out
STAGES: dict[str, Writer] = {
    "conv2d": conv2d,
    "maxpool2d": partial(pool, op="MaxPool"),  # padding never wins
    "avgpool2d": partial(pool, op="AveragePool", count_include_pad=0),
    "global_avgpool2d": partial(global_pool, op="GlobalAveragePool"),
    "global_maxpool2d": partial(global_pool, op="GlobalMaxPool"),
    "batchnorm": batchnorm,
    "dense": dense,
    "flatten": flatten,
    "reshape": reshape,
    "pad2d": pad2d,
    "rescale": rescale,
    **dict.fromkeys(
        ("dropout", "dropout_broadcast", "flip", "translate", "activity_penalty"), identity
    ),
    "relu": partial(activation, op="Relu"),
    "relu_variant": relu_variant,
    "sigmoid": partial(activation, op="Sigmoid"),
    "tanh": partial(activation, op="Tanh"),
    "softmax": partial(softmax, op="Softmax"),
    "log_softmax": partial(softmax, op="LogSoftmax"),
    "elu": partial(with_alpha, op="Elu"),
    "celu": partial(with_alpha, op="Celu"),
    "selu": partial(activation, op="Selu", alpha=1.6732632423543772, gamma=1.0507009873554805),
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "silu": silu,
    "softplus": partial(activation, op="Softplus"),
    "softsign": partial(activation, op="Softsign"),
    "hard_sigmoid": partial(activation, op="HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard_silu": partial(activation, op="HardSwish"),
    "exponential": partial(activation, op="Exp"),
    "mish": mish,
}
