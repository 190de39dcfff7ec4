"""Each activation stage as ONNX nodes.

Opset 17 has no Gelu and no Mish; like SiLU they are written out.
"""

import math
from collections.abc import Callable
from typing import Any

from minicnn.export.graph import Graph, Value


def relu(graph: Graph, stage: Any, x: Value) -> Value:
    """max(x, 0)."""
    return graph.elementwise("Relu", x)


def relu_variant(graph: Graph, stage: Any, x: Value) -> Value:
    """max_value where x >= max_value; x where x > threshold; slope (x - threshold) elsewhere."""
    slope, ceiling, threshold = stage.negative_slope, stage.max_value, stage.threshold
    if threshold == 0 and ceiling is None:
        return graph.elementwise("LeakyRelu", x, alpha=slope)
    if threshold == 0 and slope == 0:
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


def sigmoid(graph: Graph, stage: Any, x: Value) -> Value:
    """1 / (1 + exp(-x))."""
    return graph.elementwise("Sigmoid", x)


def tanh(graph: Graph, stage: Any, x: Value) -> Value:
    """tanh(x)."""
    return graph.elementwise("Tanh", x)


def softmax(graph: Graph, stage: Any, x: Value) -> Value:
    """exp(x) / sum(exp(x)) along the stage's axis."""
    return graph.elementwise("Softmax", graph.channels_last(x), axis=stage.axis)


def log_softmax(graph: Graph, stage: Any, x: Value) -> Value:
    """log(softmax(x)) along the stage's axis."""
    return graph.elementwise("LogSoftmax", graph.channels_last(x), axis=stage.axis)


def elementwise(graph: Graph, stage: Any, x: Value) -> Value:
    """One of the functions below, by name."""
    return FUNCTIONS[stage.function](graph, stage, x)


def _elu(graph: Graph, stage: Any, x: Value) -> Value:
    """x where x > 0, alpha (exp(x) - 1) elsewhere."""
    return graph.elementwise("Elu", x, alpha=stage.alpha)


def _celu(graph: Graph, stage: Any, x: Value) -> Value:
    """max(x, 0) + min(alpha (exp(x / alpha) - 1), 0)."""
    return graph.elementwise("Celu", x, alpha=stage.alpha)


def _selu(graph: Graph, stage: Any, x: Value) -> Value:
    """1.0507 x where x > 0, 1.0507 * 1.67326 (exp(x) - 1) elsewhere."""
    return graph.elementwise("Selu", x, alpha=1.6732632423543772, gamma=1.0507009873554805)


def _gelu(graph: Graph, stage: Any, x: Value) -> Value:
    """x (1 + erf(x / sqrt 2)) / 2."""
    erf = graph.elementwise("Erf", graph.elementwise("Div", x, graph.number(math.sqrt(2))))
    doubled = graph.elementwise("Mul", graph.elementwise("Add", erf, graph.number(1)), x.name)
    return graph.elementwise("Mul", doubled, graph.number(0.5))


def _gelu_tanh(graph: Graph, stage: Any, x: Value) -> Value:
    """x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))."""
    square = graph.elementwise("Mul", x, x.name)
    factor = graph.elementwise("Mul", square, graph.number(0.044715))
    inner = graph.elementwise("Mul", graph.elementwise("Add", factor, graph.number(1)), x.name)
    scaled = graph.elementwise("Mul", inner, graph.number(2 * math.sqrt(2 / math.pi)))
    return graph.elementwise("Mul", x, graph.elementwise("Sigmoid", scaled).name)


def _silu(graph: Graph, stage: Any, x: Value) -> Value:
    """x sigmoid(x)."""
    return graph.elementwise("Mul", x, graph.elementwise("Sigmoid", x).name)


def _mish(graph: Graph, stage: Any, x: Value) -> Value:
    """x tanh(log(1 + exp(x)))."""
    tanh = graph.elementwise("Tanh", graph.elementwise("Softplus", x))
    return graph.elementwise("Mul", x, tanh.name)


def _softplus(graph: Graph, stage: Any, x: Value) -> Value:
    """log(1 + exp(x))."""
    return graph.elementwise("Softplus", x)


def _softsign(graph: Graph, stage: Any, x: Value) -> Value:
    """x / (1 + |x|)."""
    return graph.elementwise("Softsign", x)


def _hard_sigmoid(graph: Graph, stage: Any, x: Value) -> Value:
    """clip(x / 6 + 1/2, 0, 1)."""
    return graph.elementwise("HardSigmoid", x, alpha=1 / 6, beta=0.5)


def _hard_silu(graph: Graph, stage: Any, x: Value) -> Value:
    """x hard_sigmoid(x)."""
    return graph.elementwise("HardSwish", x)


def _exponential(graph: Graph, stage: Any, x: Value) -> Value:
    """exp(x)."""
    return graph.elementwise("Exp", x)


#: name of the function of an elementwise stage -> its nodes
FUNCTIONS: dict[str, Callable[[Graph, Any, Value], Value]] = {
    "elu": _elu,
    "celu": _celu,
    "selu": _selu,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": _silu,
    "softplus": _softplus,
    "softsign": _softsign,
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": _hard_silu,
    "exponential": _exponential,
    "mish": _mish,
}
