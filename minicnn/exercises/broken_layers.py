"""Layers with one mistake each, for chapter 6: a gradient check is to find it.

Every forward is right. Look at a report before you look at the code below.
"""

from typing import Any

import numpy as np

from minicnn.backends.context import Context
from minicnn.layers import Layer

#: the answers, by layer: names of ``minicnn.gradcheck.CAUSES``
ANSWERS = {
    "Patient1": "sign",
    "Patient2": "batch_mean",
    "Patient3": "relu_mask",
    "Patient4": "missing_term",
}


class Patient1(Layer):
    """y = tanh(x)."""

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        y = np.tanh(x)
        ctx.save(y=y)
        return y

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        return dy * (ctx.y**2 - 1)


class Patient2(Layer):
    """y = x + bias, one bias a channel."""

    def build(self, input_shape: Any) -> None:
        self.bias = self.add_weight(name="bias", shape=input_shape[-1:], initializer="zeros")

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        return x + self.bias.value

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        self.bias.grad[...] = dy.sum(axis=(1, 2)).mean(axis=0)
        return dy


class Patient3(Layer):
    """y = max(x, 0)."""

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0)

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        return dy * (dy > 0)


class Patient4(Layer):
    """y = x sigmoid(x)."""

    def forward(self, ctx: Context, x: np.ndarray) -> np.ndarray:
        gate = 1 / (1 + np.exp(-x))
        ctx.save(x=x, gate=gate)
        return x * gate

    def backward(self, ctx: Context, dy: np.ndarray) -> np.ndarray:
        return dy * ctx.gate
