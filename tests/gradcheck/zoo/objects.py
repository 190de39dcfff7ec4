"""Broken objects with forward(x), backward(dy), and gradients as attributes."""

import numpy as np

from . import bug, weights

SHAPE = (4, 5)


class OtherStyle:
    """Weights and gradients as attributes, no context."""

    def __init__(self, inputs=5, units=3):
        self.W, self.b = weights(inputs, units), np.zeros(units)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.dW, self.db = self.x.T @ dy, dy.sum(0)
        return dy @ self.W.T


@bug("sign", SHAPE)
class OtherStyleSign(OtherStyle):
    def backward(self, dy):
        dx = super().backward(dy)
        self.dW = -self.dW
        return dx


@bug("accumulated", SHAPE)
class OtherStyleAddsUp(OtherStyle):
    def __init__(self):
        super().__init__()
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

    def backward(self, dy):
        self.dW += self.x.T @ dy
        self.db += dy.sum(0)
        return dy @ self.W.T


class Linear:
    """PyTorch's names, no context."""

    def __init__(self, inputs=4, outputs=3):
        self.weight, self.bias = weights(outputs, inputs), weights(outputs)

    def forward(self, x):
        self.x = x
        return x @ self.weight.T + self.bias

    def backward(self, dy):
        self.grad_weight, self.grad_bias = dy.T @ self.x, dy.sum(axis=0)
        return dy @ self.weight


@bug("batch_mean", (5, 4))
class LinearMeanGradient(Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grad_weight = self.grad_weight / len(dy)
        return dx


@bug("bias_forgotten", (5, 4))
class LinearBiasZeros(Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grad_bias = np.zeros_like(self.bias)
        return dx


@bug("wrong_axis", (5, 5))
class LinearBiasOverFeatures(Linear):
    def __init__(self):
        super().__init__(5, 5)

    def backward(self, dy):
        dx = super().backward(dy)
        self.grad_bias = dy.sum(axis=1)
        return dx


@bug("cotangent_modified", (5, 4))
class LinearWithReluInPlace(Linear):
    def forward(self, x):
        self.z = super().forward(x)
        return np.maximum(self.z, 0)

    def backward(self, dy):
        dy[self.z < 0] = 0.0
        return super().backward(dy)


@bug("relu_mask", (5, 4))
class LinearReluMaskOfInput(Linear):
    def __init__(self):
        super().__init__(4, 4)

    def forward(self, x):
        return np.maximum(super().forward(x), 0)

    def backward(self, dy):
        return super().backward(np.where(self.x > 0, dy, 0))
